import querystring from 'node:querystring';
import * as moduleNamespace from 'node:path';
import {
  Inject,
  Injectable,
  Module,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { MessageBody, WebSocketServer } from '@nestjs/websockets';
import { OnConnect, OnEvent, request, Sid, SocketGateway, SocketRequest } from 'nestjs-flask-socket';
import { map } from 'rxjs';
import type { Namespace } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { ask, bootError, refusal, startApp } from '../support/app.js';

const FORBIDDEN = [{ status: 'error', message: 'Forbidden resource' }];

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(value: unknown) {
    return value;
  }
}

describe('whatever an application provides', () => {
  const asked: PropertyKey[] = [];
  /** Nest itself asks values for these; anything else is not for a framework to ask. */
  const NESTS = ['constructor', 'onModuleInit', 'onApplicationBootstrap', 'onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown', 'then', Symbol.asyncDispose]; // prettier-ignore
  const touchy = (target: object): object =>
    new Proxy(target, {
      get(_, key) {
        if (NESTS.includes(key as string)) return undefined;
        asked.push(key);
        throw new Error(`no ${String(key)} here`);
      },
      has(_, key) {
        throw new Error(`has no ${String(key)}`);
      },
      ownKeys: () => {
        throw new Error('no keys');
      },
      getOwnPropertyDescriptor: () => {
        throw new Error('no properties');
      },
    });
  it.each<[string, () => unknown]>([
    ['an object without a prototype', () => querystring.parse('a=1')],
    ['Object.create(null)', () => Object.create(null)],
    ['a module namespace', () => moduleNamespace],
    ['a proxy that throws when it is asked', () => touchy({})],
    ['a proxy of a function', () => touchy(() => {})],
    ['what has such a proxy for its prototype', () => Object.create(touchy({}), hooks()) as object],
    ['a class', () => EchoGateway],
    ['a function', () => () => {}],
    ['a Map, a Date, an Error', () => [new Map(), new Date(), new Error('no error')]],
    ['null', () => null],
    ['a symbol', () => Symbol('value')],
    ['a text', () => 'text'],
  ])('I6 is left alone: %s', async (_, make) => {
    asked.length = 0;
    const providers: Provider[] = [
      EchoGateway,
      { provide: 'VALUE', useValue: make() },
      { provide: 'MADE', useFactory: make },
      { provide: 'PER_EVENT', scope: Scope.REQUEST, useFactory: make },
    ];
    const running = await startApp({ providers });
    expect(await ask(await running.connect(), 'echo', 'fine')).toEqual(['fine']);
    expect(asked).toEqual([]);
  });

  /** What Nest asks for, so that it does not ask the prototype. */
  function hooks(): PropertyDescriptorMap {
    return Object.fromEntries(NESTS.map((name) => [name, { value: undefined }]));
  }

  it('I6 its accessors are not called', async () => {
    let calls = 0;
    class Configuration {
      get url() {
        calls++;
        return 'https://example.org';
      }
    }
    await startApp({ providers: [EchoGateway, { provide: 'CONFIG', useValue: new Configuration() }] });
    expect(calls).toBe(0);
  });
});

