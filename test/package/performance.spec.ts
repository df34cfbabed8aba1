import { createHook } from 'node:async_hooks';
import { createServer } from 'node:http';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import {
  Inject,
  Injectable,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
} from '@nestjs/common';
import {
  emit,
  OnConnect,
  OnEvent,
  request as current,
  SocketGateway,
  SocketIO,
  SocketRequest,
  SocketSession,
} from 'nestjs-flask-socket';
import { Server, type Socket } from 'socket.io';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Client, frame } from '../../bench/load/client.js';
import { storage } from '../../lib/context/storage.js';
import { startApp } from '../support/app.js';

// What `npm run bench` measures in time is held here by counts, which are the same on every machine.

/** Events that arrive in one piece. */
const EVENTS = 50;
/** How often the server may write to a client's TCP socket to answer all of them. */
const WRITES = 1;
/** Bytes that an event may take from the heap, its client and the test included: what matters is the magnitude. */
const GARBAGE = 40_000;

@SocketGateway()
class PlainGateway {
  @OnEvent()
  echo(data: unknown) {
    return data;
  }

  @OnEvent()
  reply(data: unknown) {
    emit('reply', data);
  }

  @OnEvent()
  broadcast(data: unknown) {
    emit('news', data, { broadcast: true });
  }
}

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

class Allow implements CanActivate {
  canActivate() {
    return true;
  }
}

class Keep implements PipeTransform {
  transform(data: unknown) {
    return data;
  }
}

class Pass implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle();
  }
}

@SocketGateway()
class GuardedGateway {
  @UseGuards(Allow)
  @UsePipes(Keep)
  @OnEvent()
  echo(data: unknown) {
    return data;
  }
}

@SocketGateway()
class InterceptedGateway {
  @UseInterceptors(Pass)
  @OnEvent()
  echo(data: unknown) {
    return data;
  }
}

function scopedGateway(provider: typeof Audit | typeof Shop): Provider {
  @SocketGateway()
  class ScopedGateway {
    constructor(@Inject(provider) private readonly scoped: Audit | Shop) {}

    @OnEvent()
    echo(data: unknown) {
      return this.scoped && data;
    }
  }
  return ScopedGateway;
}

describe('promises made for an acknowledged event', () => {
  it('are none in bare socket.io, so that any would be ours', async () => {
    const client = await connect(portOf(await startBare()));
    expect(await promisesOf(client)).toBe(0);
  });

  it.each([
    { handler: 'a plain handler', providers: [PlainGateway] },
    { handler: 'a handler with guard and pipe', providers: [GuardedGateway] },
    { handler: 'a handler with an interceptor', providers: [InterceptedGateway] },
    { handler: 'a handler with one scoped provider', providers: [scopedGateway(Audit), Audit] },
    {
      handler: 'a handler with three scoped providers',
      providers: [scopedGateway(Shop), Shop, Audit, Basket],
    },
  ])('are none for $handler', async ({ providers }) => {
    const client = await connect((await startApp({ providers })).port);
    expect(await promisesOf(client)).toBe(0);
  });

  it('are none where clients are identified and expire', async () => {
    @SocketGateway()
    class ExpiringGateway {
      @OnConnect()
      connect() {
        current.expiresAt = Date.now() + 60_000;
      }
    }
    const options = { identify: () => 7 };
    const client = await connect(
      (await startApp({ providers: [PlainGateway, ExpiringGateway], options })).port,
    );
    expect(await promisesOf(client)).toBe(0);
  });

  it('would be counted', async () => {
    @SocketGateway()
    class AsyncGateway {
      @OnEvent()
      async echo(data: unknown) {
        return data;
      }
    }
    const client = await connect((await startApp({ providers: [AsyncGateway] })).port);
    expect(await promisesOf(client)).toBeGreaterThanOrEqual(EVENTS);
  });
});

describe('writes to a TCP socket', () => {
  it('are as many as events in bare socket.io', async () => {
    const io = await startBare();
    const client = await connect(portOf(io));
    expect(await writesOf(io, () => answersTo(client, 'echo'))).toEqual([EVENTS]);
  });

  it.each(['echo', 'reply'])('are few when many events come at once (%s)', async (event) => {
    const app = await startApp({ providers: [PlainGateway] });
    const client = await connect(app.port);
    expect(await writesOf(app.get(SocketIO).server, () => answersTo(client, event))).toEqual([WRITES]);
  });

  it('are few when many broadcasts go out at once', async () => {
    const app = await startApp({ providers: [PlainGateway] });
    const clients = [await connect(app.port), await connect(app.port), await connect(app.port)] as const;
    const writes = await writesOf(app.get(SocketIO).server, () => broadcastTo(clients));
    expect(writes).toEqual([WRITES, WRITES, WRITES]);
  });
});

