import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask, connected, next, startApp, type RunningApp } from '../support/app.js';
import { expectNoFaults } from '../support/faults.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

const SOON = { timeout: 10_000, interval: 10 };

expectNoFaults();

/** Where what clients miss is kept: here, or where other processes find it, too. */
const keptIn = have('redis-server') ? (['memory', 'Redis Streams'] as const) : (['memory'] as const);
let redis: Broker;
beforeAll(async () => {
  if (!have('redis-server')) return;
  redis = await redisBroker();
  await redis.start();
});
afterAll(() => redis?.kill());

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

/** What the server holds of a client. */
const dataOf = (app: RunningApp, { id }: Socket) =>
  app.get(SocketIO).server.sockets.sockets.get(id!)!.data as object;

@SocketGateway()
class TargetGateway {
  @OnEvent('write')
  write(value: unknown) {
    session['draft'] = value;
  }

  @OnEvent('read')
  read() {
    return { recovered: request.recovered, draft: session['draft'] };
  }
}

describe.each(keptIn)('recovery in %s', (place) => {
  function optionsWith(options: FlaskSocketOptions): FlaskSocketOptions {
    const messageQueue = redis?.url.replace('redis:', 'redis-streams:');
    const shared = place === 'memory' ? {} : { messageQueue, channel: randomUUID() };
    return { connectionStateRecovery: true, ...shared, ...options };
  }

  async function start(options: FlaskSocketOptions = {}) {
    const app = await startApp({ providers: [TargetGateway], options: optionsWith(options) });
    await vi.waitUntil(() => app.get(SocketIO).health().status === 'up', SOON);
    return app;
  }

  /** A client that has heard something already: from then on it can be recovered. */
  async function recoverable(app: RunningApp, auth: object = { token: 'own' }): Promise<Socket> {
    const client = await app.connect('/', { reconnection: true, reconnectionDelay: 100, auth });
    const first = next(client, 'first');
    app.get(SocketIO).emit('first');
    await first;
    return client;
  }

  it('N4 K5 keeps a client that has no cookie, where sessions come from a SessionInterface', async () => {
    const app = await start({ session: { open: () => ({ user: 'nobody' }), save: () => {} } });
    const client = await recoverable(app);
    const gone = next(client, 'disconnect');

    client.io.engine.write('9'); // a packet of no known type, after which the server ends the connection
    await gone;
    await connected(client);

    expect([client.recovered, app.log.of('error')]).toEqual([true, []]);
  });

  it('N4 keeps what can be kept beside data that cannot', async () => {
    const app = await start();
    const client = await recoverable(app);
    Object.assign(dataOf(app, client), { flat: 1, deep: nested(20_000) });
    await ask(client, 'write', 'draft');
    const gone = next(client, 'disconnect');

    client.io.engine.close();
    await gone;
    await connected(client);

    expect(await ask(client, 'read')).toEqual([{ recovered: true, draft: 'draft' }]);
    expect(dataOf(app, client)).toHaveProperty('flat', 1);
    expect(app.log.of('warn').some((line) => line.includes('deep'))).toBe(place === 'Redis Streams');
  });

  /** What a client would have to know to come back as this one, and more. */
  const tokenOf = (client: Socket, more: object = {}) => {
    const { _pid: pid, _lastOffset: offset } = client as unknown as { _pid: string; _lastOffset: string }; // typed private
    return { pid, offset, ...more };
  };

  /** A client with a room and a session of its own, which has gone and has missed something. */
  async function victimOf(app: RunningApp, auth: object = { token: 'Ann' }) {
    const victim = await recoverable(app, auth);
    const sid = victim.id!;
    const socketio = app.get(SocketIO);
    await socketio.server.sockets.sockets.get(sid)!.join('lobby');
    await ask(victim, 'write', 'of Ann');
    victim.io.reconnection(false);
    const known = tokenOf(victim);
    victim.io.engine.close();
    await vi.waitUntil(() => !socketio.server.sockets.sockets.has(sid), SOON);
    socketio.emit('news', 'for Ann', { to: 'lobby' });
    return { sid, known };
  }

  async function stateOf(app: RunningApp, client: Socket, heard: unknown[]) {
    app.get(SocketIO).emit('news', 'lobby', { to: 'lobby' });
    app.get(SocketIO).emit('news', 'all');
    await vi.waitUntil(() => heard.includes('all'), SOON);
    const [read] = (await ask(client, 'read')) as [{ recovered: boolean; draft?: string }];
    return { sid: client.id, ...read, heard };
  }

  async function comeBack(app: RunningApp, auth: object, more: object = {}) {
    const heard: unknown[] = [];
    const client = app.open('/', { transports: ['websocket'], auth, ...more });
    client.on('news', (value: unknown) => heard.push(value));
    await connected(client);
    return { client, heard };
  }

  const NOTHING = { recovered: false, heard: ['all'] };

  it.each([
    ['other credentials', { token: 'Ann' }, { token: 'Ben' }],
    ['no credentials', {}, {}],
    ['fewer credentials', { token: 'Ann' }, {}],
  ])('N4 gives who knows a private id nothing with %s', async (_, own, others) => {
    const app = await start();
    const { sid, known } = await victimOf(app, own);
    const { client, heard } = await comeBack(app, { ...known, ...others });
    const state = await stateOf(app, client, heard);
    expect(state).toEqual({ ...NOTHING, sid: expect.any(String) as string });
    expect(state.sid).not.toBe(sid);
  });

  it('N4 keeps what a client comes back to from who only knows its private id: it is still there for the client', async () => {
    const app = await start();
    const { sid, known } = await victimOf(app);
    await Promise.all(['Ben', 'Cid', 'Ben'].map((token) => comeBack(app, { ...known, token })));
    const { client, heard } = await comeBack(app, { ...known, token: 'Ann' });
    const expected = { sid, recovered: true, draft: 'of Ann', heard: ['for Ann', 'lobby', 'all'] };
    expect(await stateOf(app, client, heard)).toEqual(expected);
  });

  it('N4 disconnects nobody for who only knows a private id', async () => {
    const app = await start();
    const victim = await recoverable(app, { token: 'Ann' });
    const left = vi.fn<() => void>();
    victim.on('disconnect', left);
    const { client } = await comeBack(app, tokenOf(victim, { token: 'Ben' }));
    expect(client.id).not.toBe(victim.id);
    expect([await ask(victim, 'read'), left.mock.calls]).toEqual([[{ recovered: false }], []]);
  });

  it('N4 knows a client by what it sent, whatever a middleware makes of it', async () => {
    const app = await start();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    app.get(SocketIO).server.use((socket, pass) => {
      Object.assign(socket.handshake.auth, { user: cycle, at: Date.now(), big: 1n });
      pass();
    });
    const { sid, known } = await victimOf(app);
    const { client, heard } = await comeBack(app, { ...known, token: 'Ann' });
    const expected = { sid, recovered: true, draft: 'of Ann', heard: ['for Ann', 'lobby', 'all'] };
    expect(await stateOf(app, client, heard)).toEqual(expected);
  });

  class Private {
    readonly #name: unknown;
    constructor(name: unknown) {
      this.#name = name;
    }
    toString() {
      return `user ${String(this.#name)}`;
    }
  }
  it.each([
    ['shows nothing', (name: unknown) => new Private(name)],
    ['is of a kind', () => ({ role: 'user' })],
  ])('N4 A1 gives another user nothing, where a user without an id %s', async (_, userOf) => {
    const app = await start();
    app.get(SocketIO).server.use((socket, pass) => {
      Object.assign(socket.request, { user: userOf(socket.handshake.auth['token']) });
      pass();
    });
    const { known } = await victimOf(app, { token: 'Ann' });
    const { client, heard } = await comeBack(app, { ...known, token: 'Ben' });
    const state = await stateOf(app, client, heard);
    expect(state).toMatchObject(NOTHING);
    expect(state).not.toHaveProperty('draft');
  });

  it('N4 gives all back for the same credentials', async () => {
    const app = await start();
    const { sid, known } = await victimOf(app);
    const { client, heard } = await comeBack(app, { ...known, token: 'Ann' });
    const expected = { sid, recovered: true, draft: 'of Ann', heard: ['for Ann', 'lobby', 'all'] };
    expect(await stateOf(app, client, heard)).toEqual(expected);
  });

  it.each([
    ['', { connectionStateRecovery: true }],
    [' with skipMiddlewares', { connectionStateRecovery: { skipMiddlewares: true } }],
    [' with alwaysConnect', { alwaysConnect: true }],
    [' with the raw option', { connectionStateRecovery: false, server: { connectionStateRecovery: {} } }],
  ] as [string, FlaskSocketOptions][])('N4 A3 gives another user nothing%s', async (_, options) => {
    let user = 'Ann';
    const app = await start({ ...options, identify: () => user });
    const { known } = await victimOf(app, {});
    user = 'Ben';
    const { client, heard } = await comeBack(app, known);
    const state = await stateOf(app, client, heard);
    expect(state).toMatchObject(NOTHING);
    expect(state).not.toHaveProperty('draft');
  });

  it('N4 A3 asks option identify with skipMiddlewares: who is revoked is refused', async () => {
    let isRevoked = false;
    const identify = () => {
      if (isRevoked) throw new Error('revoked');
      return 'Ann';
    };
    const app = await start({ identify, connectionStateRecovery: { skipMiddlewares: true } });
    const { known } = await victimOf(app);
    isRevoked = true;
    await expect(comeBack(app, { ...known, token: 'Ann' })).rejects.toThrow();
  });

  it('N4 drops what is said to rooms of a returning client that is somebody else', async () => {
    let answer = (_id: string) => {};
    let asked = 0;
    const identify = () => (asked++ === 0 ? 'Ann' : new Promise<string>((resolve) => (answer = resolve)));
    const app = await start({ identify });
    const { known } = await victimOf(app);
    const back = comeBack(app, known);
    await vi.waitUntil(() => asked === 2, SOON);
    app.get(SocketIO).emit('news', 'meanwhile', { to: 'lobby' });
    app.get(SocketIO).server.to('lobby').emit('news', 'meanwhile');
    answer('Ben');
    const { client, heard } = await back;
    expect(await stateOf(app, client, heard)).toMatchObject(NOTHING);
  });

  it('N4 C8 gives a private id to one client, however many name it at once', async () => {
    const options = optionsWith({});
    const apps = [await startApp({ providers: [TargetGateway], options })];
    if (place === 'Redis Streams') apps.push(await startApp({ providers: [TargetGateway], options }));
    for (const one of apps) await vi.waitUntil(() => one.get(SocketIO).health().status === 'up', SOON);
    const { sid, known } = await victimOf(apps[0]!);
    const claims = Array.from({ length: 8 }, (_, index) =>
      comeBack(apps[index % apps.length]!, { ...known, token: 'Ann' }),
    );
    const clients = (await Promise.all(claims)).map(({ client }) => client);
    expect(clients.filter(({ id, connected: isHere }) => isHere && id === sid)).toHaveLength(1);
  });

  it('N4 gives no sid to two while its client is here', async () => {
    const app = await start();
    const victim = await recoverable(app, { token: 'Ann' });
    victim.io.reconnection(false);
    const { id } = victim;
    const { client } = await comeBack(app, tokenOf(victim, { token: 'Ann' }));
    await vi.waitUntil(() => !(victim.connected && client.id === id), SOON);
    const sockets = [...app.get(SocketIO).server.sockets.sockets.keys()];
    expect([victim, client].filter((one) => one.connected && one.id === id)).toHaveLength(1);
    expect(sockets.filter((sid) => sid === id)).toHaveLength(1);
  });
});

