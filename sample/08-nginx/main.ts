import { run } from 'nestjs-flask-socket';
import { AppModule } from './app.module.js';

const app = await run(AppModule);
console.log(`Process ${process.pid} is at ${await app.getUrl()}. Ctrl-C stops it.`);
