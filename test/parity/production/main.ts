// The application that run.spec.ts starts as a process of its own: `node dist/main.js run` through run(), else as
// `nest start` does. It tells its parent process where it listens and closes when the parent says so.
import 'reflect-metadata';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  FlaskSocketModule,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  run,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';

@SocketGateway()
class EchoGateway {
  @OnConnect()
  connect() {}

  @OnEvent('echo')
  echo(data: unknown) {
    return [request.transport, data];
  }

  @OnDisconnect()
  async left(reason: string) {
    await new Promise((resolve) => process.stdout.write(`left: ${reason}\n`, resolve));
  }
}

@Module({ imports: [FlaskSocketModule.forRoot({ logger: false })], providers: [EchoGateway] })
class AppModule {}

async function plain(): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  return app;
}

async function start() {
  const nest = { logger: ['error', 'warn'] as ('error' | 'warn')[] };
  const app = process.argv[2] === 'run' ? await run(AppModule, { port: 0, nest }) : await plain();
  const close = { close: () => app.close(), stop: () => app.get(SocketIO).stop() };
  process.once('message', (how: keyof typeof close) => {
    void close[how]().then(() => process.disconnect());
  });
  process.send?.(await app.getUrl());
}

void start();