describe('recovery', () => {
  it('N4 says at boot, once, what clients prove themselves with, unless it has been said', async () => {
    const said = async (options: FlaskSocketOptions) => {
      const app = await startApp({
        providers: [TargetGateway],
        options: { connectionStateRecovery: true, ...options },
      });
      return app.log.of('log').filter((line) => line.includes('starts afresh')).length;
    };
    expect([await said({ namespaces: ['/', '/a'] }), await said({ identify: () => 1 })]).toEqual([1, 0]);
  });

  it('N4 lets go of namespaces that were opened for clients, when nobody can come back any more', async () => {
    @SocketGateway('/job/:id')
    class JobGateway {
      @OnEvent('read')
      read() {
        return 1;
      }
    }
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const options = { connectionStateRecovery: { maxDisconnectionDuration: 20 } };
    const app = await startApp({ providers: [JobGateway], options });
    const { server } = app.get(SocketIO);
    const seen: WeakRef<object>[] = [];
    for (let job = 0; job < 40; job++) {
      const client = await app.connect(`/job/${job}`, { auth: { token: 1 } });
      server.of(`/job/${job}`).emit('news', job);
      seen.push(new WeakRef(server.of(`/job/${job}`)), new WeakRef(server.of(`/job/${job}`).adapter));
      client.io.engine.close();
    }
    const left = () => {
      collect();
      return seen.filter((one) => one.deref()).length;
    };

    // The engine may hold the last one for a while.
    await vi.waitFor(() => expect(left()).toBeLessThanOrEqual(4), { timeout: 15_000, interval: 100 });
  });

  it.runIf(have('redis-server')).each(['redis', 'redis-streams'])(
    'P4 leaves the channels of a namespace that a client opened and left, with %s',
    async (scheme) => {
      @SocketGateway('/job/:id')
      class JobGateway {
        @OnEvent('read')
        read() {
          return 1;
        }
      }
      const channel = randomUUID();
      const messageQueue = redis.url.replace('redis:', `${scheme}:`);
      const app = await startApp({ providers: [JobGateway], options: { messageQueue, channel } });
      await vi.waitUntil(() => app.get(SocketIO).health().status === 'up', SOON);
      const channels = () =>
        execFileSync('redis-cli', ['-u', redis.url, 'pubsub', 'channels', `${channel}*`]).toString();
      const client = await app.connect('/job/7');
      await vi.waitUntil(() => channels().includes('/job/7#'), SOON);

      client.disconnect();

      await vi.waitFor(() => expect(channels()).not.toContain('/job/7#'), {
        timeout: 15_000,
        interval: 200,
      });
    },
  );
});
