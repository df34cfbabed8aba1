import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Module, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { addIdleHandlers, serve, SETTINGS } from '../harness/serve.js';
import { KnownHandler, Mapped, Present } from '../harness/stages.js';

@UseGuards(KnownHandler)
@UsePipes(Present)
@UseInterceptors(Mapped)
@WebSocketGateway(SETTINGS)
class EventsGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return data;
  }

  @SubscribeMessage('reply')
  reply(@MessageBody() data: unknown) {
    return { event: 'reply', data };
  }
}

addIdleHandlers(EventsGateway, SubscribeMessage);

@Module({ providers: [EventsGateway] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
