import { once } from 'node:events';
import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import {
  Catch,
  createParamDecorator,
  Inject,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  Ack,
  Args,
  OnConnect,
  OnDisconnect,
  OnError,
  OnErrorDefault,
  OnEvent,
  SocketGateway,
  SocketIO,
  SocketRequest,
  emit,
  joinRoom,
  request,
  session,
} from 'nestjs-flask-socket';
import { Manager } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, connected, next, refusal, startApp, type AppOptions, type RunningApp } from '../support/app.js';
import { expectNoFaults } from '../support/faults.js';
import { Gate, Journal } from '../support/journal.js';
import { whenClosed } from '../support/when-closed.js';
import { Wire } from '../support/wire.js';

expectNoFaults();

const engineOf = (app: RunningApp) =>
  app.get(SocketIO).server.engine as unknown as {
    clients: Record<string, NodeJS.EventEmitter>;
    clientsCount: number;
  };

/** Resolves when the last client has gone, with what is left then. */
async function deserted(app: RunningApp): Promise<Record<string, unknown>> {
  const engine = engineOf(app);
  while (engine.clientsCount > 0) {
    const [client] = Object.values(engine.clients);
    if (client) await once(client, 'close');
  }
  const { server } = app.get(SocketIO);
  const rooms = [...server._nsps.values()].flatMap(({ adapter }) => [...adapter.rooms.keys()]);
  const sockets = [...server._nsps.values()].flatMap((namespace) => [...namespace.sockets.keys()]);
  return { clients: engine.clientsCount, rooms, sockets, namespaces: [...server._nsps.keys()] };
}

const NOTHING = { clients: 0, rooms: [], sockets: [], namespaces: ['/'] };

/** The server still answers, to a client that is new. */
async function answers(app: RunningApp): Promise<unknown> {
  const client = await app.connect();
  const [answer] = await ask(client, 'ping');
  client.disconnect();
  return answer;
}

@SocketGateway()
class PingGateway {
  @OnEvent('ping')
  ping() {
    return 'pong';
  }
}

type Fail = () => unknown;

const WAYS: [string, Fail][] = [
  ['throws', () => { throw new Error('broken'); }], // prettier-ignore
  ['rejects', () => Promise.reject(new Error('broken'))],
  ['rejects with a string', () => Promise.reject('broken')],
  ['rejects with undefined', () => Promise.reject(undefined)],
  ['rejects with null', () => Promise.reject(null)],
];

/** A place for a fault: the gateways that have it, and how a client gets there. What it hears is the result. */
interface Hook {
  name: string;
  providers: (fail: Fail) => AppOptions['providers'];
  prepare?: (app: RunningApp, fail: Fail) => void;
  trigger: (app: RunningApp) => Promise<unknown>;
}

const emitX = async (app: RunningApp) => ask(await app.connect(), 'x', 'data');
const connectX = (app: RunningApp) => refusal(app.open('/x')).then(({ message }) => message);
const SAFE = [{ status: 'error', message: 'Internal server error' }];
const HEARD: Record<string, unknown> = {
  '@OnConnect': 'Internal server error',
  'namespace middleware': 'Internal server error',
  '@OnDisconnect': undefined,
  '@OnError at connect': 'Internal server error',
};

/** What handles an error: when it fails, that error is logged before its own. */
const HANDLES = /^(@OnError|exception filter)/;

