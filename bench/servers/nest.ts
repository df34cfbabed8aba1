import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import { addIdleHandlers, idleGateways, serve, SETTINGS } from '../harness/serve.js';

@WebSocketGateway(SETTINGS)
class EventsGateway {
  @WebSocketServer()
  private readonly server!: Server;

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return data;
  }

  @SubscribeMessage('reply')
  reply(@MessageBody() data: unknown) {
    return { event: 'reply', data };
  }

  @SubscribeMessage('broadcast')
  broadcast(@MessageBody() data: unknown) {
    this.server.emit('news', data);
  }
}

addIdleHandlers(EventsGateway, SubscribeMessage);

@Module({ providers: [EventsGateway, ...idleGateways(WebSocketGateway(SETTINGS), SubscribeMessage)] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
