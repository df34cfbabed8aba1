import { createServer, type Server as HttpServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openQueue, type Queue } from '../../lib/queue/open-queue.js';
import * as brokers from '../support/brokers.js';
import { changes, connected, Links } from '../support/links.js';
import { have } from '../support/system-packages.mjs';

const soon = { timeout: 20_000, interval: 20 };

describe.skipIf(!have('redis-server'))('Redis as a message queue', { timeout: 60_000 }, () => {
  let url = '';
  const links = new Links(() => url);
  afterEach(() => links.close());

  it('P4 P6 follows the sentinels to the new master', async () => {
    const broker = await brokers.sentinelBroker();
    onTestFinished(() => broker.kill());
    await broker.start();
    ({ url } = broker);
    const { one, two, heard } = await links.pair('news');

    await broker.failOver();
    await Promise.all([one.away(), two.away()]);
    one.say('news', 'waits');
    await Promise.all([one.up(), two.up()]);
    await connected(one, heard, 'news');

    expect(changes(one.lines)).toHaveLength(2);
    expect(one.link.counts.lost).toBe(0);
  });

  it('P6 starts without the sentinels, and works when they come', async () => {
    const broker = await brokers.sentinelBroker();
    onTestFinished(() => broker.kill());
    ({ url } = broker);
    const [one, two] = [await links.open(), await links.open()];
    await Promise.all([one.away(), two.away()]);
    await broker.start();
    await Promise.all([one.up(), two.up()]);
    await connected(one, two.hear('news'), 'news');
    expect(changes(one.lines)).toHaveLength(2);
  });

  it.each(['redis+sentinel://', 'redis+sentinel://host:1'])(
    'P4 refuses %s, and says what is missing',
    async (wrong) => {
      url = wrong;
      await expect(links.open()).rejects.toThrow(
        /FSK_INVALID_QUEUE.*host:26379,host:26379\/name-of-the-master/,
      );
    },
  );

  it.each(['redis', 'redis-sharded'])('P4 %s takes no timer for each message', async (scheme) => {
    const broker = await brokers.redisBroker();
    onTestFinished(() => broker.kill());
    await broker.start();
    url = broker.url.replace('redis', scheme);
    const { one, heard } = await links.pair('news');
    const timer = vi.spyOn(AbortSignal, 'timeout');
    onTestFinished(() => timer.mockRestore());

    for (let count = 0; count < 100; count++) one.say('news', `${count}`);
    await vi.waitUntil(() => heard.length === 100, soon);

    expect(timer).not.toHaveBeenCalled();
  });

  describe('in a cluster', () => {
    const topics = Array.from({ length: 8 }, (_, index) => `news ${index}`);

    async function pairIn(broker: brokers.ClusterBroker, scheme = 'redis-sharded:') {
      onTestFinished(() => broker.kill());
      await broker.start();
      url = broker.url.replace('redis:', scheme);
      const [one, two] = [await links.open(), await links.open()];
      await Promise.all([one.up(), two.up()]);
      const heard = topics.map((topic) => two.hear(topic));
      const allConnected = () => {
        for (const messages of heard) messages.length = 0;
        return Promise.all(topics.map((topic, index) => connected(one, heard[index]!, topic)));
      };
      await allConnected();
      return { one, two, allConnected };
    }

    it('P4 P6 goes on when topics move to another node', async () => {
      const broker = await brokers.redisClusterBroker();
      const { one, allConnected } = await pairIn(broker);

      for (const topic of topics) broker.move(topic);
      await allConnected();

      expect(one.link.state).toBe('up');
    });

    it.each(['redis-sharded:', 'redis-streams:'])(
      'P6 %s goes on with the replica when a master is killed',
      async (scheme) => {
        const broker = await brokers.redisClusterBroker({ replicas: 1 });
        const { one, allConnected } = await pairIn(broker, scheme);

        await broker.failOver(topics[0]!);
        await allConnected();

        expect(one.link.state).toBe('up');
      },
    );
  });
});

/** A Socket.IO server on a queue. */
interface Process {
  io: Server;
  queue: Queue;
  url: string;
  lines: string[];
}