const HOOKS: Hook[] = [
  {
    name: '@OnConnect',
    providers: (fail) => {
      @SocketGateway('/x')
      class FaultyGateway {
        @OnConnect()
        connect() {
          return fail();
        }
      }
      return [FaultyGateway];
    },
    trigger: connectX,
  },
  {
    name: '@OnEvent',
    providers: (fail) => {
      @SocketGateway()
      class FaultyGateway {
        @OnEvent('x')
        x() {
          return fail();
        }
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: '@OnDisconnect',
    providers: (fail) => {
      @SocketGateway('/x')
      class FaultyGateway {
        @OnDisconnect()
        disconnect() {
          return fail();
        }
      }
      return [FaultyGateway];
    },
    trigger: async (app) => {
      const client = await app.connect('/x');
      const gone = new Gate();
      app
        .get(SocketIO)
        .server.of('/x')
        .sockets.forEach((socket) => socket.on('disconnect', gone.open));
      client.disconnect();
      await gone.opened;
    },
  },
  {
    name: 'callback',
    providers: (fail) => {
      @SocketGateway()
      class FaultyGateway {
        @OnEvent('x')
        x() {
          emit('question', 1, { callback: fail });
        }
      }
      return [FaultyGateway];
    },
    trigger: async (app) => {
      const client = await app.connect();
      const exception = next(client, 'exception');
      client.once('question', (_data: unknown, answer: () => void) => answer());
      client.emit('x');
      return exception;
    },
  },
  {
    name: 'guard',
    providers: (fail) => {
      class FaultyGuard implements CanActivate {
        canActivate() {
          return fail() as boolean;
        }
      }
      @SocketGateway()
      class FaultyGateway {
        @UseGuards(FaultyGuard)
        @OnEvent('x')
        x() {}
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: 'pipe',
    providers: (fail) => {
      class FaultyPipe implements PipeTransform {
        transform() {
          return fail();
        }
      }
      @SocketGateway()
      class FaultyGateway {
        @UsePipes(FaultyPipe)
        @OnEvent('x')
        x(@Args(FaultyPipe) _first: unknown, _second: unknown) {}
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: 'interceptor',
    providers: (fail) => {
      class FaultyInterceptor implements NestInterceptor {
        intercept(_: ExecutionContext, handler: CallHandler) {
          return (fail() ?? handler.handle()) as never;
        }
      }
      @SocketGateway()
      class FaultyGateway {
        @UseInterceptors(FaultyInterceptor)
        @OnEvent('x')
        x() {}
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: 'parameter decorator',
    providers: (fail) => {
      const Faulty = createParamDecorator(fail);
      @SocketGateway()
      class FaultyGateway {
        @OnEvent('x')
        x(@Faulty() _value: unknown) {}
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: '@OnError',
    providers: (fail) => {
      @SocketGateway()
      class FaultyGateway {
        @OnEvent('x')
        x() {
          throw new Error('first');
        }

        @OnError()
        failed() {
          return fail();
        }
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: '@OnError at connect',
    providers: (fail) => {
      @SocketGateway('/x')
      class FaultyGateway {
        @OnConnect()
        connect() {
          throw new Error('first');
        }

        @OnErrorDefault()
        failed() {
          return fail();
        }
      }
      return [FaultyGateway];
    },
    trigger: connectX,
  },
  {
    name: 'exception filter',
    providers: (fail) => {
      @Catch()
      class FaultyFilter implements ExceptionFilter {
        catch() {
          return fail();
        }
      }
      @SocketGateway()
      class FaultyGateway {
        @UseFilters(FaultyFilter)
        @OnEvent('x')
        x() {
          throw new Error('first');
        }
      }
      return [FaultyGateway];
    },
    trigger: emitX,
  },
  {
    name: 'provider of the event',
    providers: (fail) => {
      const FAULTY = Symbol('faulty');
      const faulty = { provide: FAULTY, scope: Scope.REQUEST, inject: [SocketRequest], useFactory: fail };
      @SocketGateway('/', { scope: Scope.REQUEST })
      class FaultyGateway {
        constructor(@Inject(FAULTY) readonly value: unknown) {}

        @OnEvent('x')
        x() {}
      }
      return [FaultyGateway, faulty];
    },
    trigger: emitX,
  },
  {
    name: 'namespace middleware',
    providers: () => {
      @SocketGateway('/x')
      class QuietGateway {
        @OnEvent('x')
        x() {}
      }
      return [QuietGateway];
    },
    prepare: (app, fail) =>
      void app
        .get(SocketIO)
        .server.of('/x')
        .use(fail as () => void),
    trigger: connectX,
  },
  {
    name: 'socket middleware',
    providers: () => [],
    prepare: (app, fail) =>
      void app.get(SocketIO).server.on('connection', (socket) => {
        socket.use(([name], done) => (name === 'x' ? (fail() as undefined) : done()));
      }),
    trigger: emitX,
  },
];

const FAULTS = HOOKS.flatMap((hook) => WAYS.map(([way, fail]) => [hook.name, way, hook, fail] as const));

describe('the process goes on', () => {
  describe('when something of the application fails', () => {
    it.each(FAULTS)(
      'X4 %s that %s: one line in the log for each error, an answer to the client',
      async (_name, _way, hook, fail) => {
        const app = await startApp({ providers: [PingGateway, ...(hook.providers(fail) ?? [])] });
        hook.prepare?.(app, fail);

        const heard = await hook.trigger(app);
        const answer = await answers(app);

        expect({ heard, answer, lines: app.log.of('error').length }).toEqual({
          heard: hook.name in HEARD ? HEARD[hook.name] : SAFE,
          answer: 'pong',
          lines: HANDLES.test(hook.name) ? 2 : 1,
        });
      },
    );
  });

  describe('when a client sends what is nested too deeply', () => {
    @SocketGateway()
    class DeepGateway {
      @OnEvent('return')
      back(data: unknown) {
        return data;
      }

      @OnEvent('return later')
      async backLater(data: unknown) {
        return Promise.resolve(data);
      }

      @OnEvent('ack')
      ack(data: unknown, @Ack() acknowledge: (data: unknown) => void) {
        acknowledge(data);
      }

      @OnEvent('emit')
      toItself(data: unknown) {
        emit('echo', data);
      }

      @OnEvent('broadcast')
      toAll(data: unknown) {
        emit('echo', data, { broadcast: true });
      }

      @OnEvent('room')
      toRoom(data: unknown) {
        joinRoom('lobby');
        emit('echo', data, { to: 'lobby' });
      }

      @OnEvent('callback')
      withCallback(data: unknown) {
        emit('echo', data, { callback: () => {} });
      }

      @OnEvent('session')
      keep(data: unknown) {
        session['data'] = data;
      }

      @OnEvent('throw')
      fail(data: unknown) {
        throw Object.assign(new Error('deep'), { data });
      }

      @OnEvent('fail', '/deep')
      failed() {
        throw new Error('deep');
      }

      @OnError('/deep')
      answerDeep() {
        return request.event.args[0];
      }
    }

    const PLACES = [
      'return',
      'return later',
      'ack',
      'emit',
      'broadcast',
      'room',
      'callback',
      'session',
      'throw',
    ];
    const SHAPES = [
      ['arrays', '[', ']'],
      ['objects', '{"a":', '}'],
    ] as const;
    const CASES = [5_000, 100_000].flatMap((depth) =>
      SHAPES.flatMap(([what, open, close]) =>
        PLACES.map((place) => [place, depth, what, { open, close }] as const),
      ),
    );

    it.each(CASES)('%s, of %i levels of %s', async (place, depth, _what, { open, close }) => {
      const app = await startApp({ providers: [DeepGateway, PingGateway] });
      const wire = await Wire.open(app);
      await wire.join();

      wire.send(`427["${place}",${open.repeat(depth)}1${close.repeat(depth)}]`);
      const answer = await wire.find((packet) => packet.startsWith('437'));

      expect({ answered: answer.startsWith('437['), answer: await answers(app) }).toEqual({
        answered: true,
        answer: 'pong',
      });
    });

    it.each([5_000, 100_000])('as the answer of an error handler: %i levels', async (depth) => {
      const app = await startApp({ providers: [DeepGateway, PingGateway] });
      const wire = await Wire.open(app);
      await wire.join('/deep');

      wire.send(`42/deep,7["fail",${'['.repeat(depth)}${']'.repeat(depth)}]`);
      await wire.find((packet) => packet.startsWith('43/deep,7['));

      expect(await answers(app)).toBe('pong');
    });

    it.each([5_000, 100_000])('as auth that goes back in a refusal: %i levels', async (depth) => {
      @SocketGateway('/x')
      class RefusingGateway {
        @OnConnect()
        connect(auth: { deep: unknown }) {
          emit('echo', auth.deep);
        }
      }
      const app = await startApp({ providers: [RefusingGateway, PingGateway] });
      const wire = await Wire.open(app);

      wire.send(`40/x,{"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`);
      await wire.find((packet) => packet.startsWith('40/x') || packet.startsWith('44')); // or too much data

      expect(await answers(app)).toBe('pong');
    });
  });

  describe('when a handler returns what others take for something else', () => {
    @SocketGateway()
    class EchoGateway {
      @OnEvent('echo')
      echo(data: unknown) {
        return data;
      }
    }

    it.each([
      [{ event: 'disconnect' }],
      [{ event: 'disconnect', data: 1 }],
      [{ event: 'connect' }],
      [{ event: 'x' }],
      [{ event: null }],
      [0],
      [null],
      [''],
      [false],
      [[]],
      [JSON.parse('{"then":1}') as object],
      [{ subscribe: 1, pipe: 2 }],
    ])('the acknowledgement is what was returned: %j', async (data) => {
      const app = await startApp({ providers: [EchoGateway, PingGateway] });
      const client = await app.connect();

      const values = await ask(client, 'echo', data);

      expect({ values, answer: await answers(app) }).toEqual({ values: [data], answer: 'pong' });
    });

    it('the acknowledgement of nothing is nothing', async () => {
      const app = await startApp({ providers: [EchoGateway] });
      const client = await app.connect();

      const values = await ask(client, 'echo');

      expect(values).toEqual([]);
    });
  });

  describe('when what is sent cannot be encoded', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const VALUES: [string, unknown][] = [
      ['cyclic', cyclic],
      ['a BigInt', { big: 1n }],
      ['a function that throws as toJSON', { toJSON: () => { throw new Error('no'); } }], // prettier-ignore
    ];

    it.each(VALUES)('SocketIO.emit throws in its caller: %s', async (_, value) => {
      const app = await startApp({ providers: [PingGateway] });
      await app.connect();

      expect(() => app.get(SocketIO).emit('x', value)).toThrow(
        expect.objectContaining({ code: 'FSK_NOT_SERIALIZABLE' }),
      );
    });

    it.each(VALUES)('SocketIO.call rejects: %s', async (_, value) => {
      const app = await startApp({ providers: [PingGateway] });
      const client = await app.connect();

      const call = app.get(SocketIO).call('x', value, { to: String(client.id) });

      await expect(call).rejects.toMatchObject({ code: 'FSK_NOT_SERIALIZABLE' });
    });

    it.each(VALUES)('an error handler’s answer becomes a safe one: %s', async (_, value) => {
      @SocketGateway()
      class FaultyGateway {
        @OnEvent('x')
        x() {
          throw new Error('broken');
        }

        @OnError()
        failed() {
          return value;
        }
      }
      const app = await startApp({ providers: [FaultyGateway, PingGateway] });

      const values = await emitX(app);

      expect({ values, answer: await answers(app) }).toEqual({ values: SAFE, answer: 'pong' });
    });
  });

  describe('when connections are reset while they are decided about', () => {
    const HEARTBEAT = { pingInterval: 200, pingTimeout: 100 };

    const REQUESTS: [string, (port: number) => string][] = [
      [
        'WebSocket',
        (port) =>
          `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
          'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://elsewhere.example\r\n\r\n',
      ],
      [
        'polling',
        (port) =>
          `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
          'Origin: https://elsewhere.example\r\n\r\n',
      ],
    ];

    const VERDICTS = REQUESTS.flatMap(([transport, requestTo]) =>
      [true, false].map((verdict) => [transport, verdict, requestTo] as const),
    );

    it.each(VERDICTS)('200 resets by %s, then the verdict is %s', async (_, verdict, requestTo) => {
      const asked = new Journal();
      const gate = new Gate();
      const app = await startApp({
        providers: [PingGateway],
        options: {
          ...HEARTBEAT,
          limits: { handshakesPerAddress: 1_000 },
          corsAllowedOrigins: async (origin) => {
            asked.add(origin);
            await gate.opened;
            return verdict;
          },
        },
      });
      const closed = new Journal();
      app.app
        .getHttpServer()
        .on('connection', (socket: TcpSocket) => socket.on('close', () => closed.add('closed')));
      const sockets = await Promise.all(
        Array.from({ length: 200 }, async () => {
          const socket = connectTcp(app.port, '127.0.0.1').on('error', () => {});
          await once(socket, 'connect');
          socket.write(requestTo(app.port));
          return socket;
        }),
      );
      await asked.reached(200);

      for (const socket of sockets) socket.resetAndDestroy();
      await closed.reached(200);
      gate.open();

      expect({ answer: await answers(app), left: await deserted(app) }).toEqual({
        answer: 'pong',
        left: NOTHING,
      });
    });

    it.each(WAYS)('a check of the origin that %s refuses the client', async (_, fail) => {
      const app = await startApp({
        providers: [PingGateway],
        options: { corsAllowedOrigins: fail as () => boolean },
      });
      const headers = { origin: 'https://elsewhere.example' };

      const { status } = await fetch(`${app.url}/socket.io/?EIO=4&transport=polling`, { headers });

      expect({ status, answer: await answers(app) }).toEqual({ status: 403, answer: 'pong' });
    });

    it.each(WAYS)('server.allowRequest that %s refuses the client', async (_, fail) => {
      const app = await startApp({
        providers: [PingGateway],
        options: {
          server: {
            allowRequest: ({ headers }, decide) =>
              headers['x-break'] ? (fail() as undefined) : decide(null, true),
          },
        },
      });

      const { status } = await fetch(`${app.url}/socket.io/?EIO=4&transport=polling`, {
        headers: { 'x-break': '1' },
      });

      expect({ status, answer: await answers(app) }).toEqual({ status: 403, answer: 'pong' });
    });
  });

  describe('when what arrives is garbage', () => {
    const HEARTBEAT = { pingInterval: 300, pingTimeout: 200 };

    @SocketGateway('*')
    class EveryGateway {
      @OnConnect()
      connect(auth?: { room?: string }) {
        if (typeof auth?.room === 'string') joinRoom(auth.room);
      }

      @OnEvent('join')
      join(room: string) {
        joinRoom(room);
        emit('joined', room, { to: room });
      }

      @OnEvent('*')
      echo(name: string, ...values: unknown[]) {
        emit('echo', { name, values }, { broadcast: true });
        return values[0];
      }
    }

    const start = () =>
      startApp({
        providers: [EveryGateway, PingGateway],
        options: { ...HEARTBEAT, namespaces: '*', debug: true },
      });

    /** Numbers from 0 up to a limit, the same in every run. */
    function numbersFrom(seed: number): (limit: number) => number {
      let state = seed;
      return (limit) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * limit);
      };
    }

    const PACKETS = [
      '40',
      '40/chat,{"room":"lobby"}',
      '41',
      '41/chat,',
      '42["join","lobby"]',
      '4213["echo",{"a":[1,null,"x"]}]',
      '42/chat,["echo","text"]',
      '43["late"]',
      '431["late",1]',
      '44{"message":"no"}',
      '451-["file",{"_placeholder":true,"num":0}]',
      '461-1[{"_placeholder":true,"num":0}]',
      '42["__proto__",{"__proto__":{"polluted":true}}]',
      '42["constructor","prototype"]',
      '42["connect"]',
      '42["disconnect","reason"]',
      '42["disconnecting"]',
      '42["newListener","x"]',
      '42["error",{"message":1}]',
      '42[null,1]',
      '42[{"toString":1}]',
      '42[7]',
      '42[]',
      '42{}',
      '4',
      '2probe',
      '3',
      '5',
      '6',
      '1',
      '40/../..//%00?x=1,',
      `42["${'n'.repeat(10_240)}"]`,
    ];

    /** A packet with some characters changed, dropped, doubled or swapped. */
    function mutated(packet: string, below: (limit: number) => number): string {
      let text = packet;
      for (let times = below(4); times > 0; times--) {
        const at = below(text.length + 1);
        const [head, tail] = [text.slice(0, at), text.slice(at)];
        const character = String.fromCharCode(below(8) ? 32 + below(95) : below(0xffff));
        text = [head + character + tail, head + tail.slice(1), head + character + tail.slice(1), tail + head, head + head + tail][below(5)] ?? text; // prettier-ignore
      }
      return text;
    }

    it('2,000 mutated packets, after which the server answers and nothing is left', async () => {
      const app = await start();
      const below = numbersFrom(20_260_729);
      const send = async () => {
        const wire = await Wire.open(app);
        wire.send('40');
        for (let count = 0; count < 20; count++) {
          const text = mutated(PACKETS[below(PACKETS.length)] ?? '', below);
          wire.send(below(6) ? text : Buffer.from(text));
        }
        wire.socket.close();
        await wire.closed();
      };

      for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 10 }, send));
      const answer = await answers(app);
      const left = await deserted(app);

      const { polluted } = {} as { polluted?: unknown };
      expect({ answer, left, polluted }).toEqual({ answer: 'pong', left: NOTHING, polluted: undefined });
    });

    it('raw bytes over TCP, after which the server answers and nothing is left', async () => {
      const app = await start();
      const below = numbersFrom(7);
      const STARTS = [
        '',
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n',
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
        'GET /socket.io/?EIO=9&transport=x HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST /socket.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n',
        'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      ];
      const send = async (_: unknown, index: number) => {
        const socket = connectTcp(app.port, '127.0.0.1').on('error', () => {});
        await once(socket, 'connect');
        socket.write(STARTS[index % STARTS.length] ?? '');
        socket.end(Buffer.from(Array.from({ length: 200 }, () => below(256))));
        socket.resume();
        if (!socket.closed) await whenClosed(socket);
      };

      await Promise.all(Array.from({ length: 120 }, send));

      expect({ answer: await answers(app), left: await deserted(app) }).toEqual({
        answer: 'pong',
        left: NOTHING,
      });
    });

    it('POSTs of garbage to polling sessions, after which the server answers and nothing is left', async () => {
      const app = await start();
      const below = numbersFrom(99);
      const url = `${app.url}/socket.io/?EIO=4&transport=polling`;
      const send = async () => {
        const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string };
        for (let count = 0; count < 5; count++) {
          const packets = Array.from({ length: 4 }, () =>
            mutated(PACKETS[below(PACKETS.length)] ?? '', below),
          );
          const response = await fetch(`${url}&sid=${sid}`, { method: 'POST', body: packets.join('\u001e') });
          await response.text();
        }
      };

      for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 6 }, send));

      expect({ answer: await answers(app), left: await deserted(app) }).toEqual({
        answer: 'pong',
        left: NOTHING,
      });
    });

    it('clients that leave at every moment of their life leave nothing', async () => {
      const gate = new Gate();
      @SocketGateway('/slow')
      class SlowGateway {
        @OnConnect()
        async connect() {
          joinRoom('lobby');
          await gate.opened;
        }

        @OnDisconnect()
        async left() {
          await gate.opened;
          throw new Error('broken');
        }
      }
      const app = await startApp({ providers: [SlowGateway, PingGateway], options: HEARTBEAT });
      const wires = await Promise.all(Array.from({ length: 40 }, () => Wire.open(app)));

      for (const [index, wire] of wires.entries()) {
        if (index % 4 > 0) wire.send('40/slow,');
        if (index % 4 > 1) wire.send('42/slow,["x"]');
        if (index % 4 > 2) wire.send('41/slow,');
        wire.socket.terminate();
      }
      await Promise.all(wires.map((wire) => wire.closed()));
      await deserted(app);
      gate.open();

      expect({ answer: await answers(app), left: await deserted(app) }).toEqual({
        answer: 'pong',
        left: { ...NOTHING, namespaces: ['/', '/slow'] },
      });
    });

    it('a client of another protocol’s version is refused, and the server answers', async () => {
      const app = await start();

      const { status } = await fetch(`${app.url}/socket.io/?EIO=3&transport=polling`);

      expect({ status, answer: await answers(app) }).toEqual({ status: 400, answer: 'pong' });
    });

    it('an event right before the transport ends is handled without a client to answer', async () => {
      const handled = new Gate();
      @SocketGateway()
      class LateGateway {
        @OnEvent('late')
        async late() {
          await new Promise((resolve) => setImmediate(resolve));
          emit('answer');
          emit('to all', 1, { broadcast: true });
          handled.open();
          return 'late';
        }
      }
      const app = await startApp({ providers: [LateGateway, PingGateway] });
      const manager = new Manager(app.url, { transports: ['websocket'], reconnection: false });
      onTestFinished(() => manager._close());
      const client = manager.socket('/');
      await connected(client);

      client.emit('late', () => {});
      client.disconnect();
      await handled.opened;

      expect(await answers(app)).toBe('pong');
    });
  });
});
