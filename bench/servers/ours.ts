import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { emit, FlaskSocketModule, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { addIdleHandlers, idleGateways, serve, LIMITS, SETTINGS } from '../harness/serve.js';

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

  @OnEvent('broadcast')
  broadcast(data: unknown) {
    emit('news', data, { broadcast: true });
  }
}

addIdleHandlers(EventsGateway, OnEvent);

@Module({
  imports: [FlaskSocketModule.forRoot({ logger: false, server: SETTINGS, limits: LIMITS })],
  providers: [EventsGateway, ...idleGateways(SocketGateway(), OnEvent)],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
