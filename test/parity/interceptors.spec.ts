import { AsyncLocalStorage } from 'node:async_hooks';
import {
  applyDecorators,
  ClassSerializerInterceptor,
  createParamDecorator,
  Injectable,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentMetadata,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { MessageBody } from '@nestjs/websockets';
import { Exclude, instanceToPlain } from 'class-transformer';
import { args, Args, Auth, emit, OnConnect, OnEvent, request, SocketGateway } from 'nestjs-flask-socket';
import {
  connect,
  defer,
  delay,
  firstValueFrom,
  from,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  Observable,
  of,
  repeat,
  retry,
  share,
  shareReplay,
  tap,
  timer,
  type Subscription,
} from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ask, connected, flushed, inbox, startApp } from '../support/app.js';
import { startBeside, type Side } from '../support/beside.js';

const als = new AsyncLocalStorage<string>();
const store = () => als.getStore() ?? 'nothing';

type Intercept = (next: CallHandler) => ReturnType<NestInterceptor['intercept']>;

/** Every form in which an interceptor can come to subscribe. */
const forms: Record<string, Intercept> = {
  'that only returns what it is handed': (next) => als.run('seven', () => next.handle()),
  'that pipes inside': (next) => als.run('seven', () => next.handle().pipe(map((value) => value as unknown))),
  'that pipes outside': (next) =>
    als.run('seven', () => next.handle()).pipe(map((value) => value as unknown)),
  'that subscribes inside': (next) =>
    new Observable((subscriber) => als.run('seven', () => next.handle().subscribe(subscriber))),
  'that subscribes outside': (next) => {
    const handled = als.run('seven', () => next.handle());
    return new Observable((subscriber) => als.run('eight', () => handled.subscribe(subscriber)));
  },
  'that defers': (next) => defer(() => als.run('seven', () => next.handle())),
  'that defers inside': (next) => als.run('seven', () => defer(() => next.handle())),
  'that is asynchronous': async (next) => als.run('seven', () => next.handle()),
  'that waits first': async (next) => {
    await Promise.resolve();
    return als.run('seven', () => next.handle());
  },
  'that waits inside': (next) =>
    als.run('seven', async () => {
      await Promise.resolve();
      return next.handle();
    }),
  'that enters': (next) => {
    als.enterWith('seven');
    return next.handle();
  },
  'that waits for a stream': (next) =>
    als.run('seven', () => timer(0).pipe(mergeMap(() => next.handle() as Observable<unknown>))),
  'that subscribes late': (next) => {
    const handled = als.run('seven', () => next.handle());
    return of(1).pipe(
      delay(1),
      mergeMap(() => handled),
    );
  },
  'that makes a promise of it': (next) =>
    als.run('seven', () => from(lastValueFrom(next.handle() as Observable<unknown>))),
  'that shares': (next) => als.run('seven', () => next.handle().pipe(share())),
};

/** Those that call `next.handle()` when what they have opened is closed again. */
const outside = new Set(['that defers inside', 'that waits for a stream']);

const interceptor = (intercept: Intercept): NestInterceptor => ({
  intercept: (_: ExecutionContext, next: CallHandler) => intercept(next),
});

const notes: Record<Side['name'], string[]> = { nest: [], ours: [] };

function taken(): Record<Side['name'], string[]> {
  return { nest: notes.nest.splice(0), ours: notes.ours.splice(0) };
}

