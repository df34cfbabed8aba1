import { randomUUID } from 'node:crypto';
import {
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ask, connected, next, startApp, type RunningApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

const SOON = { timeout: 10_000, interval: 10 };

/** What would have ended the process. */
const faults: unknown[] = [];
const noteFault = (fault: unknown) => void faults.push(fault);

beforeEach(() => {
  process.on('uncaughtException', noteFault);
  process.on('unhandledRejection', noteFault);
});

afterEach(() => {
  process.off('uncaughtException', noteFault);
  process.off('unhandledRejection', noteFault);
  expect(faults.splice(0)).toEqual([]);
});

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

    client.io.engine.close();
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
    if (place === 'Redis Streams') expect(app.log.of('warn')).toContainEqual(expect.stringContaining('deep'));
  });
});
