import { readFileSync } from 'node:fs';
import { Module } from 'node:module';
import { Controller, Get, Inject, UseGuards, type CanActivate } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { emit, OnConnect, OnDisconnect, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import {
  FlaskSocketMetrics,
  FlaskSocketMetricsModule,
  type FlaskSocketMetricsOptions,
} from 'nestjs-flask-socket/metrics';
import { Counter, Registry } from 'prom-client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { METRICS } from '../../lib/metrics/instruments.js';
import { ask, bootError, flushed, next, startApp, type AppOptions, type RunningApp } from '../support/app.js';
import { redisBroker } from '../support/brokers.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

@SocketGateway()
class ChatGateway {
  @OnEvent('echo')
  echo(data: unknown) {
    return data;
  }

  @OnEvent('fail')
  async fail() {
    throw new Error('on purpose');
  }

  @OnEvent('question')
  question() {
    emit('question', null, {
      callback: () => {
        throw new Error('on purpose');
      },
    });
  }
}

@SocketGateway('/job/:id')
class JobGateway {
  @OnConnect()
  connect() {}

  @OnEvent('*')
  any() {}

  @OnDisconnect()
  async left() {}
}

@WebSocketGateway({ namespace: '/nest' })
class NestGateway {
  @SubscribeMessage('hello')
  hello() {
    return 'hello';
  }
}

function start(metrics: FlaskSocketMetricsOptions = {}, options: AppOptions = {}): Promise<RunningApp> {
  return startApp({
    imports: [FlaskSocketMetricsModule.forRoot(metrics)],
    providers: [ChatGateway, JobGateway],
    ...options,
  });
}

/** The samples of a scrape: `name{labels}` → value. */
async function scrape({ url }: RunningApp, path = '/metrics') {
  const response = await fetch(url + path);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return samples(await response.text());
}

function samples(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))])); // prettier-ignore
}

const named = (all: Record<string, number>, name: string) =>
  Object.fromEntries(Object.entries(all).filter(([sample]) => sample.startsWith(`flask_socket_${name}{`)));

