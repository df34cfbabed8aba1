import { randomUUID } from 'node:crypto';
import {
  emit,
  joinRoom,
  OnConnect,
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
  user,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask, bootError, connected, next, startApp, type AppOptions } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

const RECOVERED = { connectionStateRecovery: true } satisfies FlaskSocketOptions;
const SOON = { timeout: 10_000, interval: 10 };

/** What a client hears, in its order. socket.io adds the offset as a last argument, which is left out here. */
function hearing(client: Socket, ...events: string[]): unknown[] {
  const heard: unknown[] = [];
  for (const event of events) client.on(event, (value: unknown) => heard.push([event, value]));
  return heard;
}

/** Cuts a client's connection; `meanwhile` happens while it is away. */
async function cut(client: Socket, meanwhile: () => unknown = () => {}): Promise<void> {
  const gone = next(client, 'disconnect');
  client.io.engine.close();
  await gone;
  await meanwhile();
}

/** A client that comes back by itself, and has heard something already: from then on it can be recovered. */
async function recoverable(
  app: Awaited<ReturnType<typeof startApp>>,
  namespace = '/',
  auth: object = { token: 'own' },
) {
  const client = await app.connect(namespace, {
    reconnection: true,
    reconnectionDelay: 200,
    reconnectionDelayMax: 200,
    auth,
  });
  const first = next(client, 'first');
  app.get(SocketIO).emit('first', undefined, { namespace });
  await first;
  return client;
}

/** Where what clients miss is kept: here, or where other processes find it, too. */
const keptIn = have('redis-server') ? (['memory', 'Redis Streams'] as const) : (['memory'] as const);
let redis: Broker;
beforeAll(async () => {
  if (!have('redis-server')) return;
  redis = await redisBroker();
  await redis.start();
});
afterAll(() => redis?.kill());

@SocketGateway()
class RoomGateway {
  @OnConnect()
  connect() {
    emit('hello', request.recovered);
  }

  @OnEvent('join')
  join(room: string) {
    joinRoom(room);
  }

  @OnEvent('write')
  write(value: unknown) {
    session['draft'] = value;
  }

  @OnEvent('read')
  read() {
    return session['draft'];
  }

  @OnEvent('reply')
  reply(data: unknown) {
    emit('answer', data);
  }

  @OnEvent('recovered')
  recovered() {
    return request.recovered;
  }
}

