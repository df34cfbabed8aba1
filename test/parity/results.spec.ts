import { UseInterceptors } from '@nestjs/common';
import {
  emit,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import { map, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ask, next, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

const WARNING = (place: string) =>
  `${place} returns its background task, which is no answer and is not waited for. Return nothing, or await it.`;

describe('a handler that returns its background task', () => {
  const passing = UseInterceptors({ intercept: (_, handler) => handler.handle() });

  @SocketGateway()
  class TaskGateway {
    readonly left = new Journal();
    readonly end = new Gate();

    constructor(private readonly socketio: SocketIO) {}

    #start() {
      return this.socketio.startBackgroundTask(() => this.end.opened);
    }

    @OnConnect()
    connect() {
      return this.#start();
    }

    @OnEvent('start')
    start() {
      return this.#start();
    }

    @OnEvent('serial', '/', { ordering: 'serial' })
    serial() {
      return this.#start();
    }

    @OnEvent('intercepted')
    @passing
    intercepted() {
      return this.#start();
    }

    @OnEvent('fails')
    fails() {
      throw new Error('for the error handler');
    }

    @OnEvent('callback')
    callback() {
      emit('asked', 1, { callback: () => this.#start() });
    }

    @OnError()
    failed() {
      return this.#start();
    }

    @OnDisconnect()
    disconnect() {
      this.left.add('left');
      return this.#start();
    }
  }

  it('V6 Q2 does not wait for it, and a warning names it once', async () => {
    const running = await startApp({ providers: [TaskGateway], options: { shutdownTimeout: 20_000 } });
    const gateway = running.get(TaskGateway);
    running.get(SocketIO).onEvent('function', function later() {
      return running.get(SocketIO).startBackgroundTask(() => gateway.end.opened);
    });
    const client = await running.connect();
    client.on('asked', (_: number, answer: () => void) => answer());

    const events = ['start', 'start', 'serial', 'serial', 'intercepted', 'fails', 'function', 'callback'];
    const answers = [];
    for (const event of events) answers.push(await ask(client, event));
    client.disconnect();
    await gateway.left.reached(1);

    expect(answers).toEqual(Array.from({ length: 8 }, () => []));
    expect(running.log.of('warn')).toEqual(
      [
        'TaskGateway.connect',
        'TaskGateway.start',
        'TaskGateway.serial',
        'TaskGateway.intercepted',
        'TaskGateway.failed',
        'later',
        'callback',
        'TaskGateway.disconnect',
      ].map(WARNING),
    );
    gateway.end.open();
  });

  it('V6 Q2 does not warn in production', async () => {
    const { NODE_ENV } = process.env;
    process.env['NODE_ENV'] = 'production';
    try {
      const running = await startApp({ providers: [TaskGateway] });
      expect(await ask(await running.connect(), 'start')).toEqual([]);
      running.get(TaskGateway).end.open();
      expect(running.log.of('warn')).toEqual([]);
    } finally {
      process.env['NODE_ENV'] = NODE_ENV;
    }
  });

  it('V6 an asynchronous one that awaits it still answers with its result', async () => {
    @SocketGateway()
    class AwaitingGateway {
      constructor(private readonly socketio: SocketIO) {}

      @OnEvent('compute')
      async compute() {
        return await this.socketio.startBackgroundTask(() => 'computed');
      }
    }
    const running = await startApp({ providers: [AwaitingGateway] });
    expect(await ask(await running.connect(), 'compute')).toEqual(['computed']);
  });
});

describe('a handler that is a generator', () => {
  const shouting = UseInterceptors({
    intercept: (_, handler) => handler.handle().pipe(map((value) => `${value}!`)),
  });

  @SocketGateway()
  class GeneratorGateway {
    @OnEvent('yields')
    *yields() {
      emit('progress', 1);
      yield 'first';
      yield 'last';
    }

    @OnEvent('yields later')
    async *yieldsLater() {
      yield 'first';
      emit('progress', 1);
      await Promise.resolve();
      yield 'last';
    }

    @OnEvent('returns')
    *returns() {
      yield 'first';
      return 'returned';
    }

    @OnEvent('returns later')
    async *returnsLater() {
      yield 'first';
      await Promise.resolve();
      return 'returned';
    }

    @OnEvent('nothing')
    *nothing() {}

    @OnEvent('nothing later')
    async *nothingLater() {}

    @OnEvent('intercepted')
    @shouting
    *intercepted() {
      yield 'last';
    }

    @OnEvent('intercepted later')
    @shouting
    async *interceptedLater() {
      yield 'last';
    }

    @OnEvent('throws')
    *throws() {
      yield 'first';
      throw new Error('broken');
    }

    @OnEvent('throws later')
    async *throwsLater() {
      yield 'first';
      await Promise.reject(new Error('broken'));
    }

    @OnEvent('observable')
    observable() {
      return of('first', 'last');
    }

    @OnEvent('iterators')
    iterators() {
      return [[1, 2].values(), new Map([[1, 2]]).entries()];
    }
  }

  const failed = { status: 'error', message: 'Internal server error' };

  it.each([
    ['yields', ['last']],
    ['yields later', ['last']],
    ['returns', ['returned']],
    ['returns later', ['returned']],
    ['nothing', []],
    ['nothing later', []],
    ['intercepted', ['last!']],
    ['intercepted later', ['last!']],
    ['throws', [failed]],
    ['throws later', [failed]],
    ['observable', ['last']],
    ['iterators', [[{}, {}]]],
  ])('V6 answers with its last value, as an observable does: %s', async (event, answer) => {
    const client = await (await startApp({ providers: [GeneratorGateway] })).connect();
    expect(await ask(client, event)).toEqual(answer);
  });

  it.each(['yields', 'yields later'])('V6 E2 runs in the context of its event: %s', async (event) => {
    const client = await (await startApp({ providers: [GeneratorGateway] })).connect();
    const progress = next(client, 'progress');
    await ask(client, event);
    expect(await progress).toEqual([1]);
  });

  it('V6 C2 decides about a connection', async () => {
    @SocketGateway()
    class RefusingGateway {
      @OnConnect()
      async *connect() {
        yield 'looking';
        yield false;
      }
    }
    const running = await startApp({ providers: [RefusingGateway] });
    await expect(running.connect()).rejects.toThrow('Connection rejected by server');
  });
});
