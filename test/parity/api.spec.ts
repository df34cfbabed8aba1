import { Controller, Inject, Module, Post } from '@nestjs/common';
import {
  emit,
  FlaskSocketModule,
  OnDisconnect,
  OnEvent,
  run,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, flushed, next, refusal, startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

@Controller()
class StopController {
  constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

  @Post('stop')
  async stop() {
    await this.socketio.stop();
    return 'stopped';
  }
}

@SocketGateway()
class StopGateway {
  constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

  @OnEvent('stop')
  async stop() {
    await this.socketio.stop();
    return 'stopped';
  }
}

/** Resolves when the application takes no HTTP requests any more. */
async function closed(url: string): Promise<void> {
  const answers = () =>
    fetch(url, { headers: { connection: 'close' } }).then(
      () => true,
      () => false,
    );
  while (await answers()) await turn();
}

const warnings = (app: RunningApp) => [...app.log.of('warn'), ...app.log.of('error')];

describe('socketio.stop()', () => {
  it('Q1 ends the connections of all clients', async () => {
    const app = await startApp();
    const clients = await Promise.all([app.connect(), app.connect('/', { transports: ['polling'] })]);
    const ended = clients.map((client) => next(client, 'disconnect'));

    await app.get(SocketIO).stop();

    expect(await Promise.all(ended)).toHaveLength(2);
  });

  it('Q1 lets clients come back by themselves, to another process', async () => {
    const app = await startApp();
    const client = await app.connect();
    const ended = next(client, 'disconnect');

    await app.get(SocketIO).stop();

    expect((await ended)[0]).toBe('transport close');
  });

  it('Q1 closes the HTTP server', async () => {
    const app = await startApp();
    const { url } = app;

    await app.get(SocketIO).stop();

    await expect(fetch(url)).rejects.toThrow();
  });

  it('Q1 waits for running handlers, whose acknowledgements leave', async () => {
    const gate = new Gate();
    @SocketGateway()
    class SlowGateway {
      @OnEvent('act')
      async act() {
        await gate.opened;
        return 'done';
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    const client = await app.connect();
    const answer = ask(client, 'act');
    await flushed(client);

    const stopping = app.get(SocketIO).stop();
    gate.open();
    await stopping;

    expect(await answer).toEqual(['done']);
  });

  it('Q1 waits for disconnect handlers', async () => {
    const steps: string[] = [];
    @SocketGateway()
    class SlowGateway {
      @OnDisconnect()
      async left() {
        for (let count = 0; count < 100; count++) await turn();
        steps.push('left');
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    await app.connect();

    await app.get(SocketIO).stop();

    expect(steps).toEqual(['left']);
  });

  it('Q1 refuses new clients while it waits', async () => {
    const gate = new Gate();
    @SocketGateway()
    class SlowGateway {
      @OnEvent('act')
      act() {
        return gate.opened;
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    const client = await app.connect();
    client.emit('act');
    await flushed(client);
    const stopping = app.get(SocketIO).stop();

    const refused = await refusal(app.open());
    gate.open();
    await stopping;

    expect(refused).toBeInstanceOf(Error);
  });

  it('Q1 waits no longer than shutdownTimeout', async () => {
    @SocketGateway()
    class EndlessGateway {
      @OnEvent('act')
      act() {
        return new Gate().opened;
      }
    }
    const app = await startApp({ providers: [EndlessGateway], options: { shutdownTimeout: 20 } });
    const client = await app.connect();
    client.emit('act');
    await flushed(client);

    await app.get(SocketIO).stop();

    expect(app.log.of('warn')).toEqual(['Stopping with 1 handler still running.']);
  });

  it('Q1 may be called twice', async () => {
    const app = await startApp();
    await app.connect();

    await Promise.all([app.get(SocketIO).stop(), app.get(SocketIO).stop()]);

    expect(warnings(app)).toEqual([]);
  });

  it('Q1 may be called and awaited in a handler, which still acknowledges', async () => {
    const app = await startApp({ providers: [StopGateway] });
    const client = await app.connect();

    expect(await ask(client, 'stop')).toEqual(['stopped']);
  });

  it('Q1 in a handler ends connections and the HTTP server', async () => {
    const app = await startApp({ providers: [StopGateway] });
    const { url } = app;
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    const ended = [next(client, 'disconnect'), next(other, 'disconnect')];

    client.emit('stop');
    await Promise.all(ended);
    await closed(url);

    expect(warnings(app)).toEqual([]);
  });

  it('Q1 may be called and awaited in a disconnect handler', async () => {
    const steps = new Journal();
    @SocketGateway()
    class LastGateway {
      constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

      @OnDisconnect()
      async left() {
        await this.socketio.stop();
        steps.add('stopped');
      }
    }
    const app = await startApp({ providers: [LastGateway] });
    const { url } = app;
    const client = await app.connect();

    client.disconnect();
    await steps.reached(1);
    await closed(url);

    expect(warnings(app)).toEqual([]);
  });

  it('Q1 may be called and awaited in an HTTP route, which still answers', async () => {
    const app = await startApp({ controllers: [StopController] });
    const client = await app.connect();
    const ended = next(client, 'disconnect');

    const answer = await fetch(`${app.url}/stop`, { method: 'POST' });

    expect(await answer.text()).toBe('stopped');
    expect(await ended).toBeDefined();
  });

  it('Q1 may be called and awaited in a background task', async () => {
    const app = await startApp();
    const { url } = app;
    const socketio = app.get(SocketIO);

    const result = await socketio.startBackgroundTask(async () => {
      await socketio.stop();
      return 'stopped';
    });
    await closed(url);

    expect([result, warnings(app)]).toEqual(['stopped', []]);
  });

  it('Q1 in a route of an application that run() started closes the application', async () => {
    const steps = new Journal();
    @Module({ imports: [FlaskSocketModule.forRoot({ logger: false })], controllers: [StopController] })
    class AppModule {
      onApplicationShutdown() {
        steps.add('shut down');
      }
    }
    const app = await run(AppModule, { port: 0, nest: { logger: false } });
    onTestFinished(() => app.close());
    const { port } = app.getHttpServer().address() as AddressInfo;

    const answer = await fetch(`http://127.0.0.1:${port}/stop`, { method: 'POST' });

    expect(await answer.text()).toBe('stopped');
    expect(await steps.reached(1)).toEqual(['shut down']);
  });
});

describe('a background task', () => {
  async function start(): Promise<{ app: RunningApp; socketio: SocketIO }> {
    const app = await startApp();
    return { app, socketio: app.get(SocketIO) };
  }

  /** A task that sleeps until it is cancelled. */
  function sleeper(socketio: SocketIO, steps = new Journal()) {
    const asleep = new Gate();
    const task = socketio.startBackgroundTask(async () => {
      try {
        asleep.open();
        await socketio.sleep(60_000);
        steps.add('slept');
      } finally {
        steps.add('over');
      }
    });
    return { task, steps, asleep: asleep.opened };
  }

  const working: [string, () => unknown][] = [
    ['what the function returns', () => 42],
    ['what it resolves with', () => Promise.resolve(42)],
  ];

  it.each(working)('Q2 can be awaited for %s', async (_, work) => {
    const { socketio } = await start();

    expect(await socketio.startBackgroundTask(work)).toBe(42);
  });

  it('Q2 gets its arguments, and a signal as the last one', async () => {
    const { socketio } = await start();

    const task = socketio.startBackgroundTask(
      (first: string, second: number, signal: AbortSignal) => [first, second, signal.aborted],
      'one',
      2,
    );

    expect(await task).toEqual(['one', 2, false]);
  });

  it('Q2 gets a signal alone where there are no arguments', async () => {
    const { socketio } = await start();

    expect(await socketio.startBackgroundTask((...values) => values)).toEqual([expect.any(AbortSignal)]);
  });

  it('Q2 does not keep its starter waiting', async () => {
    const { socketio } = await start();
    const steps: string[] = [];

    const task = socketio.startBackgroundTask(() => steps.push('task'));
    steps.push('starter');
    await task;

    expect(steps).toEqual(['starter', 'task']);
  });

  it('Q2 may speak to clients', async () => {
    const { app, socketio } = await start();
    const client = await app.connect();
    const tick = next(client, 'tick');

    void socketio.startBackgroundTask(() => socketio.emit('tick', 1));

    expect(await tick).toEqual([1]);
  });

  it('Q2 has no context, not even that of the handler that started it', async () => {
    const codes = new Journal<unknown>();
    @SocketGateway()
    class StartingGateway {
      constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

      @OnEvent('start')
      start() {
        const task = this.socketio.startBackgroundTask(() => emit('tick'));
        task.then(undefined, (error: unknown) => codes.add((error as { code: string }).code));
      }
    }
    const app = await startApp({ providers: [StartingGateway] });
    const client = await app.connect();

    client.emit('start');

    expect(await codes.reached(1)).toEqual(['FSK_NO_CONTEXT']);
  });

  it('Q2 tells its signal when it is cancelled', async () => {
    const { socketio } = await start();
    const aborted = new Gate();
    const started = new Gate();
    const task = socketio.startBackgroundTask(async (signal) => {
      signal.addEventListener('abort', aborted.open);
      started.open();
      await aborted.opened;
      return 'cancelled';
    });
    await started.opened;

    task.cancel();

    expect(await task).toBe('cancelled');
  });

  it('Q2 that is cancelled wakes up from its sleep', async () => {
    const { socketio } = await start();
    const { task, steps, asleep } = sleeper(socketio);
    await asleep;

    task.cancel();
    await task;

    expect(steps.entries).toEqual(['over']);
  });

  it('Q2 that is cancelled resolves with undefined, and is not logged', async () => {
    const { app, socketio } = await start();
    const { task, asleep } = sleeper(socketio);
    await asleep;

    task.cancel();

    expect([await task, warnings(app)]).toEqual([undefined, []]);
  });

  it('Q2 that is cancelled leaves other tasks alone', async () => {
    const { socketio } = await start();
    const [first, second] = [sleeper(socketio), sleeper(socketio)];
    await Promise.all([first.asleep, second.asleep]);

    first.task.cancel();
    await first.task;
    await turn();

    expect(second.steps.entries).toEqual([]);
  });

  it('Q2 may be cancelled after its end', async () => {
    const { socketio } = await start();
    const task = socketio.startBackgroundTask(() => 42);
    await task;

    task.cancel();

    expect(await task).toBe(42);
  });

  const failing: [string, () => unknown][] = [
    ['throws', () => { throw new Error('broken'); }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('broken'))],
  ];

  it.each(failing)('Q2 that %s is logged and does not end the process', async (_, work) => {
    const { app, socketio } = await start();
    const client = await app.connect();

    void socketio.startBackgroundTask(work);
    await flushed(client);

    expect(app.log.of('error')).toEqual([expect.stringMatching(/background task: Error: broken/)]);
  });

  it.each(failing)('Q2 that %s rejects where it is awaited', async (_, work) => {
    const { socketio } = await start();

    await expect(socketio.startBackgroundTask(work)).rejects.toThrow('broken');
  });

  it('Q2 that throws something that is no Error is logged', async () => {
    const { app, socketio } = await start();
    const client = await app.connect();

    void socketio.startBackgroundTask(() => {
      throw undefined;
    });
    await flushed(client);

    expect(app.log.of('error')).toEqual([expect.stringMatching(/background task/)]);
  });

  it('Q2 is ended at shutdown', async () => {
    const { app, socketio } = await start();
    const { steps, asleep } = sleeper(socketio);
    await asleep;

    await app.close();

    expect(steps.entries).toEqual(['over']);
  });

  it('Q2 is waited for at shutdown', async () => {
    const { app, socketio } = await start();
    const steps: string[] = [];
    const asleep = new Gate();
    void socketio.startBackgroundTask(async () => {
      asleep.open();
      await socketio.sleep(60_000).catch(() => {});
      for (let count = 0; count < 100; count++) await turn();
      steps.push('cleaned up');
    });
    await asleep.opened;

    await app.close();

    expect(steps).toEqual(['cleaned up']);
  });

  it('Q2 is waited for at shutdown no longer than shutdownTimeout', async () => {
    const app = await startApp({ options: { shutdownTimeout: 20 } });
    void app.get(SocketIO).startBackgroundTask(() => new Gate().opened);

    await app.close();

    expect(app.log.of('warn')).toEqual(['Stopping with 1 background task still running.']);
  });

  it('Q2 that is started after the shutdown is cancelled', async () => {
    const { app, socketio } = await start();
    await app.close();

    const task = socketio.startBackgroundTask((signal) => signal.aborted);

    expect(await task).toBe(true);
  });
});

describe('socketio.sleep()', () => {
  it('Q2 waits', async () => {
    const app = await startApp();
    const start = performance.now();

    await app.get(SocketIO).sleep(30);

    expect(performance.now() - start).toBeGreaterThan(28);
  });

  it('Q2 keeps the context of a handler', async () => {
    @SocketGateway()
    class SleepyGateway {
      constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

      @OnEvent('sleep')
      async sleep() {
        await this.socketio.sleep(1);
        emit('awake');
      }
    }
    const app = await startApp({ providers: [SleepyGateway] });
    const client = await app.connect();
    const awake = next(client, 'awake');

    client.emit('sleep');

    expect(await awake).toEqual([]);
  });
});