describe('AsyncLocalStorage opened by an interceptor', () => {
  const handlers: Record<string, () => unknown> = {
    synchronous: () => store(),
    asynchronous: async () => {
      const before = store();
      await Promise.resolve();
      return `${before}, ${store()}`;
    },
    'of an observable': () => of(store()),
  };

  async function start(intercept: Intercept, handler: () => unknown) {
    return startBeside(({ name, Gateway, Event }) => {
      const note = (text: string) => notes[name].push(`${text}: ${store()}`);
      const guard: CanActivate = { canActivate: () => Boolean(note('guard')) };
      const pipe: PipeTransform = { transform: (value: unknown) => note('pipe') && value };
      const inner = interceptor((next) => {
        note('inner interceptor');
        return next.handle();
      });
      @Gateway()
      class StoreGateway {
        @UseGuards(guard)
        @UseInterceptors(interceptor(intercept), inner)
        @UsePipes(pipe)
        @Event('store')
        store(@MessageBody() _data: unknown) {
          return handler();
        }
      }
      return StoreGateway;
    });
  }

  const cases = Object.keys(forms).flatMap((form) =>
    Object.keys(handlers).map((kind) => [form, kind] as const),
  );

  it.each(cases)('V13 is what it is in Nest: one %s, a handler that is %s', async (form, kind) => {
    const beside = await start(forms[form]!, handlers[kind]!);
    taken();
    const { nest, ours } = await beside.answers('store', 1);
    const seen = taken();
    expect([ours, seen.ours]).toEqual([nest, seen.nest]);
    expect(String(ours[0])).toMatch(outside.has(form) ? /^nothing/ : /^seven/);
  });

  it.each([
    [
      'piped inside',
      (next: CallHandler, note: () => void) => als.run('seven', () => next.handle().pipe(tap(note))),
    ],
    [
      'piped outside',
      (next: CallHandler, note: () => void) => als.run('seven', () => next.handle()).pipe(tap(note)),
    ],
    [
      'subscribed inside',
      (next: CallHandler, note: () => void) =>
        new Observable((subscriber) =>
          als.run('seven', (): Subscription => next.handle().pipe(tap(note)).subscribe(subscriber)),
        ),
    ],
  ])('V13 is what it is in Nest where values come out: %s', async (_, intercept) => {
    const beside = await startBeside(({ name, Gateway, Event }) => {
      const note = () => void notes[name].push(store());
      @Gateway()
      class StoreGateway {
        @UseInterceptors(interceptor((next) => intercept(next, note) as Observable<unknown>))
        @Event('store')
        store() {
          return 'answer';
        }
      }
      return StoreGateway;
    });
    taken();
    await beside.answers('store');
    const { nest, ours } = taken();
    expect(ours).toEqual(nest);
    expect(ours).toHaveLength(1);
  });

  it('V13 what a guard enters is there for pipes and handler, and for no other event', async () => {
    const beside = await startBeside(({ name, Gateway, Event }) => {
      const pass = interceptor((next) => next.handle());
      @Gateway()
      class EnteringGateway {
        @UseGuards({ canActivate: () => (als.enterWith('guard'), true) } as CanActivate)
        @UsePipes({ transform: (value: unknown) => notes[name].push(store()) && value } as PipeTransform)
        @UseInterceptors(pass)
        @Event('enter')
        enter(@MessageBody() _data: unknown) {
          return store();
        }
      }
      return EnteringGateway;
    });
    taken();
    expect(await beside.answers('enter', 1)).toEqual({ nest: ['guard'], ours: ['guard'] });
    expect(taken()).toEqual({ nest: ['guard'], ours: ['guard'] });
  });

  it('V13 K4 takes nothing of the context of the event', async () => {
    const beside = await startBeside(({ name, Gateway, Event }) => {
      const elsewhere = interceptor((next) => als.exit(() => next.handle()));
      @Gateway()
      class ContextGateway {
        @UseInterceptors(elsewhere)
        @Event('sid')
        sid() {
          return name === 'nest' ? 'nest' : typeof request.sid;
        }
      }
      return ContextGateway;
    });
    expect(await beside.answers('sid')).toEqual({ nest: ['nest'], ours: ['string'] });
  });
});

