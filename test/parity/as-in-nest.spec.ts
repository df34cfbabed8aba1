import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ClassSerializerInterceptor,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  args,
  emit,
  MessageBody,
  OnConnect,
  OnDisconnect,
  OnEvent,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import { defer, firstValueFrom, from, map, mergeMap, Observable, share, timer } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, next as nextOf, startApp } from '../support/app.js';

const als = new AsyncLocalStorage<string>();

/** Ours in `/ours`, Nest's own in `/nest`, with the same interceptors around the same method. */
function bothWith(interceptors: readonly NestInterceptor[], handle: () => unknown): Type[] {
  @SocketGateway('/ours')
  class Ours {
    @OnEvent('event')
    @UseInterceptors(...interceptors)
    event() {
      return handle();
    }
  }
  @WebSocketGateway({ namespace: '/nest' })
  class Nests {
    @SubscribeMessage('event')
    @UseInterceptors(...interceptors)
    event() {
      return handle();
    }
  }
  return [Ours, Nests];
}

/** What a client of each is answered. */
async function answers(providers: Type[]): Promise<[ours: unknown, nests: unknown]> {
  const app = await startApp({ providers });
  const [ours, nests] = [await app.connect('/ours'), await app.connect('/nest')];
  return [(await ask(ours, 'event', 1))[0], (await ask(nests, 'event', 1))[0]];
}

type Intercept = (next: CallHandler) => Observable<unknown> | Promise<Observable<unknown>>;

describe('an AsyncLocalStorage that an interceptor opens', () => {
  const ways: Record<string, Intercept> = {
    'around next.handle()': (next) => als.run('tenant 7', () => next.handle()),
    'around next.handle(), which is piped': (next) =>
      als.run('tenant 7', () => next.handle()).pipe(map((value) => value)),
    'in an async interceptor': async (next) => {
      await Promise.resolve();
      return als.run('tenant 7', () => next.handle());
    },
    'in a deferred stream': (next) => defer(() => als.run('tenant 7', () => next.handle())),
    'around the subscription': (next) => {
      return new Observable((subscriber) => als.run('tenant 7', () => next.handle().subscribe(subscriber)));
    },
    'around the subscription alone': (next) => {
      const behind = next.handle();
      return new Observable((subscriber) => als.run('tenant 7', () => behind.subscribe(subscriber)));
    },
    'with enterWith()': (next) => {
      als.enterWith('tenant 7');
      return next.handle();
    },
    'after a timer': (next) => timer(1).pipe(mergeMap(() => als.run('tenant 7', () => next.handle()))),
    'around a promise of it': (next) => from(als.run('tenant 7', () => firstValueFrom(next.handle()))),
    'for what comes after the handler only': (next) =>
      next.handle().pipe(map((value) => als.run('tenant 7', () => value))),
  };

  it.each(Object.entries(ways))('V13 is seen by the handler as in Nest: %s', async (_way, intercept) => {
    const interceptor = { intercept: (_: ExecutionContext, next: CallHandler) => intercept(next) };
    const plain = { intercept: (_: ExecutionContext, next: CallHandler) => next.handle() };
    for (const around of [[interceptor], [interceptor, plain], [plain, interceptor]]) {
      const [ours, nests] = await answers(bothWith(around, () => als.getStore() ?? 'none'));
      expect(ours).toBe(nests);
    }
  });

  it('V13 K4 leaves the context of the event: emit() and what else belongs to it', async () => {
    @SocketGateway()
    class Gateway {
      @OnEvent('event')
      @UseInterceptors({
        intercept: async (_: ExecutionContext, next: CallHandler) => {
          await Promise.resolve();
          return als.run('tenant 7', () => next.handle());
        },
      })
      event() {
        emit('seen', als.getStore());
      }
    }
    const client = await (await startApp({ providers: [Gateway] })).connect();
    const seen = nextOf(client, 'seen');
    client.emit('event');
    expect(await seen).toEqual(['tenant 7']);
  });
});

