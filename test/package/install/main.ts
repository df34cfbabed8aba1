// The application that install.spec.ts compiles and starts outside of the repository, as an ES module and as
// CommonJS. It tells its parent process where it listens and which copy of Socket.IO serves it.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { args, emit, FlaskSocketModule, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';

@Injectable()
class Answers {
  readonly all = args('one', 2);
}

@SocketGateway('/chat')
class ChatGateway {
  constructor(private readonly answers: Answers) {}

  @OnEvent('my event')
  handle(first: string, second: number) {
    emit('my response', args(first, second));
    return this.answers.all;
  }
}

@Module({ imports: [FlaskSocketModule.forRoot()], providers: [ChatGateway, Answers] })
class AppModule {}

/** The versions of those loaded copies of Socket.IO that made the server. */
function versionsOf(server: object): string[] {
  const require = createRequire(join(process.cwd(), 'main.js'));
  const copies = Object.keys(require.cache).filter((path) => /\bsocket\.io\/dist\/index\.js$/.test(path));
  return copies
    .filter((path) => server instanceof (require(path) as { Server: new () => object }).Server)
    .map((path) => (require(join(path, '../../package.json')) as { version: string }).version);
}

async function start() {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  process.send?.({ url: await app.getUrl(), socketIo: versionsOf(app.get(SocketIO).server) });
}

void start();