describe('an event that comes alone', () => {
  it('waits for fewer ticks than in bare socket.io', async () => {
    const bare = await connect(portOf(await startBare()));
    const ours = await connect((await startApp({ providers: [PlainGateway] })).port);
    const [before, now] = [await ticksOf(bare), await ticksOf(ours)];
    expect(now).toBeLessThan(before);
  });

  it('is answered with one write of one piece', async () => {
    const app = await startApp({ providers: [PlainGateway] });
    const client = await connect(app.port);
    const tcp = tcpSocketOf(onlySocketOf(app.get(SocketIO).server));
    const [one, many] = [vi.spyOn(tcp, '_write'), vi.spyOn(tcp, '_writev' as '_write')];
    await answerTo(client);
    expect([one.mock.calls.length, many.mock.calls.length]).toEqual([1, 0]);
  });

  it('is answered in the turn in which it was read', async () => {
    const app = await startApp({ providers: [PlainGateway] });
    const client = await connect(app.port);
    const tcp = tcpSocketOf(onlySocketOf(app.get(SocketIO).server));
    const write = vi.spyOn(tcp, '_write');
    tcp.emit('data', frame('421["echo",1]'));
    await new Promise(setImmediate);
    expect(write).toHaveBeenCalledTimes(1);
    await messages(client, 1);
  });
});

describe('events that come together', () => {
  it('are handled in their order, the last one too', async () => {
    const order: number[] = [];
    @SocketGateway()
    class OrderGateway {
      @OnEvent()
      echo({ id }: { id: number }) {
        order.push(id);
      }
    }
    const client = await connect((await startApp({ providers: [OrderGateway] })).port);
    await answersTo(client, 'echo');
    expect(order).toEqual(Array.from({ length: EVENTS }, (_, id) => id));
  });
});

describe('an event', () => {
  it('makes no more than a few kilobytes of garbage', async () => {
    const client = await connect((await startApp({ providers: [PlainGateway] })).port);
    expect(await garbageOf(client)).toBeLessThan(GARBAGE);
  });

  it('enters its context once', async () => {
    const client = await connect((await startApp({ providers: [PlainGateway] })).port);
    const enter = vi.spyOn(storage, 'run');
    onTestFinished(() => enter.mockRestore());
    await answersTo(client, 'echo');
    expect(enter).toHaveBeenCalledTimes(EVENTS);
  });

  it('is encoded once when it is broadcast', async () => {
    const app = await startApp({ providers: [PlainGateway] });
    const clients = [await connect(app.port), await connect(app.port), await connect(app.port)] as const;
    const encode = vi.spyOn(app.get(SocketIO).server.encoder, 'encode');
    await broadcastTo(clients);
    expect(encode).toHaveBeenCalledTimes(EVENTS);
  });
});

describe('a connection', () => {
  it('takes three writes: the answer to the handshake alone, the first packet of the engine, the acceptance', async () => {
    const app = await startApp({ providers: [PlainGateway] });
    const writes: string[] = [];
    app.get(SocketIO).server.httpServer.on('connection', (tcp: TcpSocket) => {
      for (const write of ['_write', '_writev'] as unknown as ['_write']) {
        const usual = tcp[write].bind(tcp);
        tcp[write] = (...rest) => {
          writes.push(write);
          usual(...rest);
        };
      }
    });
    await connect(app.port);
    // a client that waits for `open` and listens then would miss a packet that comes in one piece with the answer
    expect(writes).toEqual(['_write', '_write', '_write']);
  });

  it('has as many listeners with twenty handlers as with one', async () => {
    expect(listenerCount(await serverSocket(gateway(20)))).toBe(
      listenerCount(await serverSocket(gateway(1))),
    );
  });

  it('shares every function of ours with all other connections', async () => {
    const app = await startApp({ providers: [gateway(20)] });
    await Promise.all([connect(app.port), connect(app.port)]);
    const [one, other] = [...app.get(SocketIO).server.sockets.sockets.values()].map(functionsOf);
    expect(one!.length).toBeGreaterThan(0);
    expect(one!.every((each, index) => each === other![index])).toBe(true);
  });
});

/** A server of socket.io alone. */
async function startBare(): Promise<Server> {
  const http = createServer();
  const io = new Server(http);
  io.on('connection', (socket) =>
    socket.on('echo', (data: unknown, acknowledge: (data: unknown) => void) => acknowledge(data)),
  );
  onTestFinished(() => void io.close());
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
  return io;
}

function portOf(io: Server): number {
  return (io.httpServer.address() as AddressInfo).port;
}

async function connect(port: number): Promise<Client> {
  const client = await Client.connect(port);
  onTestFinished(() => client.leave());
  return client;
}