describe('an interceptor that subscribes more than once', () => {
  const ways: Record<string, Intercept> = {
    'and shares': (next) => {
      const shared = next.handle().pipe(share());
      shared.subscribe();
      return shared;
    },
    'and does not share': (next) => {
      const behind = next.handle();
      behind.subscribe();
      return behind;
    },
    'and shares what it subscribes to later': (next) => {
      const shared = next.handle().pipe(share());
      return timer(1).pipe(
        mergeMap(() => {
          shared.subscribe();
          return shared;
        }),
      );
    },
  };

  it.each(Object.entries(ways))(
    'V13 has the handler run as often as in Nest: %s',
    async (_way, intercept) => {
      let runs = 0;
      const count: number[] = [];
      const interceptor = { intercept: (_: ExecutionContext, next: CallHandler) => intercept(next) };
      const app = await startApp({ providers: bothWith([interceptor], () => ++runs) });
      for (const namespace of ['/ours', '/nest']) {
        runs = 0;
        const client = await app.connect(namespace);
        await ask(client, 'event', 1);
        count.push(runs);
      }
      expect(count[0]).toBe(count[1]);
    },
  );

  it('V13 X4 leaves no rejection behind when nobody is left to hear it', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const abandon = {
      intercept: (_: ExecutionContext, next: CallHandler) => {
        next
          .handle()
          .subscribe({ error: () => {} })
          .unsubscribe();
        return from(['abandoned']);
      },
    };
    const [ours] = await answers(bothWith([abandon], () => Promise.reject(new Error('too late'))));
    expect(ours).toBe('abandoned');
    await new Promise(setImmediate);
    expect(rejections).toEqual([]);
  });
});

describe('what interceptors do to the data and the result', () => {
  it('V13 replaces the data as in Nest', async () => {
    const replace = {
      intercept(context: ExecutionContext, next: CallHandler) {
        context.getArgs<unknown[]>()[1] = 'replaced';
        return next.handle();
      },
    };
    @SocketGateway('/ours')
    class Ours {
      @OnEvent('event')
      @UseInterceptors(replace)
      event(plain: unknown, @MessageBody() body: unknown) {
        return [plain, body];
      }
    }
    @WebSocketGateway({ namespace: '/nest' })
    class Nests {
      @SubscribeMessage('event')
      @UseInterceptors(replace)
      event(@MessageBody() body: unknown) {
        return ['replaced', body];
      }
    }
    const [ours, nests] = await answers([Ours, Nests]);
    expect(ours).toEqual(nests);
  });

  it('V13 replaces several arguments, and those of a catch-all handler', async () => {
    const replace = {
      intercept(context: ExecutionContext, next: CallHandler) {
        const [, data] = context.getArgs<[unknown, number[]]>();
        context.getArgs<unknown[]>()[1] = data.map((each) => each * 10);
        return next.handle();
      },
    };
    @SocketGateway()
    class Gateway {
      @OnEvent('several')
      @UseInterceptors(replace)
      several(...values: unknown[]) {
        return values;
      }

      @OnEvent('*')
      @UseInterceptors(replace)
      any(name: string, ...values: unknown[]) {
        return [name, ...values];
      }
    }
    const client = await (await startApp({ providers: [Gateway] })).connect();
    expect(await ask(client, 'several', 1, 2)).toEqual([[10, 20]]);
    expect(await ask(client, 'other', 1, 2)).toEqual([['other', 10, 20]]);
  });

  const copiers: [string, NestInterceptor][] = [
    ['ClassSerializerInterceptor', new ClassSerializerInterceptor(new Reflector())],
    ['structuredClone()', { intercept: (_, next) => next.handle().pipe(map((value) => structuredClone(value) as unknown)) }], // prettier-ignore
    ['JSON', { intercept: (_, next) => next.handle().pipe(map((value) => JSON.parse(JSON.stringify(value)) as unknown)) }], // prettier-ignore
  ];
  it.each(copiers)('V6 answers with several arguments that %s has copied', async (_name, copier) => {
    @SocketGateway()
    @UseInterceptors(copier)
    class Gateway {
      @OnEvent('now')
      now() {
        return args('one', 2);
      }

      @OnEvent('later')
      async later() {
        return Promise.resolve(args('one', 2));
      }

      @OnEvent('single')
      single() {
        return { values: ['one', 2] };
      }
    }
    const client = await (await startApp({ providers: [Gateway] })).connect();
    expect(await ask(client, 'now')).toEqual(['one', 2]);
    expect(await ask(client, 'later')).toEqual(['one', 2]);
    expect(await ask(client, 'single')).toEqual([{ values: ['one', 2] }]);
  });
});

