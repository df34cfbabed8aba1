import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Scope,
  type DynamicModule,
  type OnModuleInit,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  Auth,
  ConnectionRefusedError,
  emit,
  FlaskSocketModule,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnError,
  OnErrorDefault,
  OnEvent,
  request,
  rooms,
  send,
  session,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, bootError, flushed, inbox, KeepingLogger, next, refusal, startApp } from '../support/app.js';

const platforms: [string, () => AbstractHttpAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(data: unknown) {
    return data;
  }
}

@Controller()
class PageController {
  @Get('page')
  page() {
    return 'a page';
  }

  @Get('socket.iox')
  neighbour() {
    return 'a neighbour';
  }
}

describe.each(platforms)('on the %s platform', (_, adapter) => {
  @SocketGateway('/chat')
  class ChatGateway {
    @OnConnect()
    connect(@Auth() auth?: { name?: string }) {
      if (!auth?.name) throw new ConnectionRefusedError('no name');
      session.name = auth.name;
      emit('welcome', auth.name);
    }

    @OnEvent('join')
    join(room: string, silent: boolean) {
      joinRoom(room);
      if (!silent) send(`${session.name} has entered`, { to: room });
      return rooms().length;
    }

    @OnEvent('fail')
    fail() {
      throw new Error('on purpose');
    }

    @OnError()
    failed(error: Error) {
      return { error: error.message, event: request.event.message };
    }

    @OnDisconnect()
    left() {
      emit('left', session.name, { to: 'lobby', includeSelf: false });
    }
  }

  const start = () => startApp({ adapter, providers: [ChatGateway], controllers: [PageController] });

  it.each(['polling', 'websocket'])('R1 R3 serves the whole life of a client by %s', async (transport) => {
    const running = await start();
    const ann = running.open('/chat', { transports: [transport], auth: { name: 'Ann' } });
    const received = inbox(ann);
    await next(ann, 'connect');
    const ben = await running.connect('/chat', { transports: [transport], auth: { name: 'Ben' } });

    const joined = [await ask(ann, 'join', 'lobby', true), await ask(ben, 'join', 'lobby', false)];
    const failed = await ask(ann, 'fail');
    const left = next(ann, 'left');
    ben.disconnect();
    await left;

    expect(joined).toEqual([[2], [2]]);
    expect(failed).toEqual([{ error: 'on purpose', event: 'fail' }]);
    expect(received).toEqual([
      ['welcome', 'Ann'],
      ['message', 'Ben has entered'],
      ['left', 'Ben'],
    ]);
  });

  it('R1 refuses a client with a reason', async () => {
    const running = await start();
    const refused = await refusal(running.open('/chat'));
    expect(refused.message).toBe('no name');
  });

  it('I4 leaves every other HTTP request to the controllers', async () => {
    const { url } = await start();
    const texts = await Promise.all(
      ['/page', '/socket.iox'].map(async (path) => (await fetch(url + path)).text()),
    );
    expect(texts).toEqual(['a page', 'a neighbour']);
  });

  it('I5 serves the browser client below the path', async () => {
    const { url } = await startApp({ adapter, options: { path: '/live' } });
    const response = await fetch(`${url}/live/socket.io.js`);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('javascript'),
    ]);
    expect(await response.text()).toMatch(/^\/\*!\s+\* Socket\.IO v4\./);
  });
});

