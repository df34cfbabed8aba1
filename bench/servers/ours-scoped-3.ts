import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  emit,
  FlaskSocketModule,
  OnEvent,
  SocketGateway,
  SocketRequest,
  SocketSession,
} from 'nestjs-flask-socket';
import { addIdleHandlers, serve, LIMITS, SETTINGS } from '../harness/serve.js';

@Injectable({ scope: Scope.REQUEST })
class Audit {
  constructor(@Inject(SocketRequest) readonly request: SocketRequest) {}
}

@Injectable({ scope: Scope.REQUEST })
class Basket {
  constructor(@Inject(SocketSession) readonly session: SocketSession) {}
}

@Injectable({ scope: Scope.REQUEST })
class Shop {
  constructor(
    @Inject(Audit) readonly audit: Audit,
    @Inject(Basket) readonly basket: Basket,
  ) {}
}

@SocketGateway()
class EventsGateway {
  constructor(@Inject(Shop) private readonly shop: Shop) {}

  @OnEvent('echo')
  echo(data: unknown) {
    return this.shop.basket.session ? data : undefined;
  }

  @OnEvent('reply')
  reply(data: unknown) {
    if (this.shop.basket.session) emit('reply', data);
  }
}

addIdleHandlers(EventsGateway, OnEvent);

@Module({
  imports: [FlaskSocketModule.forRoot({ logger: false, server: SETTINGS, limits: LIMITS })],
  providers: [Audit, Basket, Shop, EventsGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
