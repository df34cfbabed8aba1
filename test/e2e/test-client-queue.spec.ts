import { OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connected, inbox, startApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { createApp } from '../support/portless.js';
import { have } from '../support/system-packages.mjs';

@SocketGateway()
class NewsGateway {
  @OnEvent('ask')
  ask(question: string) {
    return `${question}!`;
  }
}

describe.skipIf(!have('redis-server'))('the test client of an application with a message queue', () => {
  let redis: Broker;
  beforeAll(async () => {
    redis = await redisBroker();
    await redis.start();
  });
  afterAll(() => redis?.kill());

  /** An application without a port, and one with a real client: two servers on one queue. */
  async function two(channel: string) {
    const options = { messageQueue: redis.url, channel };
    const app = await createApp({ providers: [NewsGateway], options });
    const client = await createTestClient(app);
    const other = await startApp({ options });
    const socket = await other.connect();
    await vi.waitUntil(async () => (await app.get(SocketIO).members(socket.id!)).length === 1, soon);
    return { app, client, other, socket };
  }
  const soon = { timeout: 10_000, interval: 50 };

  it('Q3 P4 gets what another process emits, and is heard by its clients', async () => {
    const { client, other, app, socket } = await two('test-client-emits');
    const heard = inbox(socket);
    other.get(SocketIO).emit('news', { n: 1 });
    expect(await client.waitFor('news', soon)).toMatchObject({ args: [{ n: 1 }] });
    app.get(SocketIO).emit('news', { n: 2 });
    await vi.waitUntil(() => heard.some(([, data]) => (data as { n: number }).n === 2), soon);
  });

  it('Q3 P4 E7 M6 is asked by another process, and is a member there', async () => {
    const { client, other } = await two('test-client-asks');
    client.on('question', () => 'yes');
    const sid = client.sid()!;
    expect(await other.get(SocketIO).call('question', 1, { to: sid })).toBe('yes');
    expect(await other.get(SocketIO).members(sid)).toEqual([{ sid, rooms: [sid] }]);
  });

  it('Q3 P6 works as without a queue while the broker is away', async () => {
    const away = await redisBroker();
    onTestFinished(() => away.kill());
    const app = await createApp({ providers: [NewsGateway], options: { messageQueue: away.url } });
    const client = await createTestClient(app);
    expect(await client.call('ask', 'well')).toBe('well!');
    app.get(SocketIO).emit('news', 1);
    expect(await client.waitFor('news')).toMatchObject({ args: [1] });
    expect(client.isConnected()).toBe(true);
  });
});

it.skipIf(!have('redis-server'))('Q3 P6 a server without its broker accepts clients at once', async () => {
  const away = await redisBroker();
  const app = await startApp({ providers: [NewsGateway], options: { messageQueue: away.url } });
  const client = app.open();
  await connected(client);
  expect(client.connected).toBe(true);
});