describe.each(keptIn)('connectionStateRecovery in %s', (place) => {
  async function start({ options, ...parts }: AppOptions) {
    const messageQueue = redis?.url.replace('redis:', 'redis-streams:');
    const shared = place === 'memory' ? {} : { messageQueue, channel: randomUUID() };
    const app = await startApp({ ...parts, options: { ...RECOVERED, ...shared, ...options } });
    const socketio = app.get(SocketIO);
    await vi.waitUntil(() => socketio.health().status === 'up', SOON);
    return { app, socketio };
  }

  it('N4 gives a client that comes back its sid, its rooms, its session and what it missed', async () => {
    const { app, socketio } = await start({ providers: [RoomGateway] });
    const client = await recoverable(app);
    await ask(client, 'join', 'lobby');
    await ask(client, 'write', { deep: [1] });
    const { id } = client;
    const heard = hearing(client, 'news', 'hello');

    await cut(client, () => {
      socketio.emit('news', 1, { to: 'lobby' });
      socketio.emit('news', { bytes: Buffer.from([2]) });
      socketio.emit('news', 'not for it', { to: 'elsewhere' });
      socketio.emit('news', 3, { to: id! });
    });
    await connected(client);
    socketio.emit('news', 4, { to: 'lobby' });

    await vi.waitFor(() => expect(heard).toHaveLength(5), SOON);
    expect(heard).toEqual([
      ['news', 1],
      ['news', { bytes: Buffer.from([2]) }],
      ['news', 3],
      ['hello', true],
      ['news', 4],
    ]);
    expect([client.recovered, client.id, await ask(client, 'read'), await ask(client, 'recovered')]).toEqual([
      true,
      id,
      [{ deep: [1] }],
      [true],
    ]);
  });

  it('N4 recovers replies, too: to a client that has heard nothing else, and to one that is away', async () => {
    let finish = () => {};
    @SocketGateway()
    class LateGateway {
      @OnEvent('now')
      now() {
        emit('answer', 'at once');
      }

      @OnEvent('later')
      async later() {
        await new Promise<void>((resolve) => (finish = resolve));
        emit('answer', 'late');
      }
    }
    const { app } = await start({ providers: [LateGateway] });
    const client = await app.connect('/', {
      reconnection: true,
      reconnectionDelay: 200,
      auth: { token: 'own' },
    });
    const heard = hearing(client, 'answer');
    client.emit('now');
    client.emit('later');
    await vi.waitFor(() => expect(heard).toHaveLength(1), SOON);

    await cut(client, async () => {
      await vi.waitFor(() => expect(app.get(SocketIO).server.sockets.sockets.size).toBe(0), SOON);
      finish();
    });
    await connected(client);

    await vi.waitFor(() => expect(heard).toHaveLength(2), SOON);
    expect([client.recovered, heard]).toEqual([
      true,
      [
        ['answer', 'at once'],
        ['answer', 'late'],
      ],
    ]);
  });

  it('N4 sends what was missed as it was', async () => {
    const { app, socketio } = await start({ providers: [RoomGateway] });
    const client = await recoverable(app);
    const heard = hearing(client, 'news');

    await cut(client, () => {
      const data = { count: 1, made: new Date(0) };
      socketio.emit('news', data);
      data.count = 2;
    });
    await connected(client);

    await vi.waitFor(() => expect(heard).toHaveLength(1), SOON);
    expect(heard).toEqual([['news', { count: 1, made: new Date(0).toJSON() }]]);
  });

  it('N4 admits a client that comes back as any other: a revoked token gets nothing back', async () => {
    const valid = new Set(['token']);
    @SocketGateway()
    class GuardedGateway {
      @OnConnect()
      connect(auth: { token: string }) {
        return valid.has(auth.token);
      }
    }
    const { app, socketio } = await start({ providers: [GuardedGateway] });
    const client = await recoverable(app, '/', { token: 'token' });
    const heard = hearing(client, 'news');
    const refused = next(client, 'connect_error');

    await cut(client, () => {
      valid.clear();
      socketio.emit('news', 'secret');
    });

    expect((await refused)[0]).toMatchObject({ message: 'Connection rejected by server' });
    socketio.emit('news', 'another secret');
    expect([heard, client.connected, [...socketio.server.sockets.adapter.sids]]).toEqual([[], false, []]);
  });

  it('N4 keeps what is sent while a client that comes back is being admitted', async () => {
    let admit = () => {};
    const asked: string[] = [];
    @SocketGateway()
    class SlowGateway {
      @OnConnect()
      async connect() {
        if (!request.recovered) return;
        asked.push(request.sid);
        await new Promise<void>((resolve) => (admit = resolve));
        emit('news', 'from @OnConnect()');
      }
    }
    const { app, socketio } = await start({ providers: [SlowGateway] });
    const client = await recoverable(app);
    const heard = hearing(client, 'news');

    await cut(client, () => socketio.emit('news', 'while away'));
    await vi.waitFor(() => expect(asked).toHaveLength(1), SOON);
    socketio.emit('news', 'while asked');
    admit();
    await connected(client);
    socketio.emit('news', 'afterwards');

    await vi.waitFor(() => expect(heard).toHaveLength(4), SOON);
    const all = ['while away', 'while asked', 'from @OnConnect()', 'afterwards'];
    const values = heard.map((event) => (event as unknown[])[1]);
    // What is said to all waits for its place in the stream, what is said to a client that connects does not.
    const inOrder = place === 'memory' ? values : all.filter((value) => values.includes(value));
    expect(inOrder).toEqual(all);
  });

  it('N4 gives nothing back to another user', async () => {
    let who = 'Ann';
    const { app, socketio } = await start({ providers: [RoomGateway], options: { identify: () => who } });
    const client = await recoverable(app);
    await ask(client, 'join', 'lobby');
    await ask(client, 'write', 'of Ann');
    const heard = hearing(client, 'news');

    await cut(client, () => {
      socketio.emit('news', 'for Ann', { to: user('Ann') });
      who = 'Ben';
    });
    await connected(client);
    socketio.emit('news', 'lobby', { to: 'lobby' });
    socketio.emit('news', 'for Ben', { to: user('Ben') });

    await vi.waitFor(() => expect(heard).toHaveLength(1), SOON);
    expect([heard, client.recovered, await ask(client, 'read'), await ask(client, 'recovered')]).toEqual([
      [['news', 'for Ben']],
      false,
      [],
      [false],
    ]);
  });

  it('N4 asks nobody again with skipMiddlewares', async () => {
    const connects: boolean[] = [];
    @SocketGateway()
    class CountingGateway {
      @OnConnect()
      connect() {
        connects.push(request.recovered);
        request.user = { name: 'Ann' };
      }

      @OnEvent('who')
      who() {
        return [request.user, request.recovered];
      }
    }
    const { app, socketio } = await start({
      providers: [CountingGateway],
      options: { connectionStateRecovery: { skipMiddlewares: true } },
    });
    const client = await recoverable(app);
    const heard = hearing(client, 'news');

    await cut(client, () => socketio.emit('news', 1));
    await connected(client);

    await vi.waitFor(() => expect(heard).toEqual([['news', 1]]), SOON);
    expect([connects, await ask(client, 'who')]).toEqual([[false], [[{ name: 'Ann' }, true]]]);
  });

  it('N4 A3 does not let a connection outlive its expiry with skipMiddlewares', async () => {
    @SocketGateway()
    class ExpiringGateway {
      @OnEvent('expire soon')
      expireSoon() {
        request.expiresAt = Date.now() + 1_000;
      }
    }
    const { app } = await start({
      providers: [ExpiringGateway],
      options: { connectionStateRecovery: { skipMiddlewares: true } },
    });
    const client = await recoverable(app);
    await ask(client, 'expire soon');

    await cut(client);
    await connected(client);
    const [error] = await next(client, 'exception');

    expect([client.recovered, error]).toEqual([true, expect.objectContaining({ code: 'EXPIRED' })]);
  });

  it('N4 survives a session that cannot be kept', async () => {
    @SocketGateway()
    class CyclicGateway {
      @OnEvent('write')
      write() {
        session['self'] = session;
      }
    }
    const { app } = await start({ providers: [CyclicGateway] });
    const client = await recoverable(app);
    await ask(client, 'write');

    await cut(client);
    await connected(client);

    expect(client.recovered).toBe(true);
  });

  it('N4 recovers the last client of a namespace that a client opened', async () => {
    @SocketGateway('/job/:id')
    class JobGateway {
      @OnConnect()
      connect() {}
    }
    const { app, socketio } = await start({ providers: [JobGateway] });
    const client = await recoverable(app, '/job/7');
    const heard = hearing(client, 'news');

    await cut(client, () => socketio.emit('news', 1, { namespace: '/job/7' }));
    await connected(client);

    await vi.waitFor(() => expect(heard).toEqual([['news', 1]]), SOON);
    expect(client.recovered).toBe(true);
  });

  it('N4 is over when the time is', async () => {
    const { app } = await start({
      providers: [RoomGateway],
      options: { connectionStateRecovery: { maxDisconnectionDuration: 1 } },
    });
    const client = await recoverable(app);
    await cut(client);
    await connected(client);
    expect(client.recovered).toBe(false);
  });

  it('N4 does not send again what was volatile', async () => {
    const { app, socketio } = await start({ providers: [RoomGateway] });
    const client = await recoverable(app);
    const heard = hearing(client, 'news');

    await cut(client, () => {
      socketio.emit('news', 'volatile', { volatile: true });
      socketio.emit('news', { bytes: Buffer.from('volatile') }, { volatile: true });
      socketio.emit('news', 'to stay');
    });
    await connected(client);

    await vi.waitFor(() => expect(heard).not.toEqual([]), SOON);
    expect([client.recovered, heard]).toEqual([true, [['news', 'to stay']]]);
  });
});

describe('connectionStateRecovery', () => {
  it('N4 is off unless asked for', async () => {
    const app = await startApp({ providers: [RoomGateway] });
    const client = await recoverable(app);
    await cut(client);
    await connected(client);
    expect(client.recovered).toBeFalsy();
  });

  it('N4 fails the boot with a message queue that cannot keep what clients miss', async () => {
    const error = await bootError({ options: { ...RECOVERED, messageQueue: 'redis://127.0.0.1:1' } });
    expect(error).toMatchObject({ code: 'FSK_INVALID_OPTION' });
    expect(error.message).toContain('redis-streams://');
  });
});
