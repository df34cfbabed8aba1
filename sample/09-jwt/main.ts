import { run } from 'nestjs-flask-socket';
import { AppModule } from './app.module.js';

const app = await run(AppModule);
console.log(`Open ${await app.getUrl()}. Ctrl-C stops the server.`);
