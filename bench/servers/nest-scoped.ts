import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { NestFactory, REQUEST } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { addIdleHandlers, serve, SETTINGS } from '../harness/serve.js';

@Injectable({ scope: Scope.REQUEST })
class Audit {
  constructor(@Inject(REQUEST) readonly client: unknown) {}
}

@WebSocketGateway(SETTINGS)
class EventsGateway {
  constructor(@Inject(Audit) private readonly audit: Audit) {}

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return this.audit.client ? data : undefined;
  }

  @SubscribeMessage('reply')
  reply(@MessageBody() data: unknown) {
    return this.audit.client ? { event: 'reply', data } : undefined;
  }
}

addIdleHandlers(EventsGateway, SubscribeMessage);

@Module({ providers: [Audit, EventsGateway] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
