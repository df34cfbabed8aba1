// The application that memory.spec.ts lets clients live and go in; it says what is left of them, as often as it is asked.
import 'reflect-metadata';
import { setImmediate as turn } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { ConnectedSocket } from '@nestjs/websockets';
import {
  emit,
  FlaskSocketModule,
  joinRoom,
  OnConnect,
  OnEvent,
  run,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io';

/** What is left of the clients. */
export interface Left {
  /** Sockets, and what is kept for the return of a client, that nobody has collected. */
  alive: number;
  /** Those that the server knows of. */
  namespaces: number;
  clients: number;
  rooms: number;
  /** How many came back to what they had. */
  returned: number;
  /** Bytes in use. */
  heap: number;
}

let alive = 0;
let returned = 0;
const collected = new FinalizationRegistry(() => alive--);

function watch(object: object): void {
  alive++;
  collected.register(object, undefined);
}

function live(socket: Socket): void {
  const data = socket.data as { life?: object };
  data.life = { began: Date.now() };
  watch(socket);
  watch(data.life);
  joinRoom(`room of ${socket.id}`);
}

/** Answers, after an event that may be missed. */
function answer(socket: Socket, value: unknown): unknown {
  if (socket.recovered) returned++;
  emit('news', value);
  return value;
}

class Lives {
  @OnConnect()
  connect(@ConnectedSocket() socket: Socket) {
    live(socket);
  }

  @OnEvent('echo')
  echo(value: unknown, @ConnectedSocket() socket: Socket) {
    return answer(socket, value);
  }
}

@SocketGateway()
class MainGateway extends Lives {}

@SocketGateway('/job/:id')
class JobGateway extends Lives {}

@Module({ imports: [FlaskSocketModule.forRoot()], providers: [MainGateway, JobGateway] })
class AppModule {}

const app = await run(AppModule, {
  port: 0,
  host: '127.0.0.1',
  nest: { logger: false },
  logger: false,
  connectionStateRecovery: { maxDisconnectionDuration: Number(process.argv[2]) },
});
const { server } = app.get(SocketIO);

async function left(): Promise<Left> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc!();
    await turn(); // in which what was collected is reported
  }
  const namespaces = [...server._nsps.values()];
  return {
    alive,
    namespaces: namespaces.length,
    clients: server.engine.clientsCount,
    rooms: namespaces.reduce((sum, { adapter }) => sum + adapter.rooms.size, 0),
    returned,
    heap: process.memoryUsage().heapUsed,
  };
}

process.on('message', () => void left().then((found) => process.send!(found)));
process.send!(await app.getUrl());
