import { createAdapter } from '@socket.io/redis-adapter';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  FlaskSocketModule,
  OnDisconnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  user,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { args, createEmitter, type EmitterOptions } from 'nestjs-flask-socket/emitter';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ask, connected, inbox, KeepingLogger, next, startApp, type RunningApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { Gate } from '../support/journal.js';
import { have } from '../support/system-packages.mjs';

let broker: Broker;
let channel: string;
let count = 0;

beforeAll(async () => {
  if (!have('redis-server')) return;
  broker = await redisBroker();
  await broker.start();
});

afterAll(() => broker?.kill());

/** Tells of its rooms. */
@SocketGateway('/test')
class TestGateway {
  static left = new Gate();

  constructor(private readonly socketio: SocketIO) {}

  @OnEvent('join')
  join(room: string, sid: string) {
    return this.socketio.joinRoom(room, { sid, namespace: '/test' });
  }

  @OnDisconnect()
  disconnect() {
    TestGateway.left.open();
  }
}

/** A server on a channel of its own. */
function startServer(options: FlaskSocketOptions = {}): Promise<RunningApp> {
  channel = `test ${++count}`;
  TestGateway.left = new Gate();
  return startApp({
    providers: [TestGateway],
    options: {
      messageQueue: broker.url,
      channel,
      identify: ({ auth }) => (auth as { user?: number } | undefined)?.user,
      ...options,
    },
  });
}

/** An emitter to that server; its namespace is `/test`. */
function emitterTo(options: EmitterOptions = {}) {
  const emitter = createEmitter(broker.url, { channel, namespace: '/test', ...options });
  onTestFinished(() => emitter.close());
  return emitter;
}

/** What each client received before an event that all of them get last. */
async function receivedBy(clients: Socket[], act: () => Promise<unknown>): Promise<unknown[][][]> {
  const received = clients.map((client) => inbox(client));
  const last = clients.map((client) => next(client, 'last'));
  await act();
  await emitterTo().emit('last');
  await Promise.all(last);
  return received.map((events) => events.slice(0, -1));
}

