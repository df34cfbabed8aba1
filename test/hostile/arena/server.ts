// The server that the specs of this folder attack, in a process of its own; it tells its figures when it is asked.
import 'reflect-metadata';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  args,
  emit,
  FlaskSocketModule,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnEvent,
  Reason,
  request,
  run,
  SocketGateway,
  SocketIO,
  type RunOptions,
} from 'nestjs-flask-socket';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { addFailingMiddleware, FailingGateway, FailingTwiceGateway, serveFailing } from './failing.js';

/** What is started. */
export interface ServerSettings {
  /** Ours, or Socket.IO alone with the same events, for comparison. */
  kind: 'ours' | 'bare';
  options: RunOptions & Partial<ServerOptions>;
  /** Whether the application keeps every client for good, and a listener for it: what a soak must find. */
  leaks: boolean;
}

/** What the server tells of itself. */
export interface Figures {
  /** Memory in bytes, after garbage collection. */
  rss: number;
  heap: number;
  external: number;
  /** Connections of the engine, sockets of namespaces, namespaces, rooms, awaited acknowledgements. */
  connections: number;
  sockets: number;
  namespaces: number;
  rooms: number;
  acknowledgements: number;
  /** Events that a handler got; callbacks called; the reasons of disconnects, counted. */
  events: number;
  callbacks: number;
  timeouts: number;
  connects: number;
  reasons: Record<string, number>;
  /** The longest time that the event loop was busy since the figures were read last, in milliseconds. */
  stall: number;
  /** What each limit did. */
  limits: Record<string, number>;
  /** CPU time since the start, in milliseconds. */
  cpu: number;
  handles: number;
  /** Listeners of the process, the servers and the namespaces. */
  listeners: number;
  /** Lines in the log that are errors, and what would have ended the process: counted of Socket.IO alone. */
  errors: number;
  crashes: number;
  /** Whether a client has put something into every object's prototype, or a key `__proto__` has reached a handler. */
  polluted: boolean;
  protoKeys: number;
}

/** What the arena may ask of the server. */
export type Order =
  { do: 'figures' } | { do: 'broadcast'; bytes: number; every: number; times: number; volatile?: boolean };

const settings = JSON.parse(process.argv[2]!) as ServerSettings;
const counts = {
  events: 0,
  callbacks: 0,
  timeouts: 0,
  connects: 0,
  errors: 0,
  crashes: 0,
  protoKeys: 0,
  reasons: {} as Record<string, number>,
};
const left = (reason: string) => (counts.reasons[reason] = (counts.reasons[reason] ?? 0) + 1);

/** Counts what was called with these values, and merges them into a target, as applications do. */
function took(values: unknown[]): void {
  counts.events++;
  for (const value of values) merge({}, value);
}

function merge(target: Record<string, unknown>, source: unknown): void {
  if (typeof source !== 'object' || source === null) return;
  if (Object.getPrototypeOf(source) !== Object.prototype && !Array.isArray(source)) counts.protoKeys++;
  for (const [key, value] of Object.entries(source)) {
    if (key === '__proto__') counts.protoKeys++;
    if (typeof target[key] === 'object') merge(target[key] as Record<string, unknown>, value);
    else target[key] = value;
  }
}

