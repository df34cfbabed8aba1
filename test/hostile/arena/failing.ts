// The part of the arena's server whose hooks fail as a client asks for.
import { UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ConnectedSocket } from '@nestjs/websockets';
import { emit, OnConnect, OnDisconnect, OnError, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import type { Server, Socket } from 'socket.io';
import { failAt } from './failures.js';

class FailingGuard implements CanActivate {
  canActivate(context: ExecutionContext) {
    return (failAt('guard', context.switchToWs().getClient()) ?? true) as boolean;
  }
}

@SocketGateway('/failing')
export class FailingGateway {
  @OnConnect()
  connect(@ConnectedSocket() socket: Socket) {
    return failAt('connect', socket);
  }

  @UseGuards(FailingGuard)
  @OnEvent('x')
  x(@ConnectedSocket() socket: Socket) {
    emit('question', 1, { callback: () => failAt('callback', socket) });
    return failAt('event', socket);
  }

  @OnDisconnect()
  disconnect(@ConnectedSocket() socket: Socket) {
    return failAt('disconnect', socket);
  }
}

/** Its handler fails first, then what handles that. */
@SocketGateway('/failing-twice')
export class FailingTwiceGateway {
  @OnEvent('x')
  x() {
    throw new Error('first');
  }

  @OnError('/failing-twice')
  failed(_error: unknown, @ConnectedSocket() socket: Socket) {
    return failAt('error handler', socket);
  }
}

const NAMESPACES = ['/failing', '/failing-twice'];

/** A middleware that fails. */
export function addFailingMiddleware(server: Server): void {
  for (const name of NAMESPACES)
    server.of(name).use((socket, next) => {
      const failed = failAt('middleware', socket);
      if (failed === undefined) next();
      return failed;
    });
}

/** The same hooks with Socket.IO alone, as its documentation writes them: a middleware passes on what fails. */
export function serveFailing(server: Server): void {
  const serve = (socket: Socket) => {
    socket.use((_event, next) => {
      const failed = failAt('guard', socket);
      if (failed === undefined) next();
      return failed;
    });
    socket.on('x', (answer: (...values: unknown[]) => void) => {
      socket.emit('question', 1, () => failAt('callback', socket));
      const failed = failAt('event', socket) ?? failAt('error handler', socket);
      if (failed === undefined) answer();
      return failed;
    });
    socket.on('disconnect', () => failAt('disconnect', socket));
    return failAt('connect', socket);
  };
  for (const name of NAMESPACES)
    server
      .of(name)
      .use((socket, next) => {
        const passed = async () => failAt('middleware', socket);
        void passed().then(() => next(), next);
      })
      .on('connection', serve);
}