describe.skipIf(!have('redis-server'))('an emitter in plain Node', () => {
  it('O1 emits to everybody in a namespace', async () => {
    const server = await startServer();
    const [here, there] = [await server.connect('/test'), await server.connect('/')];
    const elsewhere = inbox(there);
    const emitter = createEmitter(broker.url, { channel });
    onTestFinished(() => emitter.close());

    const [received] = await receivedBy([here], async () => {
      await emitter.emit('my event', { data: 'foo' }, { namespace: '/test' });
    });

    expect(received).toEqual([['my event', { data: 'foo' }]]);
    expect(elsewhere).toEqual([]);
  });

  it('O1 E5 V3 sends several arguments, one array, none, and bytes', async () => {
    const server = await startServer();
    const client = await server.connect('/test');
    const emitter = emitterTo();

    const [received] = await receivedBy([client], async () => {
      await emitter.emit('several', args('one', 2));
      await emitter.emit('array', ['one', 2]);
      await emitter.emit('none');
      await emitter.emit('bytes', { nested: [Buffer.from([1, 2])], view: new Uint8Array([3]) });
      await emitter.emit('null', null);
    });

    expect(received).toEqual([
      ['several', 'one', 2],
      ['array', ['one', 2]],
      ['none'],
      ['bytes', { nested: [Buffer.from([1, 2])], view: Buffer.from([3]) }],
      ['null', null],
    ]);
  });

  it('O1 E1 sends messages, as text and as JSON', async () => {
    const server = await startServer();
    const client = await server.connect('/test');
    const emitter = emitterTo();

    const [received] = await receivedBy([client], async () => {
      await emitter.send('text');
      await emitter.send({ a: 1 }, { json: true });
    });

    expect(received).toEqual([
      ['message', 'text'],
      ['json', { a: 1 }],
    ]);
  });

  it('O1 B4 B5 means by to, room and skipSid what a server means', async () => {
    const server = await startServer();
    const [ann, ben, cid] = [
      await server.connect('/test'),
      await server.connect('/test', { auth: { user: 7 } }),
      await server.connect('/test'),
    ];
    for (const client of [ann, ben]) await ask(client, 'join', 'lobby', client.id);
    await ask(ann, 'join', 'staff', ann.id);
    const emitter = emitterTo();

    const [toAnn, toBen, toCid] = await receivedBy([ann, ben, cid], async () => {
      await emitter.emit('one room', 1, { to: 'lobby' });
      await emitter.emit('two rooms, once', 2, { to: ['lobby', 'staff'] });
      await emitter.emit('older name', 3, { room: 'staff' });
      await emitter.emit('to beats all', 4, { to: 'staff', room: 'lobby', broadcast: true });
      await emitter.emit('a sid', 5, { to: cid.id });
      await emitter.emit('a user', 6, { to: user(7) });
      await emitter.emit('without one', 7, { skipSid: ann.id });
      await emitter.emit('without two', 8, { broadcast: true, skipSid: [ann.id!, cid.id!] });
      await emitter.emit('nobody', 9, { to: [] });
      await emitter.emit('an unknown room', 10, { to: 'unknown' });
    });

    const names = (events: unknown[][] | undefined) => events?.map(([name]) => name);
    expect(names(toAnn)).toEqual(['one room', 'two rooms, once', 'older name', 'to beats all']);
    expect(names(toBen)).toEqual(['one room', 'two rooms, once', 'a user', 'without one', 'without two']);
    expect(names(toCid)).toEqual(['a sid', 'without one']);
  });

  it('O1 M1 M4 puts clients into rooms and out of them', async () => {
    const server = await startServer();
    const client = await server.connect('/test');
    const sid = client.id!;
    const emitter = emitterTo();

    const [received] = await receivedBy([client], async () => {
      await emitter.joinRoom('lobby', { sid });
      await emitter.emit('joined', 1, { to: 'lobby' });
      await emitter.leaveRoom('lobby', { sid });
      await emitter.emit('left', 2, { to: 'lobby' });
      await emitter.joinRoom(7, { sid });
      await emitter.emit('joined again', 3, { to: '7' });
      await emitter.closeRoom(7);
      await emitter.emit('closed', 4, { to: '7' });
    });

    expect(received).toEqual([
      ['joined', 1],
      ['joined again', 3],
    ]);
  });

  it('O1 C9 disconnects a client, whose disconnect handler runs', async () => {
    const server = await startServer();
    const [gone, stays] = [await server.connect('/test'), await server.connect('/test')];
    const reason = next(gone, 'disconnect');

    await emitterTo().disconnect({ sid: gone.id! });

    expect((await reason)[0]).toBe('io server disconnect');
    await TestGateway.left.opened;
    expect(stays.connected).toBe(true);
  });

  it('O1 keeps the order of calls that nobody waited for, the first before there is a connection', async () => {
    const server = await startServer();
    const client = await server.connect('/test');
    const emitter = emitterTo();
    const numbers = Array.from({ length: 300 }, (_, index) => index);

    const [received] = await receivedBy([client], () =>
      Promise.all(numbers.map((number) => emitter.emit('number', number))),
    );

    expect(received).toEqual(numbers.map((number) => ['number', number]));
  });

  it('P5 reaches the servers of its channel and no others', async () => {
    const first = await startServer();
    const ours = channel;
    const second = await startServer();
    const [here, there] = [await first.connect('/test'), await second.connect('/test')];
    const received = inbox(there);
    const event = next(here, 'my event');

    await emitterTo({ channel: ours }).emit('my event', 'here');
    expect(await event).toEqual(['here']);
    await receivedBy([there], () => Promise.resolve());

    expect(received).toEqual([['last']]);
  });

  it('O1 signs what it sends to servers that want it signed', async () => {
    const queueSecret = 'a secret of 24 characters';
    const server = await startServer({ queueSecret });
    const client = await server.connect('/test');
    const received = inbox(client);
    const event = next(client, 'signed');

    await emitterTo().emit('unsigned');
    await emitterTo({ queueSecret: 'another one of 24 letters' }).emit('forged');
    await emitterTo({ queueSecret }).emit('signed');
    await event;

    expect(received).toEqual([['signed']]);
    expect(server.log.of('warn').join()).toContain('not signed with queueSecret');
  });

  it("O1 speaks to a Socket.IO server that has socket.io's own Redis adapter", async () => {
    const publisher = createClient({ url: broker.url });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    const http = createServer();
    const plain = new Server(http, { adapter: createAdapter(publisher, subscriber, { key: 'plain' }) });
    plain.on('connection', (socket) => void socket.join('lobby'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const client = io(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { forceNew: true });
    onTestFinished(async () => {
      client.disconnect();
      await plain.close();
      await publisher.close();
      await subscriber.close();
    });
    await connected(client);
    const event = next(client, 'my event');
    const gone = next(client, 'disconnect');
    const emitter = emitterTo({ channel: 'plain', namespace: '/' });

    await emitter.emit('my event', args('foo', Buffer.from('bar')), { to: 'lobby' });
    expect(await event).toEqual(['foo', Buffer.from('bar')]);
    await emitter.disconnect({ sid: client.id! });

    expect((await gone)[0]).toBe('io server disconnect');
  });
});

describe('a callback of an emitter', () => {
  const emitter = createEmitter('redis://localhost:1');
  const callback = () => {};
  const refused = expect.objectContaining({ code: 'FSK_EMITTER_CALLBACK' }) as Error;

  it('O2 throws at once', () => {
    // @ts-expect-error the types know no callback
    expect(() => emitter.emit('my event', 'data', { callback })).toThrow(refused);
    // @ts-expect-error the types know no callback
    expect(() => emitter.send('data', { callback })).toThrow(refused);
  });

  it("O2 throws in the places where socket.io's own emit takes one", () => {
    // @ts-expect-error the types know no callback
    expect(() => emitter.emit('my event', 'data', callback)).toThrow(refused);
    expect(() => emitter.emit('my event', callback)).toThrow(refused);
    expect(() => emitter.emit('my event', args('data', callback))).toThrow(refused);
  });
});

@Injectable()
class Shipping {
  constructor(readonly socketio: SocketIO) {}
}

@Module({ providers: [Shipping], exports: [Shipping] })
class ShippingModule {}

/** A Nest process without a server. */
async function startWorker(url: string, logger = new KeepingLogger()): Promise<SocketIO> {
  const options = { messageQueue: url, channel, namespace: '/test', timeout: 500, logger };
  @Module({ imports: [ShippingModule, FlaskSocketModule.forEmitter(options)] })
  class WorkerModule {}
  const app = await NestFactory.createApplicationContext(WorkerModule, {
    logger: false,
    abortOnError: false,
  });
  onTestFinished(() => app.close());
  return app.get(Shipping).socketio;
}

describe.skipIf(!have('redis-server'))('FlaskSocketModule.forEmitter()', () => {
  it('O1 lets a process without a server inject SocketIO and speak', async () => {
    const server = await startServer();
    const [client, other] = [await server.connect('/test'), await server.connect('/test')];
    const gone = next(other, 'disconnect');
    const socketio = await startWorker(broker.url);

    const [received] = await receivedBy([client], async () => {
      socketio.emit('my event', { data: 'foo' });
      socketio.send('text', { to: client.id });
      socketio.emit('kept here', 1, { ignoreQueue: true });
      await socketio.joinRoom('lobby', { sid: client.id!, namespace: '/test' });
      socketio.emit('joined', 1, { to: 'lobby' });
      await socketio.leaveRoom('lobby', { sid: client.id!, namespace: '/test' });
      socketio.emit('left', 2, { to: 'lobby' });
      await socketio.joinRoom('lobby', { sid: client.id!, namespace: '/test' });
      socketio.closeRoom('lobby');
      socketio.emit('closed', 3, { to: 'lobby' });
      socketio.disconnect({ sid: other.id!, namespace: '/test' });
      await gone;
    });

    expect(received).toEqual([
      ['my event', { data: 'foo' }],
      ['message', 'text'],
      ['joined', 1],
    ]);
  });

  it('O2 throws at once for a callback', async () => {
    const socketio = await startWorker(broker.url);

    expect(() => socketio.emit('my event', 'data', { callback: () => {} })).toThrow(
      expect.objectContaining({ code: 'FSK_EMITTER_CALLBACK' }) as Error,
    );
  });

  it('O1 starts without a broker, and logs what that did not take', async () => {
    const log = new KeepingLogger();
    const socketio = await startWorker('redis://localhost:1', log);
    const logged = new Promise<string>((resolve) => {
      log.error = (text) => {
        resolve(String(text));
        return undefined;
      };
    });

    socketio.emit('my event');

    expect(await logged).toMatch(
      /^1 message not sent\. FSK_NOT_SENT: emit\('my event'\) .*redis:\/\/localhost:1/,
    );
  });

  it.each([
    ['an unknown scheme', { messageQueue: 'carrier-pigeon://loft' }, 'FSK_UNKNOWN_QUEUE'],
    ['no URL', { messageQueue: 'localhost' }, 'FSK_INVALID_OPTION'],
    ['an adapter', { messageQueue: (() => {}) as never }, 'FSK_INVALID_OPTION'],
    ['an unknown option', { messageQueue: 'redis://localhost', chanel: 'a' } as never, 'FSK_UNKNOWN_OPTION'],
  ])('O1 does not start with %s', async (_, options, code) => {
    @Module({ imports: [FlaskSocketModule.forEmitter(options)] })
    class WorkerModule {}

    const start = NestFactory.createApplicationContext(WorkerModule, { logger: false, abortOnError: false });

    await expect(start).rejects.toMatchObject({ code });
  });

  it('O1 does not start beside a server, whose SocketIO it would hide', async () => {
    const module = FlaskSocketModule.forEmitter({ messageQueue: broker.url });

    await expect(startApp({ imports: [module] })).rejects.toMatchObject({
      code: 'FSK_EMITTER_BESIDE_SERVER',
    });
  });

  it('O1 takes its options from other providers', async () => {
    const server = await startServer();
    const client = await server.connect('/');
    const event = next(client, 'my event');
    const module = FlaskSocketModule.forEmitterAsync({
      useFactory: () => ({ messageQueue: broker.url, channel }),
    });
    @Module({ imports: [module] })
    class WorkerModule {}
    const worker = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
    onTestFinished(() => worker.close());

    worker.get(SocketIO).emit('my event', 'foo');

    expect(await event).toEqual(['foo']);
  });

  it('O1 says of what needs a server that there is none', async () => {
    const socketio = await startWorker(broker.url);
    const methods = Object.getOwnPropertyNames(SocketIO.prototype);
    const speaking = 'constructor emit send joinRoom leaveRoom closeRoom disconnect sleep stop'.split(' ');

    const others = methods.filter((name) => !speaking.includes(name));
    expect(others).toContain('members');
    for (const name of others) {
      const use = () => {
        const member: unknown = Reflect.get(socketio, name);
        return typeof member === 'function' ? (member as () => unknown)() : member;
      };
      expect(use, name).toThrow(/FSK_EMITTER_ONLY: SocketIO\.\w+.* needs a Socket\.IO server/);
    }
  });
});