describe('a gateway that Nest does not construct from its class', () => {
  @Injectable()
  class Secret {
    readonly word = 'please';
  }

  @Injectable()
  class Guard implements CanActivate, OnModuleInit {
    #isReady = false;

    constructor(@Inject(Secret) private readonly secret: Secret) {}

    onModuleInit() {
      this.#isReady = true;
    }

    canActivate(context: ExecutionContext) {
      return this.#isReady && context.switchToWs().getData() === this.secret.word;
    }
  }

  @Injectable({ scope: Scope.REQUEST })
  class ScopedGuard implements CanActivate {
    constructor(@Inject(SocketRequest) private readonly current: SocketRequest) {}

    canActivate() {
      return this.current.event.args[0] === 'please';
    }
  }

  @Injectable()
  class Loud {
    transform(value: unknown) {
      return String(value).toUpperCase();
    }
  }

  @Injectable()
  class Twice {
    intercept(_: ExecutionContext, next: CallHandler) {
      return next.handle().pipe(map((value: string) => value.repeat(2)));
    }
  }

  @Injectable()
  class Caught {
    catch(error: Error) {
      return `caught ${error.message}`;
    }
  }

  class Bound {
    constructor(readonly name = 'made') {}

    @UseGuards(Guard)
    @OnEvent('guarded')
    guarded() {
      return this.name;
    }

    @UseGuards(ScopedGuard)
    @OnEvent('guarded per event')
    guardedPerEvent() {
      return this.name;
    }

    @UsePipes(Loud)
    @OnEvent('piped')
    piped(value: unknown) {
      return value;
    }

    @OnEvent('parameter piped')
    parameterPiped(@MessageBody(Loud) value: unknown) {
      return value;
    }

    @UseInterceptors(Twice)
    @OnEvent('intercepted')
    intercepted() {
      return this.name;
    }

    @UseFilters(Caught)
    @OnEvent('filtered')
    filtered() {
      throw new Error(this.name);
    }
  }

  const PER_EVENT = { scope: Scope.REQUEST } as const;

  it.each<[string, Provider]>([
    ['useFactory', { provide: Bound, useFactory: () => new Bound() }],
    ['an async useFactory', { provide: 'BOUND', useFactory: async () => new Bound() }],
    ['useValue', { provide: 'BOUND', useValue: new Bound() }],
    ['useClass', { provide: 'BOUND', useClass: class extends Bound {} }],
    ['a request-scoped useFactory', { provide: Bound, useFactory: () => new Bound(), ...PER_EVENT }],
    ['a transient useFactory', { provide: Bound, useFactory: () => new Bound(), scope: Scope.TRANSIENT }],
  ])('V13 by %s has the enhancers that it names by class', async (_, provider) => {
    const running = await startApp({ providers: [Secret, provider] });
    const client = await running.connect();
    const answers = async (value: string) => [
      ...(await ask(client, 'guarded', value)),
      ...(await ask(client, 'guarded per event', value)),
    ];
    expect(await answers('now')).toEqual([...FORBIDDEN, ...FORBIDDEN]);
    expect(await answers('please')).toEqual(['made', 'made']);
    expect([
      await ask(client, 'piped', 'text'),
      await ask(client, 'parameter piped', 'text'),
      await ask(client, 'intercepted'),
      await ask(client, 'filtered'),
    ]).toEqual([['TEXT'], ['TEXT'], ['mademade'], ['caught made']]);
  });

  it('V13 fails the boot with what its module lacks for them', async () => {
    const error = await bootError({ providers: [{ provide: 'BOUND', useValue: new Bound() }] });
    expect(error.message).toMatch(/dependencies of the Guard .*Secret/);
  });

  it.each<[string, Provider[]]>([
    ['useFactory', [{ provide: 'ALIAS', useFactory: (same: unknown) => same, inject: [EchoGateway] }]],
    ['useExisting', [{ provide: 'ALIAS', useExisting: EchoGateway }]],
    [
      'several factories',
      ['FIRST', 'SECOND'].map((provide) => ({
        provide,
        useFactory: async (same: unknown) => same,
        inject: [EchoGateway],
      })),
    ],
  ])('I7 under a second token by %s is one gateway', async (_, aliases) => {
    const running = await startApp({ providers: [...aliases, EchoGateway] });
    expect(await ask(await running.connect(), 'echo', 1)).toEqual([1]);
  });

  it('I7 one instance that two modules provide is one gateway', async () => {
    const instance = new EchoGateway();
    @Module({ providers: [{ provide: 'ONE', useValue: instance }] })
    class One {}
    @Module({ providers: [{ provide: 'TWO', useValue: instance }] })
    class Two {}
    const running = await startApp({ imports: [One, Two] });
    expect(await ask(await running.connect(), 'echo', 1)).toEqual([1]);
  });

  it('I7 two instances are two gateways, and fail the boot', async () => {
    const make = (provide: string) => ({ provide, useFactory: () => new EchoGateway() });
    expect(await bootError({ providers: [make('ONE'), make('TWO')] })).toMatchObject({
      code: 'FSK_DUPLICATE_HANDLER',
    });
  });

  it('I6 debug names the factories whose gateways nobody could find', async () => {
    const hidden = { provide: 'HIDDEN', useFactory: () => new EchoGateway(), ...PER_EVENT };
    const running = await startApp({ providers: [hidden], options: { debug: true } });
    expect(running.log.of('debug')).toEqual([expect.stringMatching(/^HIDDEN of TestModule is a factory/)]);
  });

  it('I6 has the server in its @WebSocketServer() property', async () => {
    @SocketGateway('/made')
    class WithServer {
      @WebSocketServer() readonly server!: Namespace;

      @OnEvent('name')
      name() {
        return this.server.name;
      }
    }
    const running = await startApp({ providers: [{ provide: 'MADE', useFactory: () => new WithServer() }] });
    expect(await ask(await running.connect('/made'), 'name')).toEqual(['/made']);
  });
});

