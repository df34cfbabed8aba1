import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { emit, FlaskSocketModule, OnEvent, SocketGateway, SocketRequest } from 'nestjs-flask-socket';
import { addIdleHandlers, serve, LIMITS, SETTINGS } from '../harness/serve.js';

@Injectable({ scope: Scope.REQUEST })
class Audit {
  constructor(@Inject(SocketRequest) readonly request: SocketRequest) {}
}

@SocketGateway()
class EventsGateway {
  constructor(@Inject(Audit) private readonly audit: Audit) {}

  @OnEvent('echo')
  echo(data: unknown) {
    return this.audit.request ? data : undefined;
  }

  @OnEvent('reply')
  reply(data: unknown) {
    if (this.audit.request) emit('reply', data);
  }
}

addIdleHandlers(EventsGateway, OnEvent);

@Module({
  imports: [FlaskSocketModule.forRoot({ logger: false, server: SETTINGS, limits: LIMITS })],
  providers: [Audit, EventsGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