describe('transports', () => {
  it('R3 both work by default, and a polling client goes over to WebSocket', async () => {
    const running = await startApp({ providers: [EchoGateway] });
    const client = running.open('/', { transports: ['polling', 'websocket'] });
    await next(client, 'connect');
    const first = client.io.engine.transport.name;
    if (first === 'polling') await new Promise((resolve) => client.io.engine.once('upgrade', resolve));
    expect(client.io.engine.transport.name).toBe('websocket');
    expect(await ask(client, 'echo', 1)).toEqual([1]);
  });

  it('R3 the boot log says which transports and which engine are on', async () => {
    const { log } = await startApp();
    expect(log.of('log')).toEqual([
      expect.stringMatching(/on \/socket\.io: polling \+ websocket, engine ws\b/),
    ]);
  });

  it('R3 only those of option transports are on, and the boot log says so', async () => {
    const running = await startApp({ options: { transports: ['websocket'] } });
    await refusal(running.open('/', { transports: ['polling'] }));
    await running.connect();
    expect(running.log.of('log')[0]).toContain(': websocket, engine');
  });

  it('R3 allowUpgrades: false keeps a polling client polling', async () => {
    const running = await startApp({ options: { allowUpgrades: false }, providers: [EchoGateway] });
    const client = await running.connect('/', { transports: ['polling', 'websocket'] });
    await ask(client, 'echo', 1);
    expect(client.io.engine.transport.name).toBe('polling');
    const handshake = await fetch(`${running.url}/socket.io/?EIO=4&transport=polling`);
    expect(await handshake.text()).toContain('"upgrades":[]');
  });
});

describe('the module', () => {
  const quiet = { path: '/from-options', logger: false } as const;

  @Injectable()
  class Settings {
    readonly options: FlaskSocketOptions = quiet;

    createFlaskSocketOptions(): FlaskSocketOptions {
      return this.options;
    }
  }

  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  const ways: [string, DynamicModule][] = [
    ['forRoot', FlaskSocketModule.forRoot(quiet)],
    [
      'forRootAsync with useFactory, imports and inject',
      FlaskSocketModule.forRootAsync({
        imports: [SettingsModule],
        inject: [Settings],
        useFactory: async (settings: Settings) => settings.options,
      }),
    ],
    ['forRootAsync with useClass', FlaskSocketModule.forRootAsync({ useClass: Settings })],
    [
      'forRootAsync with useExisting',
      FlaskSocketModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings }),
    ],
  ];

  it.each(ways)('I1 takes its options by %s', async (_, module) => {
    const running = await startApp({ module, providers: [EchoGateway] });
    const client = await running.connect('/', { path: '/from-options' });
    expect(await ask(client, 'echo', 'here')).toEqual(['here']);
  });

  it('I1 works without options', async () => {
    const running = await startApp({ module: FlaskSocketModule.forRoot(), providers: [EchoGateway] });
    expect(await ask(await running.connect(), 'echo', 'here')).toEqual(['here']);
  });

  @Injectable()
  class Feature {
    constructor(readonly socketio: SocketIO) {}
  }

  @Module({ providers: [Feature] })
  class FeatureModule {}

  it('I1 is global: a feature module injects SocketIO without an import', async () => {
    const running = await startApp({ imports: [FeatureModule] });
    expect(running.get(Feature).socketio).toBe(running.get(SocketIO));
  });

  it.each([
    FlaskSocketModule.forRoot({ isGlobal: false, logger: false }),
    FlaskSocketModule.forRootAsync({ isGlobal: false, useClass: Settings }),
  ])('I1 is not global where isGlobal is false', async (module) => {
    const error = await bootError({ module, imports: [FeatureModule] });
    expect(error.message).toMatch(/SocketIO/);
  });

  it('I1 fails the boot when it is imported twice', async () => {
    const error = await bootError({ imports: [FlaskSocketModule.forRoot({ debug: true })] });
    expect(error.code).toBe('FSK_MODULE_TWICE');
  });

  it('I1 two applications in one process know nothing of each other', async () => {
    const [one, two] = await Promise.all([
      startApp({ providers: [EchoGateway], options: { asyncHandlers: false } }),
      startApp({ providers: [EchoGateway], options: { path: '/two' } }),
    ]);
    const [ann, ben] = [await one.connect(), await two.connect('/', { path: '/two' })];
    const [atAnn, atBen] = [inbox(ann), inbox(ben)];

    one.get(SocketIO).onEvent('only one', () => 'yes');
    one.get(SocketIO).emit('news', 1);
    two.get(SocketIO).emit('news', 2);
    ben.emit('only one', () => atBen.push(['acknowledged']));
    await flushed(ann, ben);

    expect(await ask(ann, 'only one')).toEqual(['yes']);
    expect([atAnn, atBen]).toEqual([[['news', 1]], [['news', 2]]]);
  });

  it('I1 closing one application leaves the other at work', async () => {
    const [one, two] = await Promise.all([
      startApp({ providers: [EchoGateway] }),
      startApp({ providers: [EchoGateway] }),
    ]);
    const client = await two.connect();
    await one.close();
    expect(await ask(client, 'echo', 'still here')).toEqual(['still here']);
  });
});

