import {
  applyDecorators,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type Type,
} from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  AuthenticatedOnly,
  CurrentUser,
  OnConnect,
  OnDisconnect,
  OnError,
  OnErrorDefault,
  OnEvent,
  Sid,
  SocketGateway,
} from 'nestjs-flask-socket';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { bootError, flushed, startApp, type RunningApp } from '../support/app.js';

const FORBIDDEN = [{ status: 'error', message: 'Forbidden resource' }];

class No implements CanActivate {
  canActivate() {
    return false;
  }
}

/** What a client is told for each event; nothing for one that nobody handles. */
async function answers(running: RunningApp, events: readonly string[], namespace = '/') {
  const client = await running.connect(namespace);
  const heard: Record<string, unknown[]> = {};
  for (const event of events) client.emit(event, 'given', (...values: unknown[]) => (heard[event] = values));
  await flushed(client);
  return heard;
}

class Base {
  @UseGuards(No)
  @OnEvent('guarded')
  guarded(): string {
    return 'base';
  }

  @OnEvent('plain')
  plain(): string {
    return 'base';
  }
}

describe('a method that overrides a handler', () => {
  @SocketGateway()
  class Derived extends Base {
    override guarded() {
      return 'derived';
    }

    override plain() {
      return 'derived';
    }
  }

  it('I6 V13 without @OnEvent() is no handler: nothing is open that was guarded', async () => {
    const running = await startApp({ providers: [Derived] });
    expect(await answers(running, ['guarded', 'plain'])).toEqual({});
  });

  it("I6 V13 is handled as in Nest's own gateways", async () => {
    class NestBase {
      @UseGuards(No)
      @SubscribeMessage('guarded')
      guarded() {
        return 'base';
      }

      @SubscribeMessage('inherited')
      inherited() {
        return 'base';
      }
    }
    @WebSocketGateway({ namespace: '/nest' })
    class NestDerived extends NestBase {
      override guarded() {
        return 'derived';
      }
    }
    class OurBase {
      @UseGuards(No)
      @OnEvent('guarded')
      guarded() {
        return 'base';
      }

      @OnEvent('inherited')
      inherited() {
        return 'base';
      }
    }
    @SocketGateway('/ours')
    class OurDerived extends OurBase {
      override guarded() {
        return 'derived';
      }
    }
    const running = await startApp({ providers: [NestDerived, OurDerived] });
    const nest = await answers(running, ['guarded', 'inherited'], '/nest');
    const ours = await answers(running, ['guarded', 'inherited'], '/ours');
    expect([nest, ours]).toEqual([{ inherited: ['base'] }, { inherited: ['base'] }]);
  });

  it('I6 a warning at boot names both classes', async () => {
    const { log } = await startApp({ providers: [Derived] });
    expect(log.of('warn')).toEqual([
      expect.stringMatching(/^Derived\.guarded overrides Base\.guarded without @OnEvent\('guarded'\)/),
      expect.stringMatching(/^Derived\.plain overrides Base\.plain without @OnEvent\('plain'\)/),
    ]);
  });

  it.each<[string, (base: Type<{ method(): unknown }>) => Type]>([
    ['a class', (base) => class Last extends base {}],
    [
      'a class that overrides it again',
      (base) =>
        class Last extends base {
          override method() {}
        },
    ],
  ])('I6 stays none below %s', async (_, derive) => {
    class First {
      @OnEvent('event')
      method(): unknown {
        return 'first';
      }
    }
    class Middle extends First {
      override method(): unknown {
        return 'middle';
      }
    }
    const running = await startApp({ providers: [derive(Middle)] });
    expect(await answers(running, ['event'])).toEqual({});
    expect(running.log.of('warn')).toEqual([expect.stringContaining('overrides First.method')]);
  });

  it.each<[string, () => MethodDecorator, string]>([
    ['@OnDisconnect()', OnDisconnect, '@OnDisconnect()'],
    ['@OnError()', OnError, '@OnError()'],
    ['@OnErrorDefault()', OnErrorDefault, '@OnErrorDefault()'],
  ])('I6 without %s is none, either', async (_, decorator, name) => {
    class First {
      @decorator()
      method(): unknown {
        return 'first';
      }
    }
    class Second extends First {
      override method() {
        return 'second';
      }
    }
    const { log } = await startApp({ providers: [Second] });
    expect(log.of('warn')).toEqual([
      expect.stringContaining(`Second.method overrides First.method without ${name}`),
    ]);
  });

  it('I6 C3 without @OnConnect() fails the boot: everybody would be let in', async () => {
    class First {
      @OnConnect()
      connect(): boolean {
        return false;
      }
    }
    @SocketGateway()
    class Second extends First {
      override connect() {
        return false;
      }
    }
    const { code, message } = await bootError({ providers: [Second] });
    expect(code).toBe('FSK_CONNECT_OVERRIDDEN');
    expect(message).toContain('Second.connect overrides First.connect');
  });
});