describe('results', () => {
  @SocketGateway()
  class Gateway {
    constructor(readonly socketio: SocketIO) {}

    @OnEvent('async generator')
    async *later() {
      yield await Promise.resolve(1);
      yield 2;
    }

    @OnEvent('generator')
    *now() {
      yield 1;
      yield 2;
    }

    @OnEvent('intercepted')
    @UseInterceptors({
      intercept: (_: ExecutionContext, next: CallHandler) => next.handle().pipe(map((value) => [value])),
    })
    async *intercepted() {
      yield await Promise.resolve(1);
      yield 2;
    }

    @OnEvent('failing')
    async *failing() {
      yield await Promise.resolve(1);
      throw new Error('secret');
    }

    @OnEvent('task')
    task() {
      return this.socketio.startBackgroundTask((signal: AbortSignal) => {
        return new Promise((resolve) => signal.addEventListener('abort', resolve));
      });
    }
  }

  it('V6 the last value of a generator is the answer, as with an Observable', async () => {
    const client = await (await startApp({ providers: [Gateway] })).connect();
    expect(await ask(client, 'async generator')).toEqual([2]);
    expect(await ask(client, 'generator')).toEqual([2]);
    expect(await ask(client, 'intercepted')).toEqual([[2]]);
    expect(await ask(client, 'failing')).toMatchObject([{ status: 'error' }]);
  });

  it('Q2 V6 a background task that is returned is not waited for, and a line says so', async () => {
    const app = await startApp({ providers: [Gateway] });
    const client = await app.connect();
    expect(await ask(client, 'task')).toEqual([]);
    const lines = app.log.lines.filter(({ text }) => text.includes('Gateway.task returns a background task'));
    expect(lines).toHaveLength(1);
  });

  it('Q2 C1 a background task that @OnConnect() returns lets the client in', async () => {
    @SocketGateway()
    class TaskGateway {
      constructor(readonly socketio: SocketIO) {}

      @OnConnect()
      connect() {
        return this.socketio.startBackgroundTask((signal: AbortSignal) => {
          return new Promise((resolve) => signal.addEventListener('abort', resolve));
        });
      }
    }
    const client = await (await startApp({ providers: [TaskGateway] })).connect();
    expect(client.connected).toBe(true);
  });
});

describe('guards at a disconnect', () => {
  it.each(['global', 'class', 'method'])('V13 C7 keep no handler from running: %s', async (where) => {
    const asked: string[] = [];
    const no = {
      canActivate(context: ExecutionContext) {
        const { name } = context.getHandler();
        asked.push(name);
        if (name === 'connect') return true;
        throw new Error('no');
      },
    };
    const bound = UseGuards(no);
    const ended = vi.fn();
    @SocketGateway()
    class Gateway {
      @OnConnect()
      connect() {}

      @OnDisconnect()
      disconnect() {
        ended();
      }
    }
    if (where === 'class') bound(Gateway);
    const descriptor = Object.getOwnPropertyDescriptor(Gateway.prototype, 'disconnect') as PropertyDescriptor;
    if (where === 'method') bound(Gateway.prototype, 'disconnect', descriptor);
    const app = await startApp({
      providers: [Gateway],
      prepare: (nest) => void (where === 'global' && nest.useGlobalGuards(no)),
    });
    const client = await app.connect();
    client.disconnect();
    await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce());
    expect(asked).toContain('disconnect');
    expect(app.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