describe('an interceptor that subscribes several times', () => {
  const audit = () => {};
  const subscriptions: Record<string, [runs: number, intercept: Intercept]> = {
    'to what it shares': [
      1,
      (next) => {
        const shared = next.handle().pipe(share());
        shared.subscribe(audit);
        return shared;
      },
    ],
    'to what it shares and replays': [
      1,
      (next) => {
        const shared = next.handle().pipe(shareReplay(1));
        shared.subscribe(audit);
        return shared;
      },
    ],
    'to what it does not share': [
      2,
      (next) => {
        const handled = next.handle();
        handled.subscribe(audit);
        return handled;
      },
    ],
    'by merging what it shares': [
      1,
      (next) => {
        const shared = next.handle().pipe(share());
        return merge(shared, shared.pipe(map((value) => `${value}!`)));
      },
    ],
    'by merging what it does not share': [2, (next) => merge(next.handle(), next.handle())],
    'while it is subscribed to': [
      1,
      (next) =>
        defer(() => {
          const shared = next.handle().pipe(share());
          shared.subscribe(audit);
          return shared;
        }),
    ],
    'through connect()': [1, (next) => next.handle().pipe(connect((shared) => merge(shared, shared)))],
    'later, to what it shares': [
      1,
      (next) =>
        timer(0).pipe(
          mergeMap(() => {
            const shared = next.handle().pipe(share());
            shared.subscribe(audit);
            return shared as Observable<unknown>;
          }),
        ),
    ],
    'because it repeats': [3, (next) => next.handle().pipe(repeat(3))],
    'as a promise first': [
      2,
      async (next) => {
        await firstValueFrom(next.handle() as Observable<unknown>);
        return next.handle();
      },
    ],
    'and unsubscribes at once': [
      0,
      (next) => {
        next.handle().subscribe(audit).unsubscribe();
        return of('without it');
      },
    ],
  };

  const inside: Record<string, Intercept | undefined> = {
    alone: undefined,
    'around another': (next) => next.handle(),
    'around one that answers': () => of('cached'),
  };

  const cases = Object.keys(subscriptions).flatMap((way) =>
    Object.keys(inside).map((other) => [way, other] as const),
  );

  it.each(cases)('V13 runs the handler as often as in Nest: %s, %s', async (way, other) => {
    const [runs, intercept] = subscriptions[way]!;
    const count = { nest: [] as string[], ours: [] as string[] };
    const beside = await startBeside(({ name, Gateway, Event }) => {
      const innermost = inside[other]
        ? [interceptor((next) => (count[name].push('inner'), inside[other]!(next)))]
        : [];
      @Gateway()
      class CountingGateway {
        @UseInterceptors(interceptor(intercept), ...innermost)
        @Event('count')
        count() {
          count[name].push('handler');
          return 'answer';
        }
      }
      return CountingGateway;
    });
    await beside.answers('count');
    const handled = (lines: string[]) => lines.filter((line) => line === 'handler').length;
    expect(handled(count.ours)).toBe(handled(count.nest));
    expect(handled(count.ours)).toBe(other === 'around one that answers' ? 0 : runs);
  });

  it('V13 tries again as often as in Nest', async () => {
    const count = { nest: 0, ours: 0 };
    const beside = await startBeside(({ name, Gateway, Event }) => {
      @Gateway()
      class RetriedGateway {
        @UseInterceptors(interceptor((next) => next.handle().pipe(retry(2))))
        @Event('retried')
        retried() {
          if (++count[name] < 3) throw new Error('not yet');
          return count[name];
        }
      }
      return RetriedGateway;
    });
    expect(await beside.answers('retried')).toEqual({ nest: [3], ours: [3] });
  });

  it('V13 starts nothing before it has returned, as in Nest', async () => {
    const beside = await startBeside(({ name, Gateway, Event }) => {
      const subscribing = interceptor((next) => {
        const shared = next.handle().pipe(share());
        shared.subscribe(audit);
        notes[name].push('subscribed');
        return shared;
      });
      @Gateway()
      class OrderGateway {
        @UseInterceptors(subscribing)
        @Event('order')
        order() {
          notes[name].push('handled');
          return 'answer';
        }
      }
      return OrderGateway;
    });
    taken();
    await beside.answers('order');
    expect(taken()).toEqual({ nest: ['subscribed', 'handled'], ours: ['subscribed', 'handled'] });
  });
});

describe('args() behind an interceptor that copies', () => {
  class Person {
    constructor(readonly name: string) {}

    @Exclude()
    readonly password = 'secret';
  }

  const copying = (copy: (value: unknown) => unknown) => interceptor((next) => next.handle().pipe(map(copy)));

  @Injectable()
  class AsynchronousCopy implements NestInterceptor {
    async intercept(_: ExecutionContext, next: CallHandler) {
      return from(lastValueFrom(next.handle() as Observable<unknown>)).pipe(
        map((value) => structuredClone(value)),
      );
    }
  }

  const copies: Record<string, NestInterceptor | Type<NestInterceptor>> = {
    ClassSerializerInterceptor,
    instanceToPlain: copying((value) => instanceToPlain(value)),
    structuredClone: copying((value) => structuredClone(value)),
    'a spread': copying((value) => [...(value as unknown[])]),
    'map()': copying((value) => (Array.isArray(value) ? value.map((each: unknown) => each) : value)),
    'JSON, twice': copying((value) => JSON.parse(JSON.stringify(value)) as unknown),
    'one that is asynchronous': AsynchronousCopy,
  };

  const results: Record<string, (values: unknown) => unknown> = {
    'a value': (value) => value,
    'a promise': async (value) => value,
    'an observable': (value) => of('first', value),
  };

  const cases = Object.keys(copies).flatMap((copy) =>
    Object.keys(results).map((kind) => [copy, kind] as const),
  );

  it.each(cases)('V6 V13 is still as many arguments: %s, %s', async (copy, kind) => {
    @SocketGateway()
    @UseInterceptors(copies[copy]!, interceptor((next) => next.handle()))
    class CopiedGateway {
      @OnEvent('several')
      several() {
        return results[kind]!(args('one', 2));
      }

      @OnEvent('one')
      one() {
        return results[kind]!(args(['in', 'a list']));
      }

      @OnEvent('list')
      list() {
        return results[kind]!(['one', 2]);
      }
    }
    const client = await (await startApp({ providers: [CopiedGateway] })).connect();
    const answers = [await ask(client, 'several'), await ask(client, 'one'), await ask(client, 'list')];
    expect(answers).toEqual([['one', 2], [['in', 'a list']], [['one', 2]]]);
  });

  it('V6 V13 ClassSerializerInterceptor serializes each argument', async () => {
    @SocketGateway()
    @UseInterceptors(ClassSerializerInterceptor)
    class PeopleGateway {
      @OnEvent('people')
      people() {
        return args(new Person('Ann'), [new Person('Ben')], 3);
      }
    }
    const client = await (await startApp({ providers: [PeopleGateway] })).connect();
    expect(await ask(client, 'people')).toEqual([{ name: 'Ann' }, [{ name: 'Ben' }], 3]);
  });

  it('V6 V13 an interceptor may make one argument of it', async () => {
    @SocketGateway()
    @UseInterceptors(copying((data) => ({ data })))
    class WrappedGateway {
      @OnEvent('wrapped')
      wrapped() {
        return args('one', 2);
      }
    }
    const client = await (await startApp({ providers: [WrappedGateway] })).connect();
    expect(await ask(client, 'wrapped')).toEqual([{ data: ['one', 2] }]);
  });
});

