import { Controller, Get, Inject, Module, type DynamicModule } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  HealthCheck,
  HealthCheckService,
  TerminusModule,
  type HealthIndicatorService,
} from '@nestjs/terminus';
import { FlaskSocketModule, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { FlaskSocketHealthIndicator } from 'nestjs-flask-socket/health';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, startApp, type AppOptions, type RunningApp } from '../support/app.js';
import { redisBroker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

/** A handler that ends when the test says so. */
@SocketGateway()
class SlowGateway {
  end!: (value: string) => void;
  readonly #ended = new Promise<string>((resolve) => (this.end = resolve));

  @OnEvent('slow')
  slow() {
    return this.#ended;
  }

  @OnEvent('quick')
  quick() {}
}

@Controller()
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(FlaskSocketHealthIndicator) private readonly socketio: FlaskSocketHealthIndicator,
  ) {}

  @Get('alive')
  @HealthCheck()
  alive() {
    return this.health.check([]);
  }

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.socketio.isHealthy()]);
  }
}

const imports: DynamicModule[] = [TerminusModule.forRoot({ logger: false })];

function start(options: AppOptions = {}): Promise<RunningApp> {
  return startApp({
    imports,
    controllers: [HealthController],
    providers: [FlaskSocketHealthIndicator, SlowGateway],
    ...options,
  });
}

/** Status and body of a health route. */
async function check({ url }: RunningApp, route = 'ready') {
  const response = await fetch(`${url}/${route}`, { headers: { connection: 'close' } });
  return { code: response.status, body: (await response.json()) as { status: string; details: object } };
}

const platforms: [string, () => AbstractHttpAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

describe.each(platforms)('the health of an application on %s', (_, adapter) => {
  it('N6 is up, with the number of connections', async () => {
    const app = await start({ adapter });
    await app.connect();
    expect(await check(app)).toEqual({
      code: 200,
      body: {
        status: 'ok',
        info: { socketio: { status: 'up', draining: false, connections: 1 } },
        error: {},
        details: { socketio: { status: 'up', draining: false, connections: 1 } },
      },
    });
  });

  it('N6 P7 is down as soon as it stops, while a handler still runs', async () => {
    const app = await start({ adapter });
    const client = await app.connect();
    const answer = ask(client, 'slow');
    await ask(client, 'quick'); // the slow one runs by then
    const stopped = app.get(SocketIO).stop();
    const [ready, health] = [await check(app), app.get(SocketIO).health()];
    app.get(SlowGateway).end('done');
    const down = { draining: true, connections: 1 };
    expect(ready).toMatchObject({ code: 503, body: { details: { socketio: { status: 'down', ...down } } } });
    expect(health).toEqual({ status: 'down', ...down });
    expect(await answer).toEqual(['done']);
    await stopped;
  });
});

describe.skipIf(!have('redis-server'))('the health of an application with a message queue', () => {
  it('N6 P6 is degraded while the queue is away, before it was there and after, and up in between', async () => {
    const broker = await redisBroker();
    const app = await start({ options: { messageQueue: broker.url } });
    const health = () => app.get(SocketIO).health();
    const queue = { name: broker.url, lost: 0, refused: 0 };
    const before = [health(), await check(app)];

    await broker.start();
    onTestFinished(() => broker.stop());
    await vi.waitFor(() => expect(health().status).toBe('up'), 10_000);
    const between = [health(), await check(app)];

    await broker.kill();
    await vi.waitFor(() => expect(health().status).toBe('degraded'), 10_000);
    const after = [health(), await check(app)];

    const degraded = (state: string) => [
      { status: 'degraded', draining: false, connections: 0, queue: { ...queue, state } },
      { code: 200, body: { status: 'degraded', details: { socketio: { status: 'degraded' } } } },
    ];
    expect(before).toMatchObject(degraded('connecting'));
    expect(between).toMatchObject([
      { status: 'up', queue: { ...queue, state: 'up' } },
      { code: 200, body: { status: 'ok', details: { socketio: { status: 'up' } } } },
    ]);
    expect(after).toMatchObject(degraded('away'));
  });

  it('N6 keeps the password of the queue to itself', async () => {
    const app = await start({ options: { messageQueue: 'redis://me:secret@127.0.0.1:1' } });
    expect(JSON.stringify([app.get(SocketIO).health(), await check(app)])).not.toContain('secret');
  });
});

describe('the health of an application', () => {
  it('N6 is down before there is a server', async () => {
    let health: unknown;
    await start({ prepare: (app) => (health = app.get(SocketIO).health()) });
    expect(health).toEqual({ status: 'down', draining: false, connections: 0 });
  });

  it('N6 has no part in whether the process is alive', async () => {
    const app = await start();
    const client = await app.connect();
    const answer = ask(client, 'slow');
    await ask(client, 'quick');
    const stopped = app.get(SocketIO).stop();
    const alive = await check(app, 'alive');
    app.get(SlowGateway).end('done');
    await Promise.all([answer, stopped]);
    expect(alive).toMatchObject({ code: 200, body: { status: 'ok' } });
  });

  it('N6 goes by the name that it is given', async () => {
    const app = await start();
    expect(app.get(FlaskSocketHealthIndicator).isHealthy('chat')).toMatchObject({ chat: { status: 'up' } });
  });

  it('N6 that is degraded is up and says so, where terminus 11 knows no better', () => {
    const socketio = { health: () => ({ status: 'degraded', draining: false, connections: 0 }) };
    const terminus = {
      check: (key: string) => ({ up: (details: object) => ({ [key]: { status: 'up', ...details } }) }),
    };
    const indicator = new FlaskSocketHealthIndicator(
      socketio as SocketIO,
      terminus as never as HealthIndicatorService,
    );
    expect(indicator.isHealthy()).toEqual({
      socketio: { status: 'up', degraded: true, draining: false, connections: 0 },
    });
  });

  it('N6 needs only the module that is imported, without being global', async () => {
    @Module({
      imports: [FlaskSocketModule.forRoot({ logger: false, isGlobal: false }), ...imports],
      controllers: [HealthController],
      providers: [FlaskSocketHealthIndicator],
    })
    class LocalModule {}
    const app = await startApp({ module: { module: LocalModule } });
    expect(await check(app)).toMatchObject({ code: 200 });
  });
});
