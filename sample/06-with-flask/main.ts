import { run } from 'nestjs-flask-socket';
import { AppModule } from './app.module.js';

const app = await run(AppModule);
console.log(`Open ${await app.getUrl()}, and start worker.py. Ctrl-C stops the server.`);