/** Sends the events in one piece. Resolves with the last answer, having called `arrived` before anything else. */
function answersTo(client: Client, event: string, arrived = () => {}): Promise<void> {
  const answered = messages(client, EVENTS, arrived);
  const asks = event === 'echo';
  client.write(
    ...Array.from({ length: EVENTS }, (_, id) => frame(`42${asks ? id : ''}["${event}",{"id":${id}}]`)),
  );
  return answered;
}

/** The first client sends the events; all receive what is broadcast. */
async function broadcastTo(clients: readonly [Client, ...Client[]]): Promise<void> {
  const [sender, ...others] = clients;
  await Promise.all([answersTo(sender, 'broadcast'), ...others.map((client) => messages(client, EVENTS))]);
}

function messages(client: Client, count: number, arrived = () => {}): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    client.receive = () => {
      if (--left > 0) return;
      arrived();
      resolve();
    };
  });
}

/** The promises made while a client's events are handled, not counting what is made only once. */
async function promisesOf(client: Client): Promise<number> {
  const counts: number[] = [];
  for (let times = 0; times < 5; times++) counts.push(await countPromises(client));
  return Math.min(...counts); // the test runner makes some of its own now and then
}

async function countPromises(client: Client): Promise<number> {
  let promises = 0;
  const hook = createHook({ init: (_, type) => void (type === 'PROMISE' && promises++) });
  process.nextTick(() => hook.enable()); // after the promise of the await below
  await answersTo(client, 'echo', () => hook.disable());
  return promises;
}

/** Sends one event and resolves with its answer, having called `arrived` before anything else. */
function answerTo(client: Client, arrived = () => {}): Promise<void> {
  const answered = messages(client, 1, arrived);
  client.write(frame('420["echo",{"id":0}]'));
  return answered;
}

/** The ticks that one event takes, those of its client included. */
async function ticksOf(client: Client): Promise<number> {
  const counts: number[] = [];
  for (let times = 0; times < 10; times++) counts.push(await countTicks(client));
  return Math.min(...counts); // the test runner makes some of its own now and then
}

async function countTicks(client: Client): Promise<number> {
  let ticks = 0;
  const hook = createHook({ init: (_, type) => void (type === 'TickObject' && ticks++) }).enable();
  await answerTo(client, () => setImmediate(() => hook.disable()));
  await new Promise((resolve) => setImmediate(resolve));
  return ticks;
}

/** The bytes that an event takes from the heap, in the best of several attempts: a collection spoils one. */
async function garbageOf(client: Client): Promise<number> {
  const sizes: number[] = [];
  for (let times = 0; times < 10; times++) {
    const before = process.memoryUsage().heapUsed;
    await answersTo(client, 'echo');
    sizes.push((process.memoryUsage().heapUsed - before) / EVENTS);
  }
  return Math.min(...sizes.filter((size) => size > 0));
}

function onlySocketOf(io: Server): Socket {
  const [socket] = io.sockets.sockets.values();
  return socket!;
}

/** How often the server writes to the TCP socket of each of its clients during an action. */
async function writesOf(io: Server, action: () => Promise<void>): Promise<number[]> {
  const spies = [...io.sockets.sockets.values()].map((socket) => {
    const tcp = tcpSocketOf(socket);
    return [vi.spyOn(tcp, '_write'), vi.spyOn(tcp, '_writev' as '_write')];
  });
  await action();
  return spies.map(([one, many]) => one!.mock.calls.length + many!.mock.calls.length);
}

function tcpSocketOf({ conn }: Socket): TcpSocket {
  return (conn.transport as unknown as { socket: { _socket: TcpSocket } }).socket._socket; // typed private
}

function gateway(handlers: number): Provider {
  @SocketGateway()
  class IdleGateway {}
  for (let index = 0; index < handlers; index++) {
    const descriptor = { value: (data: unknown) => data, configurable: true };
    Object.defineProperty(IdleGateway.prototype, `event ${index}`, descriptor);
    OnEvent()(IdleGateway.prototype, `event ${index}`, descriptor);
  }
  return IdleGateway;
}

async function serverSocket(provider: Provider): Promise<Socket> {
  const app = await startApp({ providers: [provider] });
  await connect(app.port);
  const [socket] = app.get(SocketIO).server.sockets.sockets.values();
  return socket!;
}

function listenerCount(socket: Socket): number {
  return socket.eventNames().reduce((count, name) => count + socket.listenerCount(name), 0);
}

/** The functions that a socket holds: as listeners, and as its own properties. */
function functionsOf(socket: Socket): unknown[] {
  const listeners = socket.eventNames().flatMap((name) => socket.rawListeners(name as string));
  const own = Object.values(socket).filter((value) => typeof value === 'function');
  return [...listeners, ...own];
}