/** Keeps the process busy, as a handler that computes does. */
function compute(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

@SocketGateway('*')
class ArenaGateway {
  @OnConnect()
  connect() {
    counts.connects++;
  }

  @OnEvent('echo')
  echo(...values: unknown[]) {
    counts.events++;
    return args(...values);
  }

  @OnEvent('echo all')
  echoAll(value: unknown) {
    counts.events++;
    emit('news', value, { broadcast: true });
    return value;
  }

  @OnEvent('echo to')
  echoTo(room: string, value: unknown) {
    counts.events++;
    emit('news', value, { to: room });
    emit('news', value);
  }

  @OnEvent('compute')
  compute(milliseconds: number) {
    counts.events++;
    compute(Math.min(milliseconds, 50));
  }

  @OnEvent('throw')
  throw() {
    counts.events++;
    throw new Error(`secret-${request.sid}`);
  }

  @OnEvent('join')
  join(...rooms: string[]) {
    counts.events++;
    for (const room of rooms) void joinRoom(room);
    return rooms.length;
  }

  @OnEvent('ask')
  ask(times: number, timeout?: number) {
    counts.events++;
    const callback = () => counts.callbacks++;
    const onTimeout = () => counts.timeouts++;
    const options = { callback, onTimeout, ...(timeout === undefined ? {} : { timeout }) };
    for (let count = 0; count < times; count++) emit('question', count, options);
    return times;
  }

  @OnEvent('merge')
  merge(...values: unknown[]) {
    took(values);
    return values.length;
  }

  @OnEvent('ignored')
  ignored() {
    counts.events++;
  }

  @OnDisconnect()
  disconnect(@Reason() reason: string) {
    left(reason);
  }
}

@WebSocketGateway({ namespace: '/nest' })
class NestGateway {
  @SubscribeMessage('nest echo')
  echo(value: unknown) {
    counts.events++;
    return value;
  }
}

@Module({
  imports: [FlaskSocketModule.forRoot()],
  providers: [ArenaGateway, NestGateway, FailingGateway, FailingTwiceGateway],
})
class ArenaModule {}

/** The console, whose errors are counted. */
const logger = Object.assign(Object.create(console) as Console, {
  error: (line: string) => {
    counts.errors++;
    console.error(line);
  },
});

/** Ours: the server, and what its limits did. */
async function ours(options: RunOptions) {
  const app = await run(ArenaModule, {
    port: 0,
    host: '127.0.0.1',
    namespaces: '*',
    nest: { logger: false },
    logger,
    ...options,
  });
  const socketio = app.get(SocketIO);
  addFailingMiddleware(socketio.server);
  return {
    url: await app.getUrl(),
    server: socketio.server,
    limits: () => socketio.limits.reached as Record<string, number>,
  };
}

/** Socket.IO alone, with the same events. */
async function bare(options: Partial<ServerOptions>) {
  process.on('uncaughtException', () => counts.crashes++);
  const http = createServer();
  const server = new Server(http, options);
  serveFailing(server);
  const serve = (socket: Socket) => {
    counts.connects++;
    const on = (event: string, handle: (...values: unknown[]) => void) =>
      socket.on(event, (...values: unknown[]) => {
        counts.events++;
        handle(...values);
      });
    const acknowledge = (values: unknown[]) => values.at(-1) as (...answer: unknown[]) => void;
    on('echo', (...values) => acknowledge(values)(...values.slice(0, -1)));
    on('echo all', (...values) => {
      server.emit('news', values[0]);
      acknowledge(values)(values[0]);
    });
    on('echo to', (room, value) => {
      server.to(String(room)).emit('news', value);
      socket.emit('news', value);
    });
    on('compute', (time) => compute(Number(time)));
    socket.on('merge', (...values: unknown[]) => {
      took(values.slice(0, -1));
      acknowledge(values)(values.length - 1);
    });
    on('throw', () => {});
    on('ignored', () => {});
    on('join', (...values) => {
      void socket.join(values.slice(0, -1) as string[]);
      acknowledge(values)(values.length - 1);
    });
    on('ask', (...values) => {
      for (let count = 0; count < Number(values[0]); count++)
        socket.emit('question', count, () => counts.callbacks++);
      acknowledge(values)(values[0]);
    });
    socket.on('disconnect', left);
  };
  server.of(/.*/).on('connection', serve);
  server.on('connection', serve);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, server, limits: () => ({}) };
}

const { url, server, limits } = await (settings.kind === 'ours' ? ours : bare)(settings.options);

const kept: Socket[] = [];
if (settings.leaks)
  server.on('connection', (socket) => {
    kept.push(socket);
    process.on('SIGWINCH', () => socket.id);
  });

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

/** Listeners of what lives as long as the server. */
function countListeners(): number {
  const namespaces = [...server._nsps.values()];
  const adapters = namespaces.map(({ adapter }) => adapter);
  const { httpServer } = server as unknown as { httpServer: NodeJS.EventEmitter }; // typed private
  const emitters = [process, httpServer, server.engine, ...namespaces, ...adapters] as NodeJS.EventEmitter[];
  return emitters
    .flatMap((emitter) => emitter.eventNames().map((name) => emitter.listenerCount(name)))
    .reduce((sum, count) => sum + count, 0);
}

async function figures(): Promise<Figures> {
  const stall = delay.max / 1e6;
  for (let round = 0; round < 3; round++) {
    globalThis.gc!();
    await turn();
  }
  delay.reset();
  const namespaces = [...server._nsps.values()];
  const sockets = namespaces.flatMap((namespace) => [...namespace.sockets.values()]);
  const awaited = sockets.map((socket) => (socket as unknown as { acks: Map<number, unknown> }).acks.size); // typed private
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    rss,
    heap: heapUsed,
    external,
    connections: server.engine.clientsCount,
    sockets: sockets.length,
    namespaces: namespaces.length,
    rooms: namespaces.reduce((sum, { adapter }) => sum + adapter.rooms.size, 0),
    acknowledgements: awaited.reduce((sum, size) => sum + size, 0),
    ...counts,
    polluted: 'polluted' in {},
    stall,
    limits: limits(),
    cpu: (user + system) / 1_000,
    handles: process.getActiveResourcesInfo().length,
    listeners: countListeners(),
  };
}

/** Sends to everybody so often; resolves after the last time. */
async function broadcast({ bytes, every, times, volatile }: Order & { do: 'broadcast' }): Promise<void> {
  for (let count = 0; count < times; count++) {
    (volatile ? server.volatile : server).emit('news', count, 'x'.repeat(bytes));
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

process.on('message', (order: Order & { id: number }) => {
  const done = order.do === 'figures' ? figures() : broadcast(order);
  void done.then((result) => process.send!({ id: order.id, result }));
});
process.send!({ url });