describe('a method that overrides a handler and is one', () => {
  const nothing = { catch: () => 'filtered' };
  const twice = {
    intercept: (_: unknown, next: CallHandler) => next.handle().pipe(map((value) => [value, value])),
  };
  const loud = { transform: (value: unknown) => String(value).toUpperCase() };

  class First {
    @UseGuards(No)
    @OnEvent('guarded')
    guarded(value: unknown) {
      return value;
    }

    @AuthenticatedOnly()
    @OnEvent('known')
    known(value: unknown) {
      return value;
    }

    @UsePipes(loud)
    @OnEvent('piped')
    piped(value: unknown) {
      return value;
    }

    @UseInterceptors(twice)
    @OnEvent('intercepted')
    intercepted(value: unknown) {
      return value;
    }

    @UseFilters(nothing)
    @OnEvent('filtered')
    filtered(value: unknown): unknown {
      return value;
    }

    @OnEvent('parameters')
    parameters(@CurrentUser() user: unknown, @Sid() sid?: string) {
      return [user, sid];
    }
  }

  const events = ['guarded', 'known', 'piped', 'intercepted', 'filtered', 'parameters'] as const;

  @SocketGateway()
  class Second extends First {
    @OnEvent('guarded')
    override guarded(value: unknown) {
      return value;
    }

    @OnEvent('known')
    override known(value: unknown) {
      return value;
    }

    @OnEvent('piped')
    override piped(value: unknown) {
      return value;
    }

    @OnEvent('intercepted')
    override intercepted(value: unknown) {
      return value;
    }

    @OnEvent('filtered')
    override filtered(value: unknown): unknown {
      return value;
    }

    @OnEvent('parameters')
    override parameters(value: unknown) {
      return [value];
    }
  }

  it('V13 has its own decorators alone, on the method and on its parameters', async () => {
    const running = await startApp({ providers: [Second] });
    expect(await answers(running, events)).toEqual({
      guarded: ['given'],
      known: ['given'],
      piped: ['given'],
      intercepted: ['given'],
      filtered: ['given'],
      parameters: [['given']],
    });
  });

  it('V13 a warning at boot names what stayed behind', async () => {
    const { log } = await startApp({ providers: [Second] });
    expect(log.of('warn').map((line) => /^(\S+) overrides (\S+) .* so (.*) of/.exec(line)?.slice(1))).toEqual(
      [
        ['Second.guarded', 'First.guarded', '@UseGuards()'],
        ['Second.known', 'First.known', '@AuthenticatedOnly()'],
        ['Second.piped', 'First.piped', '@UsePipes()'],
        ['Second.intercepted', 'First.intercepted', '@UseInterceptors()'],
        ['Second.filtered', 'First.filtered', '@UseFilters()'],
        ['Second.parameters', 'First.parameters', 'what decorates the parameters'],
      ],
    );
  });

  it('V13 an empty decorator says that this is meant', async () => {
    class Open extends First {
      @UseGuards()
      @OnEvent('guarded')
      override guarded(value: unknown) {
        return value;
      }

      @UseGuards()
      @OnEvent('known')
      override known(value: unknown) {
        return value;
      }

      @OnEvent('parameters')
      override parameters() {
        return [];
      }
    }
    const { log } = await startApp({ providers: [Open] });
    expect(log.of('warn')).toEqual([]);
  });

  it('V13 the parameters that it decorates are not mixed with those of its base class', async () => {
    class Own extends First {
      @OnEvent('parameters')
      override parameters(value: unknown, @Sid() sid?: string) {
        return [value, sid?.length];
      }
    }
    const running = await startApp({ providers: [Own] });
    expect(await answers(running, ['parameters'])).toEqual({ parameters: [['given', 20]] });
    expect(running.log.of('warn')).toEqual([]);
  });

  it("V13 what is bound to the base class holds for both, as in Nest's own gateways", async () => {
    @UseGuards(No)
    class GuardedBase {
      @OnEvent('event')
      event() {
        return 'base';
      }
    }
    @SocketGateway()
    class Redeclared extends GuardedBase {
      @OnEvent('event')
      override event() {
        return 'derived';
      }
    }
    const running = await startApp({ providers: [Redeclared] });
    expect(await answers(running, ['event'])).toEqual({ event: FORBIDDEN });
  });
});

describe('a decorator that wraps a method', () => {
  /** Replaces the method and copies nothing. */
  const Wrapped = (): MethodDecorator => (_target, _name, descriptor) => {
    const method = descriptor.value as unknown as (...values: unknown[]) => unknown; // of any type
    descriptor.value = function wrapped(this: unknown, ...values: unknown[]) {
      return method.apply(this, values);
    } as never;
  };

  it.each<[string, MethodDecorator[]]>([
    ['above guard and event', [Wrapped(), UseGuards(No), OnEvent('event')]],
    ['above event and guard', [Wrapped(), OnEvent('event'), UseGuards(No)]],
    ['between event and guard', [OnEvent('event'), Wrapped(), UseGuards(No)]],
    ['between guard and event', [UseGuards(No), Wrapped(), OnEvent('event')]],
    ['below both', [UseGuards(No), OnEvent('event'), Wrapped()]],
  ])('V9 V13 does not take the guard from it: %s', async (_, decorators) => {
    class Gateway {
      @applyDecorators(...decorators.toReversed())
      event() {
        return 'open';
      }
    }
    const running = await startApp({ providers: [Gateway] });
    expect(await answers(running, ['event'])).toEqual({ event: FORBIDDEN });
  });

  it('V9 one that copies metadata for a derived class makes the handler that Nest makes of it', async () => {
    const wrap = (method: (...values: unknown[]) => unknown) => {
      const wrapped = function (this: unknown, ...values: unknown[]) {
        return ['wrapped', method.apply(this, values)];
      };
      for (const key of Reflect.getMetadataKeys(method)) {
        Reflect.defineMetadata(key, Reflect.getMetadata(key, method), wrapped);
      }
      return wrapped;
    };
    class Traced extends Base {}
    for (const name of ['guarded', 'plain'] as const) {
      Object.defineProperty(Traced.prototype, name, { value: wrap(Base.prototype[name]), writable: true });
    }
    const running = await startApp({ providers: [Traced] });
    expect(await answers(running, ['guarded', 'plain'])).toEqual({
      guarded: FORBIDDEN,
      plain: [['wrapped', 'base']],
    });
  });
});