describe('the path', () => {
  it.each(['/live', 'live', '/live/', '/deep/er/live'])('I4 %s takes clients', async (path) => {
    const running = await startApp({ options: { path }, providers: [EchoGateway] });
    const client = await running.connect('/', { path: `/${path.replace(/^\/|\/$/g, '')}` });
    expect(await ask(client, 'echo', 1)).toEqual([1]);
  });

  it('I4 is /socket.io by default, and no other', async () => {
    const { url } = await startApp();
    const texts = await Promise.all(
      ['/socket.io/', '/live/'].map(async (path) =>
        (await fetch(`${url}${path}?EIO=4&transport=polling`)).text(),
      ),
    );
    expect(texts).toEqual([expect.stringMatching(/^0\{"sid":/), expect.stringContaining('Cannot GET')]);
  });

  it('I5 the browser client stands at /socket.io/socket.io.js', async () => {
    const { url } = await startApp();
    const script = await fetch(`${url}/socket.io/socket.io.js`);
    expect([script.status, await script.text()]).toEqual([200, expect.stringContaining('socket.io')]);
  });
});

describe('wrong options', () => {
  it.each([
    ['cors_allowed_origins', 'corsAllowedOrigins'],
    ['pingIntervall', 'pingInterval'],
    ['asyncmode', 'asyncMode'],
    ['async_handlers', 'asyncHandlers'],
  ])('I1 an unknown one fails the boot and names the nearest: %s', async (wrong, nearest) => {
    const error = await bootError({ options: { [wrong]: 1 } as never });
    expect(error.code).toBe('FSK_UNKNOWN_OPTION');
    expect(error.message).toContain(`"${wrong}"`);
    expect(error.message).toContain(`Did you mean "${nearest}"?`);
  });

  it.each(['somethingElseEntirely', 'constructor', 'hasOwnProperty'])(
    'I1 an unknown one that is near to nothing fails the boot, too: %s',
    async (wrong) => {
      const error = await bootError({ options: { [wrong]: 1 } as never });
      expect(error.code).toBe('FSK_UNKNOWN_OPTION');
      expect(error.message).not.toContain('Did you mean');
    },
  );

  it.each([
    { path: '' },
    { path: 7 },
    { transports: [] },
    { transports: ['pigeon'] },
    { pingInterval: -1 },
    { pingTimeout: '20s' },
    { maxHttpBufferSize: 0 },
    { asyncHandlers: 'no' },
    { namespaces: '/chat' },
    { corsAllowedOrigins: true },
    { corsAllowedOrigins: [7] },
    { cookie: '' },
    { serializer: 'yaml' },
    { logger: true },
    { server: [] },
    { shutdownTimeout: Number.NaN },
  ])('I1 a wrong value fails the boot and names the option: %o', async (options) => {
    const error = await bootError({ module: FlaskSocketModule.forRoot(options as never) });
    expect(error.code).toBe('FSK_INVALID_OPTION');
    expect(error.message).toContain(`"${Object.keys(options)[0]}"`);
  });

  it('I1 an invalid namespace in option namespaces fails the boot', async () => {
    const error = await bootError({ options: { namespaces: ['chat'] } });
    expect(error.code).toBe('FSK_INVALID_NAMESPACE');
    expect(error.message).toContain("'chat'");
    expect(error.message).toContain('namespaces');
  });

  it('I1 an option that is undefined was not given', async () => {
    const running = await startApp({ options: { path: undefined, pingInterval: undefined } });
    expect((await running.connect()).connected).toBe(true);
  });

  it('R2 an unknown engine fails the boot with the list of those that exist', async () => {
    const error = await bootError({ options: { asyncMode: 'eventlet' as never } });
    expect(error.code).toBe('FSK_UNKNOWN_ENGINE');
    expect(error.message).toContain('"eventlet"');
    expect(error.message).toContain('ws, eiows');
  });
});

describe('finding handlers', () => {
  @Injectable()
  class PlainProvider {
    @OnEvent('plain')
    plain() {
      return 'a provider';
    }
  }

  @Controller()
  class MixedController {
    @Get('mixed')
    page() {
      return 'http';
    }

    @OnEvent('mixed')
    event() {
      return 'a controller';
    }
  }

  class Made {
    constructor(private readonly what: string) {}

    @OnEvent('made')
    made() {
      return this.what;
    }
  }

  class Base {
    @OnEvent('inherited')
    inherited() {
      return 'a base class';
    }

    @OnEvent('overridden')
    overridden() {
      return 'the base';
    }
  }

  @Injectable()
  class Derived extends Base {
    @OnEvent('overridden')
    override overridden() {
      return 'the derived class';
    }
  }

  class Constant {
    @OnEvent('constant')
    constant() {
      return 'a value';
    }
  }

  @Module({
    providers: [PlainProvider, { provide: 'alias', useExisting: PlainProvider }],
    exports: [PlainProvider],
  })
  class InnerModule {}

  @Module({
    imports: [InnerModule],
    controllers: [MixedController],
    providers: [
      { provide: 'made', inject: [PlainProvider], useFactory: async () => new Made('a factory') },
      { provide: 'constant', useValue: new Constant() },
      { provide: 'derived', useClass: Derived },
    ],
  })
  class OuterModule {}

  it.each([
    ['plain', 'a provider'],
    ['mixed', 'a controller'],
    ['made', 'a factory'],
    ['constant', 'a value'],
    ['inherited', 'a base class'],
    ['overridden', 'the derived class'],
  ])('I6 %s is found in %s, wherever its module is imported', async (event, answer) => {
    const running = await startApp({ imports: [OuterModule, InnerModule] });
    expect(await ask(await running.connect(), event)).toEqual([answer]);
  });

  it.each([Scope.DEFAULT, Scope.REQUEST, Scope.TRANSIENT])(
    'I6 a provider of scope %s is found',
    async (scope) => {
      @Injectable({ scope })
      class ScopedProvider {
        private readonly answer = 'constructed';

        @OnEvent('ask')
        ask() {
          return this.answer;
        }
      }
      const running = await startApp({ providers: [ScopedProvider] });
      const client = await running.connect();
      expect([await ask(client, 'ask'), await ask(client, 'ask')]).toEqual([
        ['constructed'],
        ['constructed'],
      ]);
    },
  );

  it('I6 a controller with handlers serves its routes as well', async () => {
    const { url } = await startApp({ imports: [OuterModule] });
    expect(await (await fetch(`${url}/mixed`)).text()).toBe('http');
  });

  it('I6 debug lists namespace, event and Class.method of each handler at boot', async () => {
    @SocketGateway('/chat')
    class ListedGateway {
      @OnConnect()
      hello() {}

      @OnEvent('first')
      @OnEvent('second', '/other')
      event() {}

      @OnEvent('*', '*')
      rest() {}
    }
    const { log } = await startApp({ options: { debug: true }, providers: [ListedGateway] });
    expect(log.of('log').slice(1).toSorted()).toEqual([
      '* * → ListedGateway.rest',
      '/chat connect → ListedGateway.hello',
      '/chat first → ListedGateway.event',
      '/other second → ListedGateway.event',
    ]);
  });

  it('I6 without debug the boot log lists none', async () => {
    const { log } = await startApp({ providers: [EchoGateway] });
    expect(log.of('log')).toHaveLength(1);
  });
});

describe('two handlers for one thing', () => {
  class One {
    @OnEvent('same', '/chat')
    event() {}

    @OnConnect('/chat')
    connect() {}

    @OnDisconnect('/chat')
    disconnect() {}

    @OnError('/chat')
    error() {}

    @OnErrorDefault()
    errorDefault() {}
  }

  class SecondEvent {
    @OnEvent('same', '/chat')
    another() {}
  }
  class SecondConnect {
    @OnConnect('/chat')
    another() {}
  }
  class SecondDisconnect {
    @OnDisconnect('/chat')
    another() {}
  }
  class SecondError {
    @OnError('/chat')
    another() {}
  }
  class SecondErrorDefault {
    @OnErrorDefault()
    another() {}
  }

  it.each([
    ['event', SecondEvent],
    ['connect', SecondConnect],
    ['disconnect', SecondDisconnect],
    ['error', SecondError],
    ['errorDefault', SecondErrorDefault],
  ])('I7 fail the boot, and the error names both places (%s)', async (kind, second) => {
    const error = await bootError({ providers: [One, second] });
    expect(error.code).toBe('FSK_DUPLICATE_HANDLER');
    expect(error.message).toContain(`One.${kind}`);
    expect(error.message).toContain(`${second.name}.another`);
  });

  it('I7 the error names the event and the namespace', async () => {
    const error = await bootError({ providers: [One, SecondEvent] });
    expect(error.message).toContain("event 'same' in namespace '/chat'");
  });

  it('I7 in one class fail the boot, too', async () => {
    class Twice {
      @OnEvent('same')
      first() {}

      @OnEvent('same')
      second() {}
    }
    const error = await bootError({ providers: [Twice] });
    expect(error.message).toMatch(/Twice\.first and Twice\.second/);
  });

  it('I7 of one class that two modules provide fail the boot, and the error names the modules', async () => {
    @Module({ providers: [One] })
    class OrdersModule {}
    @Module({ providers: [One] })
    class UsersModule {}
    const error = await bootError({ imports: [OrdersModule, UsersModule] });
    expect(error.message).toMatch(/One\.event in OrdersModule and One\.event in UsersModule/);
  });

  it('I7 in other namespaces, or of another kind, are no two for one', async () => {
    class Elsewhere {
      @OnEvent('same', '/other')
      event() {}

      @OnConnect('/other')
      connect() {}

      @OnEvent('*', '/chat')
      rest() {}
    }
    const running = await startApp({ providers: [One, Elsewhere] });
    expect((await running.connect('/chat')).connected).toBe(true);
  });
});

describe('handlers added at run time', () => {
  it('I8 serve events of clients that are connected already', async () => {
    const running = await startApp();
    const client = await running.connect();
    const answered = next(client, 'reply');
    running.get(SocketIO).onEvent('late', (first: string, second: number) => {
      emit('reply', { sid: request.sid });
      return [first, second];
    });
    expect(await ask(client, 'late', 'one', 2)).toEqual([['one', 2]]);
    expect(await answered).toEqual([{ sid: client.id }]);
  });

  it('I8 may be added before the server exists', async () => {
    @Injectable()
    class Early implements OnModuleInit {
      constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {
        socketio.onEvent('from constructor', () => 1);
      }

      onModuleInit() {
        this.socketio.onEvent('from onModuleInit', () => 2, '/early');
      }
    }
    const running = await startApp({ providers: [Early] });
    const client = await running.connect();
    const early = await running.also(client, '/early');
    expect([await ask(client, 'from constructor'), await ask(early, 'from onModuleInit')]).toEqual([
      [1],
      [2],
    ]);
  });

  it('I8 the function that is returned removes the handler, and another may take its place', async () => {
    const running = await startApp();
    const client = await running.connect();
    const socketio = running.get(SocketIO);
    const acknowledgements: unknown[] = [];

    const remove = socketio.onEvent('late', () => 'first');
    remove();
    client.emit('late', (value: unknown) => acknowledgements.push(value));
    await flushed(client);
    socketio.onEvent('late', () => 'second');
    remove();

    expect(await ask(client, 'late')).toEqual(['second']);
    expect(acknowledgements).toEqual([]);
  });

  it('I8 open their namespace, and close it for new clients when they are removed', async () => {
    const running = await startApp();
    const socketio = running.get(SocketIO);
    expect((await refusal(running.open('/late'))).message).toBe('Invalid namespace');
    const remove = socketio.onEvent('late', () => 'yes', '/late');
    expect(await ask(await running.connect('/late'), 'late')).toEqual(['yes']);
    remove();
    expect((await refusal(running.open('/late'))).message).toBe('Invalid namespace');
  });

  it('I8 there are those for connect, disconnect and errors, too', async () => {
    const running = await startApp();
    const socketio = running.get(SocketIO);
    const seen: unknown[] = [];
    socketio.onConnect((auth: unknown) => void seen.push(['connect', auth]), '/late');
    socketio.onError((error: Error) => `error: ${error.message}`, '/late');
    socketio.onErrorDefault((error: Error) => `default: ${error.message}`);
    const fail = () => {
      throw new Error('on purpose');
    };
    socketio.onEvent('fail', fail, '/late');
    socketio.onEvent('fail', fail);
    const left = new Promise((resolve) => socketio.onDisconnect(resolve, '/late'));

    const client = await running.connect('/late', { auth: { name: 'Ann' } });
    const other = await running.also(client, '/');
    const errors = [await ask(client, 'fail'), await ask(other, 'fail')];
    client.disconnect();

    expect(await left).toBe('client namespace disconnect');
    expect(seen).toEqual([['connect', { name: 'Ann' }]]);
    expect(errors).toEqual([['error: on purpose'], ['default: on purpose']]);
  });

  it('I8 a connect handler refuses clients until it is removed', async () => {
    const running = await startApp();
    const remove = running.get(SocketIO).onConnect(() => false);
    expect((await refusal(running.open())).message).toBe('Connection rejected by server');
    remove();
    expect((await running.connect()).connected).toBe(true);
  });

  it("I8 serve '*' with the event's name first", async () => {
    const running = await startApp();
    running.get(SocketIO).onEvent('*', (...values: unknown[]) => values);
    expect(await ask(await running.connect(), 'anything', 1)).toEqual([['anything', 1]]);
  });

  it('I7 I8 a second one for the same event is an error that names both', async () => {
    const { app } = await startApp({ providers: [EchoGateway] });
    const add = () => app.get(SocketIO).onEvent('echo', function another() {});
    expect(add).toThrow(/FSK_DUPLICATE_HANDLER.*EchoGateway\.echo and another/);
  });

  it.each([
    ['a handler that is no function', 'FSK_HANDLER_NOT_FUNCTION', ['late', 'not a function']],
    ['a reserved name', 'FSK_RESERVED_EVENT', ['connect', () => {}]],
    ['a name that is no string', 'FSK_INVALID_EVENT', [7, () => {}]],
    ['an empty name', 'FSK_INVALID_EVENT', ['', () => {}]],
    ['an invalid namespace', 'FSK_INVALID_NAMESPACE', ['late', () => {}, 'chat']],
  ])('I8 %s is refused', async (_, code, values) => {
    const { app } = await startApp();
    const onEvent = app.get(SocketIO).onEvent.bind(app.get(SocketIO)) as (...values: unknown[]) => unknown;
    expect(() => onEvent(...values)).toThrow(expect.objectContaining({ code }));
  });

  it('I8 an unknown ordering is refused', async () => {
    const { app } = await startApp();
    const add = () => app.get(SocketIO).onEvent('late', () => {}, '/', { ordering: 'random' as never });
    expect(add).toThrow(expect.objectContaining({ code: 'FSK_INVALID_ORDERING' }));
  });
});

describe('the logger', () => {
  it('R3 false is silence', async () => {
    const log = new KeepingLogger();
    await startApp({ options: { logger: false }, prepare: (app) => app.useLogger(log) });
    expect(log.lines.filter(({ text }) => text.includes('Socket.IO on'))).toEqual([]);
  });
});
