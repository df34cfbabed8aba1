import { run } from 'nestjs-flask-socket';
import { AppModule } from './app.module.js';

const app = await run(AppModule);
console.log(`The auction is at ${await app.getUrl()}, namespace /auction. Ctrl-C stops the server.`);
