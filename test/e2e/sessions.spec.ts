import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { run } from 'nestjs-flask-socket';
import type { AddressInfo } from 'node:net';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AppModule } from '../../sample/02-sessions/app.module.js';
import { connected, next } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

let redis: Broker | undefined;

beforeAll(async () => {
  if (!have('redis-server')) return;
  redis = await redisBroker();
  await redis.start();
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => redis?.stop());

const stores = [
  { store: 'memory', url: () => '', isThere: true },
  { store: 'Redis', url: () => redis!.url, isThere: have('redis-server') },
];

describe.each(stores)('sample/02-sessions with its store in $store', ({ url, isThere }) => {
  it.skipIf(!isThere)('K5 gives connections a session of their own when they write', async () => {
    const visitor = await start(url(), true);

    await visitor.post('one');
    const client = await visitor.connect();
    await visitor.post('two');
    const before = await valueIn(client);
    client.emit('set session', { value: 'three' });

    expect([before, await valueIn(client), await visitor.get()]).toEqual(['two', 'three', 'two']);
    expect(await valueIn(await visitor.connect())).toBe('two');
  });

  it.skipIf(!isThere)('K6 shares the session with MANAGE_SESSION=false', async () => {
    const visitor = await start(url(), false);

    await visitor.post('one');
    const client = await visitor.connect();
    client.emit('set session', { value: 'two' });
    const own = await valueIn(client);
    const overHttp = await visitor.get();
    await visitor.post('three');

    expect([own, overHttp, await valueIn(client)]).toEqual(['two', 'two', 'three']);
  });
});

it('sample/02-sessions serves its page', async () => {
  const app = await NestFactory.create(AppModule, { logger: false });
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');

  const page = await (await fetch(await app.getUrl())).text();

  expect(page).toContain('<title>Sessions</title>');
});

async function start(redisUrl: string, manageSession: boolean): Promise<Visitor> {
  vi.stubEnv('REDIS_URL', redisUrl);
  const app = await run(AppModule, { port: 0, manageSession, nest: { logger: false }, logger: false });
  onTestFinished(() => app.close());
  return new Visitor(app);
}

async function valueIn(client: Socket): Promise<string> {
  const refreshed = next(client, 'refresh session');
  client.emit('get session');
  const [{ value }] = (await refreshed) as [{ value: string }];
  return value;
}

/** A browser that has the page open. */
class Visitor {
  #cookie = '';

  constructor(private readonly app: INestApplication) {}

  get #url(): string {
    return `http://127.0.0.1:${(this.app.getHttpServer().address() as AddressInfo).port}`;
  }

  async get(): Promise<string> {
    const answer = await fetch(`${this.#url}/session`, { headers: { Cookie: this.#cookie } });
    return ((await answer.json()) as { value: string }).value;
  }

  async post(value: string): Promise<void> {
    const headers = { Cookie: this.#cookie, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ value });
    const answer = await fetch(`${this.#url}/session`, { method: 'POST', headers, body });
    this.#cookie = answer.headers.getSetCookie()[0]?.split(';', 1)[0] ?? this.#cookie;
  }

  async connect(): Promise<Socket> {
    const client = io(this.#url, { forceNew: true, extraHeaders: { Cookie: this.#cookie } });
    onTestFinished(() => void client.close());
    await connected(client);
    return client;
  }
}
