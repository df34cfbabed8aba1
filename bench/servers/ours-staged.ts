import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Module, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { emit, FlaskSocketModule, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { addIdleHandlers, serve, LIMITS, SETTINGS } from '../harness/serve.js';
import { KnownHandler, Mapped, Present } from '../harness/stages.js';

@UseGuards(KnownHandler)
@UsePipes(Present)
@UseInterceptors(Mapped)
@SocketGateway()
class EventsGateway {
  @OnEvent('echo')
  echo(data: unknown) {
    return data;
  }

  @OnEvent('reply')
  reply(data: unknown) {
    emit('reply', data);
  }
}

addIdleHandlers(EventsGateway, OnEvent);

@Module({
  imports: [FlaskSocketModule.forRoot({ logger: false, server: SETTINGS, limits: LIMITS })],
  providers: [EventsGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
