// One process of the contract suite: an application with a message queue, that does what the test's process tells it
// (world.ts), as code of the application could.
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  emit,
  FlaskSocketModule,
  type BackgroundTask,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  rooms,
  SocketGateway,
  SocketIO,
  user,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';

/** What the test's process asks for: a method of `SocketIO`, or one of the commands below. */
interface Order {
  id: number;
  what: string;
  values: unknown[];
}

const lines: string[] = [];
const left: { sid: string; reason: unknown; rooms: string[] }[] = [];
const tasks: BackgroundTask[] = [];
const keep = (line: unknown) => void lines.push(String(line));

@SocketGateway()
class MainGateway {
  /** The context of a callback is that of the handler, wherever the client is that answered. */
  @OnEvent('ask another')
  askAnother(sid: string) {
    const { sid: asker } = request;
    emit('question', 'how are you?', {
      to: sid,
      callback: (...answer: unknown[]) => {
        emit('answered', { answer, asker, replied: request.sid });
      },
    });
  }

  @OnEvent('my rooms')
  myRooms() {
    return rooms();
  }

  @OnDisconnect()
  left(reason: unknown) {
    left.push({ sid: request.sid, reason, rooms: rooms() });
  }
}

/** Where clients wait until they are let in. */
class Door {
  readonly waiting: string[] = [];
  #open: () => void = () => {};
  #opened = this.#wait();

  pass(): Promise<void> {
    this.waiting.push(request.sid);
    return this.#opened;
  }

  open(): void {
    this.waiting.length = 0;
    this.#open();
    this.#opened = this.#wait();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => (this.#open = resolve));
  }
}

const door = new Door();

@SocketGateway('/door')
class DoorGateway {
  @OnConnect()
  async connect() {
    joinRoom('hall');
    await door.pass();
    emit('own', 1);
  }

  @OnEvent('my rooms')
  myRooms() {
    return rooms();
  }
}

@SocketGateway('/job/:id')
class JobGateway {
  @OnConnect()
  connect() {}

  @OnEvent('my rooms')
  myRooms() {
    return rooms();
  }
}

function moduleWith(options: FlaskSocketOptions) {
  @Module({
    imports: [
      FlaskSocketModule.forRoot({
        namespaces: ['/', '/chat'],
        identify: ({ auth }) => (auth as { user?: number } | undefined)?.user,
        logger: { log: keep, warn: keep, error: keep },
        ...options,
      }),
    ],
    providers: [MainGateway, DoorGateway, JobGateway],
  })
  class AppModule {}
  return AppModule;
}

async function start(options: FlaskSocketOptions): Promise<void> {
  const app = await NestFactory.create(moduleWith(options), { logger: false });
  await app.listen(0, '127.0.0.1');
  const commands = commandsOf(app);
  process.on('message', (order: Order) => void obey(commands, order));
  process.send?.((app.getHttpServer().address() as AddressInfo).port);
}

type Commands = Record<string, (...values: never[]) => unknown>;

async function obey(commands: Commands, { id, what, values }: Order): Promise<void> {
  try {
    const result = await commands[what]!(...(values.map(addressed) as never[]));
    process.send?.({ id, result });
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    process.send?.({ id, error: { message, code } });
  }
}

/** `user(id)` makes an object that cannot be sent to a process. */
function addressed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('toUser' in value)) return value;
  const { toUser, ...options } = value as { toUser: number };
  return { ...options, to: user(toUser) };
}

function commandsOf(app: INestApplication): Commands {
  const socketio = app.get(SocketIO);
  const methods = ['call', 'closeRoom', 'joinRoom', 'leaveRoom', 'members', 'disconnect', 'disconnectUser'];
  const load = new Load(socketio);
  return {
    ...Object.fromEntries(
      [...methods, 'emit', 'send', 'rooms'].map((name) => [name, forward(socketio, name)]),
    ),
    emitForCallback: (event: string, data: unknown, options: object) =>
      new Promise((resolve) => {
        socketio.emit(event, data, {
          ...options,
          callback: (...answer: unknown[]) => resolve(answer),
        });
      }),
    partialMembers: async (room: string, options: object) => {
      const began = performance.now();
      const members = await socketio.members(room, options);
      const took = performance.now() - began;
      return { sids: members.map(({ sid }) => sid), partial: members.partial === true, took };
    },
    socketsJoin: (room: string, sid: string) => socketio.server.in(sid).socketsJoin(room),
    keepInData: (sid: string, name: string, depth: number) => {
      const { data } = socketio.server.sockets.sockets.get(sid)!;
      Object.assign(data as object, { name, nested: nested(depth) });
    },
    namesInData: async () => {
      const sockets = await socketio.server.fetchSockets();
      return Object.fromEntries(sockets.map(({ id, data }) => [id, (data as { name?: string }).name]));
    },
    startTicking: (name: string) => {
      tasks.push(socketio.startBackgroundTask({ once: name }, tick, socketio));
    },
    stopTicking: () => tasks.splice(0).forEach((task) => task.cancel()),
    isLeader: (name: string) => socketio.isLeader(name),
    openDoor: () => door.open(),
    waiting: () => [...door.waiting],
    flood: (event: string, count: number) => {
      for (let n = 1; n <= count; n++) socketio.emit(event, n);
    },
    emitOfAllKinds: (event: string) => {
      const hiding = { id: 1, password: 'secret', toJSON: () => ({ id: 1 }) };
      socketio.emit(event, { hiding, left: undefined, out() {} });
      socketio.emit(event, viewsOf(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])));
      socketio.emit(event, { hiding, views: viewsOf(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])) });
    },
    startLoad: (name: string) => load.start(name),
    stopLoad: () => load.stop(),
    log: () => lines.splice(0),
    left: () => left.splice(0),
    usage,
    polluted: () => 'polluted' in {},
    close: async () => {
      await app.close();
      process.disconnect();
    },
  };
}

/** So many lists in each other. */
function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
}

/** A task that is to run in one process of all: it says which one that is, and counts. */
async function tick(socketio: SocketIO, signal: AbortSignal): Promise<void> {
  for (let count = 1; !signal.aborted; count++) {
    socketio.emit('tick', { by: process.pid, count });
    await socketio.sleep(50);
  }
}

function forward(socketio: SocketIO, name: string) {
  const method = (socketio as unknown as Commands)[name]!;
  return (...values: unknown[]) => method.apply(socketio, values as never[]);
}

/** The same bytes, as all that may hold them. */
function viewsOf(bytes: Buffer): object[] {
  const buffer = new Uint8Array(bytes).buffer;
  return [buffer, new DataView(buffer), new Float32Array(buffer), new Uint16Array(buffer), bytes];
}

/** Broadcasts numbers, one after the other, until it is told to stop. */
class Load {
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(private readonly socketio: SocketIO) {}

  start(name: string): void {
    this.#timer = setInterval(() => this.socketio.emit('load', [name, ++this.#count]), 5);
  }

  /** How many there were. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#count;
  }
}

/** What a process that leaks has more of. */
async function usage() {
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn();
    globalThis.gc?.();
  }
  const held = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate');
  return { heap: process.memoryUsage().heapUsed, held: held.toSorted() };
}

void start(JSON.parse(process.argv[2]!) as FlaskSocketOptions);