async function start(url: string, secret?: string): Promise<Process> {
  const lines: string[] = [];
  const keep = (line: string) => lines.push(line);
  const queue = await openQueue({
    url,
    channel: 'app',
    secret,
    logger: { log: keep, warn: keep, error: keep },
  });
  const http: HttpServer = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new Server(http, { adapter: queue.adapter as never, connectionStateRecovery: {} });
  onTestFinished(async () => {
    await server.close();
    await queue.close(2_000);
  });
  return { io: server, queue, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, lines };
}

async function client(url: string): Promise<Socket> {
  const socket = io(url, { transports: ['websocket'], reconnectionDelay: 50, forceNew: true });
  onTestFinished(() => void socket.disconnect());
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  return socket;
}

describe.skipIf(!have('redis-server'))('Redis Streams as a message queue', { timeout: 60_000 }, () => {
  async function twoProcesses(secret?: string) {
    const broker = await brokers.redisBroker();
    return { ...(await processesOn(broker, secret)), broker };
  }

  async function processesOn(broker: brokers.Broker, secret?: string) {
    onTestFinished(() => broker.kill());
    await broker.start();
    const url = broker.url.replace('redis:', 'redis-streams:');
    const [a, b] = [await start(url, secret), await start(url, secret)];
    await vi.waitUntil(() => a.queue.state === 'up' && b.queue.state === 'up', soon);
    return { a, b };
  }

  it.each([undefined, 'secret'])(
    'N4 replays what a client missed on another process (queueSecret: %s)',
    async (secret) => {
      const { a, b } = await twoProcesses(secret);
      const socket = await client(a.url);
      const heard: unknown[] = [];
      socket.on('news', (news) => heard.push(news));
      b.io.emit('news', 1);
      a.io.emit('news', 2);
      await vi.waitUntil(() => heard.length === 2, soon);

      socket.io.engine.close();
      // It comes back on the other process.
      (socket.io as unknown as { uri: string }).uri = b.url;
      for (let news = 3; news < 20; news++) [a, b][news % 2]!.io.emit('news', news);
      await vi.waitUntil(() => socket.recovered, soon);
      b.io.emit('news', 'last');
      await vi.waitUntil(() => heard.includes('last'), soon);

      const own = (parity: number) => heard.filter((news) => typeof news === 'number' && news % 2 === parity);
      const sent = Array.from({ length: 17 }, (_, index) => index + 3);
      expect(own(0)).toEqual([2, ...sent.filter((news) => news % 2 === 0)]);
      expect(own(1)).toEqual([1, ...sent.filter((news) => news % 2 === 1)]);
    },
  );

  it('P6 serves its own clients while Redis is away or hangs, in order', async () => {
    const { a, broker } = await twoProcesses();
    const socket = await client(a.url);
    const heard: unknown[] = [];
    socket.on('news', (news) => heard.push(news));
    broker.pause();
    const began = Date.now();
    for (let news = 0; news < 100; news++) a.io.emit('news', news);
    await vi.waitUntil(() => heard.length === 100, soon);
    expect(Date.now() - began).toBeLessThan(10_000);

    await broker.kill();
    await vi.waitUntil(() => a.queue.state === 'away', soon);
    const gone = Date.now();
    for (let news = 100; news < 200; news++) a.io.emit('news', news);
    await vi.waitUntil(() => heard.length === 200, soon);
    expect(Date.now() - gone).toBeLessThan(3_000);
    expect(heard).toEqual(Array.from({ length: 200 }, (_, index) => index));

    await broker.start();
    await vi.waitUntil(() => a.queue.state === 'up', soon);
  });

  it('P4 P6 goes on in a cluster when the stream moves to another node', async () => {
    const broker = await brokers.redisClusterBroker();
    const { a, b } = await processesOn(broker);
    const socket = await client(b.url);
    const heard: unknown[] = [];
    socket.on('news', (news) => heard.push(news));
    a.io.emit('news', 'before');
    await vi.waitUntil(() => heard.includes('before'), soon);

    broker.move('app#stream');

    await vi.waitFor(() => {
      a.io.emit('news', 'after');
      expect(heard).toContain('after');
    }, soon);
  });

  it('P6 leaves the event loop alone while Redis is away', async () => {
    const { a, b, broker } = await twoProcesses();
    await broker.kill();
    await vi.waitUntil(() => a.queue.state === 'away' && b.queue.state === 'away', soon);
    // Only time shows what a loop without a pause would cost.
    const { user } = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(process.cpuUsage().user - user).toBeLessThan(500_000);
  });
});