describe('a method that a symbol names', () => {
  const KEY = Symbol.for('key');
  const decorated = Symbol('decorated');

  @Injectable()
  class Refusing implements CanActivate {
    canActivate() {
      return false;
    }
  }

  @SocketGateway()
  class SymbolGateway {
    @OnConnect()
    [Symbol('connect')](auth?: { refuse?: boolean }) {
      return !auth?.refuse;
    }

    @OnEvent('key')
    [KEY](value: unknown) {
      return [value, request.event.message];
    }

    @OnEvent('decorated')
    [decorated](@Sid() sid: string, value: unknown) {
      return [sid.length, value];
    }

    @UseGuards(Refusing)
    @OnEvent('guarded')
    [Symbol('guarded')]() {
      return 'open';
    }
  }

  it('I6 V2 is a handler like any other', async () => {
    const running = await startApp({ providers: [SymbolGateway] });
    const client = await running.connect();
    expect([
      await ask(client, 'key', 1),
      await ask(client, 'decorated', 2),
      await ask(client, 'guarded'),
    ]).toEqual([[[1, 'key']], [[20, 2]], FORBIDDEN]);
    expect((await refusal(running.open('/', { auth: { refuse: true } }))).message).toBe(
      'Connection rejected by server',
    );
  });

  it('V10 gives its event no name', () => {
    const decorate = () => OnEvent()(SymbolGateway.prototype, KEY, {});
    expect(decorate).toThrow(/FSK_INVALID_EVENT.*SymbolGateway\.Symbol\(key\)/);
  });

  it('I6 may be overridden, too', async () => {
    class Derived extends SymbolGateway {
      override [KEY]() {
        return [];
      }
    }
    const { log } = await startApp({ providers: [Derived] });
    expect(log.of('warn')).toEqual([
      expect.stringContaining('Derived.Symbol(key) overrides SymbolGateway.Symbol(key)'),
    ]);
  });
});

describe('a module that is loaded lazily', () => {
  @Injectable()
  class Open implements CanActivate {
    canActivate(context: ExecutionContext) {
      return context.switchToWs().getData() !== 'no';
    }
  }

  @SocketGateway('/lazy')
  class LazyGateway {
    @WebSocketServer() readonly server!: Namespace;

    @UseGuards(Open)
    @OnEvent('ask')
    ask() {
      return this.server.name;
    }
  }

  @Module({ providers: [LazyGateway] })
  class LazyModule {}

  @Module({ imports: [LazyModule] })
  class OuterModule {}

  const load = (running: { get<T>(token: Type<T>): T }, module: Type = LazyModule) =>
    running.get(LazyModuleLoader).load(() => module);

  it('I6 has its handlers when it is loaded', async () => {
    const running = await startApp({ options: { debug: true } });
    expect((await refusal(running.open('/lazy'))).message).toBe('Invalid namespace');
    await load(running, OuterModule);
    const client = await running.connect('/lazy');
    expect([await ask(client, 'ask'), await ask(client, 'ask', 'no')]).toEqual([['/lazy'], FORBIDDEN]);
    expect(running.log.of('log')).toContain('/lazy ask → LazyGateway.ask');
  });

  it('I6 is taken once, however often and from wherever it is loaded', async () => {
    const running = await startApp();
    const references = await Promise.all([load(running), load(running, OuterModule), load(running)]);
    await load(running);
    expect(references.every(Boolean)).toBe(true);
    expect(await ask(await running.connect('/lazy'), 'ask')).toEqual(['/lazy']);
  });

  it('I6 may be loaded before the application has started', async () => {
    @Injectable()
    class Eager implements OnModuleInit {
      constructor(@Inject(LazyModuleLoader) private readonly loader: LazyModuleLoader) {}

      async onModuleInit() {
        await this.loader.load(() => LazyModule);
      }
    }
    const running = await startApp({ providers: [Eager] });
    expect(await ask(await running.connect('/lazy'), 'ask')).toEqual(['/lazy']);
  });

  it('I6 may load others while it is made', async () => {
    @Module({
      providers: [
        {
          provide: 'NESTED',
          useFactory: (loader: LazyModuleLoader) => loader.load(() => LazyModule),
          inject: [LazyModuleLoader],
        },
      ],
    })
    class Loading {}
    const running = await startApp();
    await load(running, Loading);
    expect(await ask(await running.connect('/lazy'), 'ask')).toEqual(['/lazy']);
  });

  it('I7 is refused with all of it where one of its handlers is there already', async () => {
    @SocketGateway()
    class Clashing {
      @OnEvent('new')
      new() {}

      @OnEvent('echo')
      echo() {}
    }
    @Module({ providers: [Clashing] })
    class ClashingModule {}
    const running = await startApp({ providers: [EchoGateway] });
    await expect(load(running, ClashingModule)).rejects.toMatchObject({ code: 'FSK_DUPLICATE_HANDLER' });
    const client = await running.connect();
    const heard: unknown[] = [];
    client.emit('new', () => heard.push('new'));
    expect(await ask(client, 'echo', 'fine')).toEqual(['fine']);
    expect(heard).toEqual([]);
  });

  it("I6 fails as Nest's own does", async () => {
    const running = await startApp();
    const loading = running.get(LazyModuleLoader).load(() => Promise.reject(new Error('not there')));
    await expect(loading).rejects.toThrow('not there');
    await load(running);
    expect(await ask(await running.connect('/lazy'), 'ask')).toEqual(['/lazy']);
  });
});
