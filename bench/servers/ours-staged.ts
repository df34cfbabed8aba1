import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import {
  Injectable,
  Module,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { emit, FlaskSocketModule, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { map } from 'rxjs';
import { addIdleHandlers, serve, SETTINGS } from '../harness/serve.js';

@Injectable()
class KnownHandler implements CanActivate {
  canActivate(context: ExecutionContext) {
    return context.getHandler() !== undefined;
  }
}

@Injectable()
class Present implements PipeTransform {
  transform(data: unknown) {
    if (data === undefined) throw new TypeError('no data');
    return data;
  }
}

@Injectable()
class Mapped implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((result: unknown) => result));
  }
}

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
  imports: [FlaskSocketModule.forRoot({ logger: false, server: SETTINGS })],
  providers: [EventsGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
await serve(app.getHttpServer() as HttpServer);