describe('what replaces context.getArgs()[1]', () => {
  const Data = createParamDecorator((_: unknown, context: ExecutionContext) =>
    context.switchToWs().getData<unknown>(),
  );

  const guard = (value: unknown): CanActivate => ({
    canActivate: (context) => {
      context.getArgs()[1] = value;
      return true;
    },
  });

  const replacing = (value: unknown): NestInterceptor => ({
    intercept(context, next) {
      context.getArgs()[1] = value;
      return next.handle();
    },
  });

  it.each([
    ['an interceptor', [UseInterceptors(replacing({ name: 'other' }))]],
    ['a guard', [UseGuards(guard({ name: 'other' }))]],
    [
      'the nearest of several',
      [UseGuards(guard(1)), UseInterceptors(replacing(2), replacing({ name: 'other' }))],
    ],
  ])('V13 the handler gets what %s puts there, as in Nest', async (_, decorators) => {
    const beside = await startBeside(({ Gateway, Event }) => {
      @Gateway()
      class ReplacedGateway {
        @applyDecorators(...decorators)
        @UsePipes({
          transform: (value: unknown, { type }: ArgumentMetadata) => ({ [type]: value }),
        } as PipeTransform)
        @Event('replaced')
        replaced(@MessageBody() body: unknown, @MessageBody('name') name: unknown, @Data() data: unknown) {
          return [body, name, data];
        }
      }
      return ReplacedGateway;
    });
    const { nest, ours } = await beside.answers('replaced', { name: 'first' });
    expect(ours).toEqual(nest);
    expect(ours).toEqual([[{ body: { name: 'other' } }, { body: 'other' }, { custom: { name: 'other' } }]]);
  });

  it.each([
    ['one', ['one'], 'other', ['other']],
    ['one, for none', [], 'other', ['other']],
    ['several', ['one', 2], ['other', 3], ['other', 3]],
    ['one, for several', ['one', 2], 'other', ['other']],
    ['a list, for one', ['one'], ['a', 'list'], [['a', 'list']]],
    ['nothing', ['one'], undefined, [null]],
  ])('V4 V13 parameters without a decorator get it: %s', async (_, sent, value, got) => {
    @SocketGateway()
    @UseInterceptors(replacing(value))
    class PlainGateway {
      @OnEvent('plain')
      plain(...values: unknown[]) {
        return [values, request.event.args];
      }

      @OnEvent('args')
      args(@Args() values: unknown[]) {
        return [values, request.event.args];
      }

      @OnEvent('*')
      any(name: string, ...values: unknown[]) {
        return [values, request.event.args, name];
      }
    }
    const client = await (await startApp({ providers: [PlainGateway] })).connect();
    expect([await ask(client, 'plain', ...sent), await ask(client, 'args', ...sent)]).toEqual([
      [[got, sent]],
      [[got, sent]],
    ]);
    expect(await ask(client, 'any other', ...sent)).toEqual([[got, sent, 'any other']]);
  });

  it('C4 V13 @OnConnect() gets it as the auth of the client', async () => {
    @SocketGateway()
    @UseInterceptors(replacing({ token: 'decrypted' }))
    class AuthGateway {
      @OnConnect()
      connect(@Auth() auth: unknown, first: unknown) {
        emit('connected as', auth);
        emit('connected as', first);
      }
    }
    const running = await startApp({ providers: [AuthGateway] });
    const client = running.open('/', { auth: { token: 'encrypted' } });
    const received = inbox(client);
    await connected(client);
    await flushed(client);
    expect(received).toEqual([
      ['connected as', { token: 'decrypted' }],
      ['connected as', { token: 'decrypted' }],
    ]);
  });
});
