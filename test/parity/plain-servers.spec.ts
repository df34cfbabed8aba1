import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-adapter';
import { SocketIO } from 'nestjs-flask-socket';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connected, next, startApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

describe.skipIf(!have('redis-server'))('a plain socket.io server on redis://, as documented', () => {
  let redis: Broker;
  beforeAll(async () => (redis = await redisBroker()).start());
  afterAll(() => redis.stop());

  /** A server that knows nothing of this library, and a client of it. */
  async function startPlain() {
    const publisher = createClient({ url: redis.url });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    const http = createServer();
    const server = new Server(http, {
      adapter: createAdapter(publisher, subscriber, { key: 'flask-socketio' }),
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const client = io(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { forceNew: true });
    onTestFinished(async () => {
      client.close();
      await server.close();
      await Promise.all([publisher.close(), subscriber.close()]);
    });
    await connected(client);
    return { server, client };
  }

  it('P4 O1 hears and is heard, joins and lists: what values are, too', async () => {
    const plain = await startPlain();
    const app = await startApp({ options: { messageQueue: redis.url } });
    const client = await app.connect();
    const ours = app.get(SocketIO);
    const both = [client, plain.client];
    const hear = (event: string) => Promise.all(both.map((each) => next(each, event)));
    const again = setInterval(() => ours.emit('hello'), 50);
    await hear('hello').finally(() => clearInterval(again));

    const ourNews = hear('ours');
    ours.emit('ours', { at: new Date(0), list: [undefined], bytes: Buffer.from('a') });
    const value = { at: '1970-01-01T00:00:00.000Z', list: [null], bytes: Buffer.from('a') };
    expect(await ourNews).toEqual([[value], [value]]);

    const theirNews = hear('theirs');
    plain.server.emit('theirs', { at: new Date(0) });
    expect(await theirNews).toEqual([[{ at: value.at }], [{ at: value.at }]]);

    await ours.joinRoom('lobby', { sid: plain.client.id! });
    plain.server.in(client.id!).socketsJoin('lobby');
    const sids = both.map(({ id }) => id).toSorted();
    const lobby = async (server: Server) => (await server.in('lobby').fetchSockets()).map(({ id }) => id);
    for (const server of [plain.server, ours.server])
      await vi.waitFor(async () => expect((await lobby(server)).toSorted()).toEqual(sids), 5_000);
    const inLobby = hear('lobby');
    ours.emit('lobby', 1, { to: 'lobby' });
    expect(await inLobby).toEqual([[1], [1]]);
    expect((await ours.members('lobby')).map(({ sid }) => sid)).toEqual([client.id]);
  });
});
