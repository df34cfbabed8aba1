// The application that stop.spec.ts starts as a process of its own, with the options that it is given. It tells its
// parent process where it listens and what happens, and stops when the parent says so; nothing ends the process.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  FlaskSocketModule,
  OnConnect,
  OnDisconnect,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';

const { https, ...options } = JSON.parse(process.argv[2]!) as FlaskSocketOptions & { https?: object };

@SocketGateway()
class Gateway {
  @OnConnect()
  came() {
    process.send?.('came');
  }

  @OnDisconnect()
  left(reason: string) {
    process.send?.(`left: ${reason}`);
  }
}

@Module({ imports: [FlaskSocketModule.forRoot({ logger: false, ...options })], providers: [Gateway] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error'], httpsOptions: https });
await app.listen(0, '127.0.0.1');
process.once('message', () => {
  process.channel?.unref();
  void app.get(SocketIO).stop();
});
process.send?.((app.getHttpServer() as { address(): { port: number } }).address().port);