const platforms: [string, () => AbstractHttpAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

describe.each(platforms)('GET /metrics on %s', (_, adapter) => {
  it('N6 counts connections, events, errors and durations, as the code names them', async () => {
    const app = await start({}, { adapter });
    const client = await app.connect();
    const jobs = [await app.connect('/job/1'), await app.connect('/job/2')];
    for (const value of [1, 2, 3]) await ask(client, 'echo', value);
    await ask(client, 'fail');
    for (const job of jobs) job.emit(`chosen by ${job.id}`);
    await flushed(...jobs);

    const metrics = await scrape(app);

    expect(named(metrics, 'connections')).toEqual({
      'flask_socket_connections{namespace="/"}': 1,
      'flask_socket_connections{namespace="/job/:id"}': 2,
    });
    expect(named(metrics, 'events_total')).toEqual({
      'flask_socket_events_total{namespace="/",event="echo"}': 3,
      'flask_socket_events_total{namespace="/",event="fail"}': 1,
      'flask_socket_events_total{namespace="/job/:id",event="*"}': 2,
    });
    expect(named(metrics, 'errors_total')).toEqual({
      'flask_socket_errors_total{namespace="/",event="fail"}': 1,
    });
    expect(named(metrics, 'handler_duration_seconds_count')).toEqual({
      'flask_socket_handler_duration_seconds_count{namespace="/",event="echo"}': 3,
      'flask_socket_handler_duration_seconds_count{namespace="/",event="fail"}': 1,
      'flask_socket_handler_duration_seconds_count{namespace="/job/:id",event="*"}': 2,
      'flask_socket_handler_duration_seconds_count{namespace="/job/:id",event="connect"}': 2,
    });
  });
});

describe('what is measured', () => {
  it('N6 a connection that ends is no longer counted, and its disconnect handler is timed', async () => {
    const app = await start();
    const client = await app.connect('/job/1');
    client.disconnect();
    await vi.waitFor(async () => {
      const metrics = await scrape(app);
      expect(named(metrics, 'connections')['flask_socket_connections{namespace="/job/:id"}'] ?? 0).toBe(0);
      expect(metrics).toMatchObject({
        'flask_socket_handler_duration_seconds_count{namespace="/job/:id",event="disconnect"}': 1,
      });
    });
  });

  it('N6 what clients choose never becomes a label', async () => {
    const app = await start({}, { options: { namespaces: '*' } });
    const clients = [await app.connect('/chosen-1'), await app.connect('/chosen-2'), await app.connect()];
    for (const client of clients) {
      client.emit(`chosen ${client.id}`);
      client.emit('chosen '.repeat(100));
    }
    await flushed(...clients);

    const metrics = await scrape(app);

    expect(JSON.stringify(metrics)).not.toContain('chosen');
    expect(named(metrics, 'connections')).toEqual({
      'flask_socket_connections{namespace="/"}': 1,
      'flask_socket_connections{namespace="*"}': 2,
    });
    expect(named(metrics, 'events_total')).toEqual({
      'flask_socket_events_total{namespace="/",event="unknown"}': 1,
      'flask_socket_events_total{namespace="*",event="unknown"}': 2,
    });
    expect(named(metrics, 'dropped_total')).toEqual({
      'flask_socket_dropped_total{reason="no_handler"}': 3,
      'flask_socket_dropped_total{reason="invalid_name"}': 3,
    });
  });

  it('N6 bytes are those of packets, in both directions, text and binary, by polling and WebSocket', async () => {
    const app = await start();
    const clients = [await app.connect(), await app.connect('/', { transports: ['polling'] })];
    const bytes = async () => {
      const { received = 0, sent = 0 } = Object.fromEntries(
        Object.entries(named(await scrape(app), 'bytes_total')).map(([sample, value]) => [
          /direction="(\w+)"/.exec(sample)![1]!,
          value,
        ]),
      );
      return { received, sent };
    };
    for (const client of clients) {
      const before = await bytes();
      await ask(client, 'echo', 'ü'.repeat(500));
      await ask(client, 'echo', Buffer.alloc(10_000));
      const after = await bytes();
      expect(after.received - before.received).toBeGreaterThan(11_000);
      expect(after.received - before.received).toBeLessThan(11_300);
      expect(after.sent - before.sent).toBeGreaterThan(11_000);
      expect(after.sent - before.sent).toBeLessThan(11_300);
    }
  });

  it('N6 a handler that waits is timed until it has answered', async () => {
    let end: () => void = () => {};
    @SocketGateway()
    class SlowGateway {
      @OnEvent('slow')
      slow() {
        return new Promise<void>((resolve) => (end = resolve));
      }

      @OnEvent('quick')
      quick() {}
    }
    const app = await start({ buckets: [0.05, 60] }, { providers: [SlowGateway] });
    const client = await app.connect();
    const answer = ask(client, 'slow');
    await ask(client, 'quick');
    const began = performance.now();
    await vi.waitUntil(() => performance.now() - began > 60);
    end();
    await answer;
    const buckets = named(await scrape(app), 'handler_duration_seconds_bucket');
    const of = (le: string, event: string) =>
      buckets[`flask_socket_handler_duration_seconds_bucket{le="${le}",namespace="/",event="${event}"}`];
    expect([of('0.05', 'slow'), of('60', 'slow'), of('60', 'quick')]).toEqual([0, 1, 1]);
  });

  it('N6 an error in a callback counts as one of callbacks', async () => {
    const app = await start();
    const client = await app.connect();
    const exception = next(client, 'exception');
    client.on('question', (_: null, answer: () => void) => answer());
    client.emit('question');
    await exception;
    expect(named(await scrape(app), 'errors_total')).toEqual({
      'flask_socket_errors_total{namespace="/",event="callback"}': 1,
    });
  });

  it('N6 events of Nest gateways count, under the names of their handlers', async () => {
    const app = await start({}, { providers: [NestGateway] });
    const client = await app.connect('/nest');
    await ask(client, 'hello');
    const metrics = await scrape(app);
    expect(metrics).toMatchObject({
      'flask_socket_connections{namespace="/nest"}': 1,
      'flask_socket_events_total{namespace="/nest",event="hello"}': 1,
    });
    expect(metrics['flask_socket_bytes_total{direction="received"}']).toBeGreaterThan(0);
  });
});

describe.skipIf(!have('redis-server'))('the message queue', () => {
  it('N6 is 1 while it is connected, else 0, and what it refuses is counted', async () => {
    const broker = await redisBroker();
    await broker.start();
    const app = await start({}, { options: { messageQueue: broker.url } });
    const queueUp = async () => (await scrape(app))['flask_socket_queue_up'];
    await vi.waitFor(async () => expect(await queueUp()).toBe(1), 10_000);
    await broker.kill();
    await vi.waitFor(async () => expect(await queueUp()).toBe(0), 10_000);
    const counts = { lost: 2, refused: 3 };
    const runtime = app.get(SocketIO)['runtime'];
    vi.spyOn(runtime.messageQueue.queue!, 'counts', 'get').mockImplementation(() => counts);
    await scrape(app);
    counts.lost = 5;
    expect(named(await scrape(app), 'dropped_total')).toEqual({
      'flask_socket_dropped_total{reason="queue_lost"}': 5,
      'flask_socket_dropped_total{reason="queue_refused"}': 3,
    });
  });

  it('N6 has no figure where there is none', async () => {
    const app = await start();
    expect(await scrape(app)).not.toHaveProperty('flask_socket_queue_up');
  });
});

describe('FlaskSocketMetricsModule', () => {
  it('N6 serves another path, and none at all', async () => {
    const [elsewhere, nowhere] = [await start({ path: '/internal/figures' }), await start({ path: false })];
    expect(await scrape(elsewhere, '/internal/figures')).toHaveProperty([
      'flask_socket_connections{namespace="/"}',
    ]);
    expect((await fetch(`${nowhere.url}/metrics`)).status).toBe(404);
    expect(await nowhere.get(FlaskSocketMetrics).registry.metrics()).toContain('flask_socket_connections{');
  });

  it('N6 keeps its path where routes have a version, and takes a global prefix', async () => {
    const app = await start({}, { prepare: (made) => void made.setGlobalPrefix('api').enableVersioning() });
    expect(await scrape(app, '/api/metrics')).toHaveProperty(['flask_socket_connections{namespace="/"}']);
  });

  it('N6 writes into a registry of the application, and leaves it as it was', async () => {
    const registry = new Registry();
    registry.registerMetric(new Counter({ name: 'orders_total', help: 'Orders.', registers: [] }));
    const app = await start({ registry });
    expect(await scrape(app)).toMatchObject({
      orders_total: 0,
      'flask_socket_connections{namespace="/"}': 0,
    });
    await app.close();
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(['orders_total']);
    await start({ registry }); // which would fail if anything had been left
  });

  it('N6 two applications in one process know nothing of each other', async () => {
    const [one, other] = [await start(), await start()];
    await ask(await one.connect(), 'echo');
    expect(named(await scrape(one), 'events_total')).not.toEqual({});
    expect(named(await scrape(other), 'events_total')).toEqual({});
  });

  it('N6 can be kept by a controller of the application, behind its guards', async () => {
    class Nobody implements CanActivate {
      canActivate() {
        return false;
      }
    }
    @Controller('figures')
    @UseGuards(Nobody)
    class FiguresController {
      constructor(@Inject(FlaskSocketMetrics) private readonly metrics: FlaskSocketMetrics) {}

      @Get()
      figures() {
        return this.metrics.registry.metrics();
      }
    }
    const app = await start({ path: false }, { controllers: [FiguresController] });
    expect((await fetch(`${app.url}/figures`)).status).toBe(403);
  });

  it('N6 without prom-client fails the boot with the install command', async () => {
    const resolver = Module as unknown as { _resolveFilename: (name: string, ...rest: unknown[]) => string };
    const resolve = resolver._resolveFilename;
    vi.spyOn(resolver, '_resolveFilename').mockImplementation((name, ...rest) => {
      if (name === 'prom-client') throw new Error('not there');
      return resolve(name, ...rest);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    const error = await bootError({ imports: [FlaskSocketMetricsModule.forRoot()] });
    expect(error.code).toBe('FSK_MISSING_PACKAGE');
    expect(error.message).toContain('npm install prom-client');
  });

  it('N6 has every metric in docs/deployment.md, and no other', () => {
    const documented =
      readFileSync(`${root}docs/deployment.md`, 'utf8').match(/^\| `flask_socket_\w+`/gm) ?? [];
    const names = Object.values(METRICS).map(({ name }) => `| \`${name}\``);
    expect(documented.toSorted()).toEqual(names.toSorted());
  });

  it('N6 without FlaskSocketModule fails the boot and says what to import', async () => {
    const error = await bootError({ module: FlaskSocketMetricsModule.forRoot() });
    expect(error.code).toBe('FSK_MODULE_MISSING');
  });
});
