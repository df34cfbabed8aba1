import { setTimeout as wait } from 'node:timers/promises';
import {
  Controller,
  Get,
  Injectable,
  Module,
  type CanActivate,
  type INestApplication,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import {
  FlaskSocketModule,
  Namespace,
  OnConnect,
  OnDisconnect,
  OnEvent,
  Query,
  Sid,
  SocketGateway,
  SocketIO,
  currentApp,
  emit,
  g,
  joinRoom,
  request,
  rooms,
  session,
  type FlaskSocketError,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed, inbox, next, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Wire } from '../support/wire.js';

interface HttpRequest {
  user?: unknown;
  session?: unknown;
}

describe('the context', () => {
  describe('K1 g and currentApp', () => {
    it('K1 g is a fresh bag for each event', async () => {
      @SocketGateway()
      class BagGateway {
        @OnConnect()
        connect() {
          g['connect'] = true;
        }

        @OnEvent('x')
        async x(value: number) {
          const before = { ...g };
          g['value'] = value;
          await Promise.resolve();
          return { before, after: { ...g } };
        }
      }
      const app = await startApp({ providers: [BagGateway] });
      const client = await app.connect();

      const answers = [await ask(client, 'x', 1), await ask(client, 'x', 2)];

      expect(answers).toEqual([[{ before: {}, after: { value: 1 } }], [{ before: {}, after: { value: 2 } }]]);
    });

    it('K1 currentApp resolves providers, of other modules too', async () => {
      @Injectable()
      class Prices {
        readonly tea = 3;
      }
      @Module({ providers: [Prices] })
      class PricesModule {}
      @SocketGateway()
      class ShopGateway {
        @OnEvent('x')
        x() {
          return currentApp.get(Prices).tea;
        }
      }
      const app = await startApp({ imports: [PricesModule], providers: [ShopGateway] });

      const answer = await ask(await app.connect(), 'x');

      expect(answer).toEqual([3]);
    });

    it.each<[string, () => unknown]>([
      ['request', () => request.sid],
      ['session', () => session['x']],
      ['g', () => g['x']],
      ['currentApp', () => currentApp.get(SocketIO)],
    ])('K1 there is none outside of a handler: %s', (name, use) => {
      expect(use).toThrow(
        expect.objectContaining<Partial<FlaskSocketError>>({
          code: 'FSK_NO_CONTEXT',
          message: expect.stringContaining(name) as string,
        }),
      );
    });
  });

  describe('K2 request', () => {
    @SocketGateway()
    class RequestGateway {
      @OnConnect()
      @OnEvent('x')
      x() {
        const { headers, cookies, query, address, auth, transport, user, url } = request;
        const language = headers['accept-language'];
        const seen = { language, cookies, fruit: query['fruit'], address, auth, transport, user, url };
        emit('seen', seen);
        return seen;
      }
    }

    it('K2 is a view of the HTTP request that opened the connection', async () => {
      const app = await startApp({ providers: [RequestGateway] });
      const client = await app.connect('/', {
        query: { fruit: 'fig' },
        auth: { token: 'abc' },
        extraHeaders: { 'Accept-Language': 'de', Cookie: 'name=anna; theme=dark%20blue' },
      });

      const [seen] = await ask(client, 'x');

      expect(seen).toEqual({
        language: 'de',
        cookies: { name: 'anna', theme: 'dark blue' },
        fruit: 'fig',
        address: '127.0.0.1',
        auth: { token: 'abc' },
        transport: 'websocket',
        url: expect.stringMatching(/^\/socket\.io\/\?fruit=fig&/),
      });
    });

    it('K2 is so for the connection’s whole life, from @OnConnect to @OnDisconnect', async () => {
      const seen = new Journal<unknown>();
      @SocketGateway()
      class LifeGateway {
        @OnConnect()
        @OnEvent('x')
        @OnDisconnect()
        look() {
          seen.add([request.event.message, request.cookies['name'], request.query['fruit'], request.auth]);
        }
      }
      const app = await startApp({ providers: [LifeGateway] });
      const client = await app.connect('/', {
        query: { fruit: 'fig' },
        auth: { token: 'abc' },
        extraHeaders: { Cookie: 'name=anna' },
      });

      await ask(client, 'x');
      client.disconnect();

      expect(await seen.reached(3)).toEqual([
        ['connect', 'anna', 'fig', { token: 'abc' }],
        ['x', 'anna', 'fig', { token: 'abc' }],
        ['disconnect', 'anna', 'fig', { token: 'abc' }],
      ]);
    });

    describe('a query that repeats a parameter', () => {
      const QUERY = '&foo=bar&one=1&foo=b%20z&__proto__=a&__proto__=b';
      const WANTED = { foo: ['bar', 'b z'], one: '1', view: ['bar', 'b z'], none: null, polluted: false };

      @SocketGateway()
      class QueryGateway {
        @OnEvent('query')
        query(@Query('foo') foo: unknown, @Query('one') one: unknown) {
          const { query } = request;
          const polluted = Array.isArray(Object.getPrototypeOf(query));
          return { foo, one, view: query['foo'], none: query['none'] ?? null, polluted };
        }
      }

      it('K2 has all of its values, as Express has, by WebSocket', async () => {
        const app = await startApp({ providers: [QueryGateway] });
        const wire = await Wire.open(app, { query: QUERY });
        await wire.join();

        wire.send('421["query"]');

        expect(await wire.find((packet) => packet.startsWith('431'))).toBe(`431${JSON.stringify([WANTED])}`);
      });

      it('K2 has all of its values, as Express has, by polling', async () => {
        const app = await startApp({ providers: [QueryGateway] });
        const url = `${app.url}/socket.io/?EIO=4&transport=polling`;
        const opened = await (await fetch(url + QUERY)).text();
        const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
        const post = (body: string) => fetch(`${url}&sid=${sid}`, { method: 'POST', body });
        const poll = async () => (await fetch(`${url}&sid=${sid}`)).text();
        await post('40');
        await poll();

        await post('421["query"]');

        expect(await poll()).toBe(`431${JSON.stringify([WANTED])}`);
      });
    });

    it('K2 knows what carries the connection right now', async () => {
      const app = await startApp({ providers: [RequestGateway] });
      const client = app.open('/', { transports: ['polling', 'websocket'] });
      const [first] = await next(client, 'seen');
      if (client.io.engine.transport.name !== 'websocket')
        await new Promise((resolve) => client.io.engine.once('upgrade', resolve));

      const [second] = await ask(client, 'x');

      expect([first, second]).toEqual([
        expect.objectContaining({ transport: 'polling' }),
        expect.objectContaining({ transport: 'websocket' }),
      ]);
    });

    it('K2 has the user that a middleware set on the request', async () => {
      const app = await startApp({ providers: [RequestGateway] });
      app.get(SocketIO).server.engine.use((http: HttpRequest, _response: unknown, done: () => void) => {
        http.user = { name: 'anna' };
        done();
      });
      const client = await app.connect();

      const [seen] = await ask(client, 'x');

      expect(seen).toMatchObject({ user: { name: 'anna' } });
    });

    it('K2 has no user if nobody set one', async () => {
      const app = await startApp({ providers: [RequestGateway] });
      const client = await app.connect();

      const [seen] = await ask(client, 'x');

      expect(seen).not.toHaveProperty('user');
    });
  });

  describe('K3 request.sid, request.namespace and request.event', () => {
    it('K3 are those of the event, in handlers and as parameters', async () => {
      @SocketGateway('/chat')
      class EventGateway {
        @OnEvent('my event')
        x(@Sid() sid: string, @Namespace() namespace: string) {
          const { event } = request;
          return { sid, namespace, same: sid === request.sid && namespace === request.namespace, event };
        }
      }
      const app = await startApp({ providers: [EventGateway] });
      const client = await app.connect('/chat');

      const [seen] = await ask(client, 'my event', 'foo', [1, 2], null);

      expect(seen).toEqual({
        sid: client.id,
        namespace: '/chat',
        same: true,
        event: { message: 'my event', args: ['foo', [1, 2], null] },
      });
    });

    it('K3 the event is connect with the auth, then disconnect with the reason', async () => {
      const events = new Journal<unknown>();
      @SocketGateway()
      class LifeGateway {
        @OnConnect()
        connect() {
          events.add(request.event);
        }

        @OnDisconnect()
        disconnect() {
          events.add(request.event);
        }
      }
      const app = await startApp({ providers: [LifeGateway] });
      const client = await app.connect('/', { auth: { token: 'abc' } });

      client.disconnect();

      expect(await events.reached(2)).toEqual([
        { message: 'connect', args: [{ token: 'abc' }] },
        { message: 'disconnect', args: ['client namespace disconnect'] },
      ]);
    });

    it('K3 a callback has the emitter’s sid and namespace, and { message: null, args }', async () => {
      const seen = new Journal<unknown>();
      @SocketGateway('/chat')
      class AskingGateway {
        @OnEvent('x')
        x() {
          const callback = () =>
            seen.add({ sid: request.sid, namespace: request.namespace, event: request.event });
          emit('question', 1, { callback });
        }
      }
      const app = await startApp({ providers: [AskingGateway] });
      const client = await app.connect('/chat');
      client.once('question', (_data: unknown, answer: (...values: unknown[]) => void) => answer('a', 'b'));

      client.emit('x');

      expect(await seen.reached(1)).toEqual([
        { sid: client.id, namespace: '/chat', event: { message: null, args: ['a', 'b'] } },
      ]);
    });
  });

  describe('K4 two events at the same time', () => {
    /** Handlers that all wait until the last of them has started. */
    function meetingOf(count: number) {
      const started = new Journal<number>();
      @SocketGateway('*')
      class MeetingGateway {
        @OnEvent('meet')
        async meet(number: number) {
          const before = [request.sid, request.namespace, request.event.args[0]];
          g['number'] = number;
          session[`seen ${number}`] = true;
          started.add(number);
          await started.reached(count);
          await wait(1);
          const after = [request.sid, request.namespace, request.event.args[0]];
          const inTimer = await new Promise((resolve) => setTimeout(() => resolve(request.event.args[0]), 1));
          emit('met', number);
          return { before, after, inTimer, bag: { ...g } };
        }
      }
      return MeetingGateway;
    }

    it('K4 of different clients never see each other’s context', async () => {
      const app = await startApp({ providers: [meetingOf(20)], options: { namespaces: ['/', '/chat'] } });
      const clients = await Promise.all(
        Array.from({ length: 20 }, (_, index) => app.connect(index % 2 ? '/' : '/chat')),
      );
      const received = clients.map((client) => inbox(client));

      const answers = await Promise.all(clients.map((client, index) => ask(client, 'meet', index)));

      const expected = clients.map((client, index) => {
        const own = [client.id, index % 2 ? '/' : '/chat', index];
        return [{ before: own, after: own, inTimer: index, bag: { number: index } }];
      });
      expect({ answers, received }).toEqual({
        answers: expected,
        received: clients.map((_, index) => [['met', index]]),
      });
    });

    it('K4 of one client never see each other’s context', async () => {
      const app = await startApp({ providers: [meetingOf(20)], options: { namespaces: ['/'] } });
      const client = await app.connect();

      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(client, 'meet', index)));

      const own = (index: number) => [client.id, '/', index];
      expect(answers).toEqual(
        answers.map((_, index) => [
          { before: own(index), after: own(index), inTimer: index, bag: { number: index } },
        ]),
      );
    });

    it('K4 in one chain of emits and joins each act for their own client', async () => {
      const gate = new Gate();
      @SocketGateway()
      class RoomGateway {
        @OnEvent('join')
        async join(room: string) {
          await gate.opened;
          joinRoom(room);
          return rooms();
        }
      }
      const app = await startApp({ providers: [RoomGateway] });
      const [anna, bob] = [await app.connect(), await app.connect()];
      const answers = Promise.all([ask(anna, 'join', 'red'), ask(bob, 'join', 'blue')]);
      await flushed(anna, bob);

      gate.open();

      expect(await answers).toEqual([[[anna.id, 'red']], [[bob.id, 'blue']]]);
    });

    it('K4 the context follows promises, timers, immediates, ticks and microtasks', async () => {
      @SocketGateway()
      class LaterGateway {
        @OnEvent('x')
        async x() {
          const sid = () => request.sid;
          return Promise.all([
            wait(1).then(sid),
            new Promise((resolve) => setTimeout(() => resolve(sid()), 1)),
            new Promise((resolve) => setImmediate(() => resolve(sid()))),
            new Promise((resolve) => process.nextTick(() => resolve(sid()))),
            new Promise((resolve) => queueMicrotask(() => resolve(sid()))),
          ]);
        }
      }
      const app = await startApp({ providers: [LaterGateway] });
      const client = await app.connect();

      const [sids] = await ask(client, 'x');

      expect(sids).toEqual(Array.from({ length: 5 }, () => client.id));
    });

    it('K4 a handler’s emit works after it has returned, from what it left running', async () => {
      const gate = new Gate();
      @SocketGateway()
      class LaterGateway {
        @OnEvent('x')
        x() {
          void gate.opened.then(() => emit('later', request.event.args[0]));
          return 'now';
        }
      }
      const app = await startApp({ providers: [LaterGateway] });
      const client = await app.connect();
      const later = next(client, 'later');

      const answer = await ask(client, 'x', 7);
      gate.open();

      expect([answer, await later]).toEqual([['now'], [7]]);
    });

    it('K4 an HTTP request that runs meanwhile sees no context', async () => {
      @Controller()
      class PageController {
        @Get()
        page() {
          try {
            return request.sid;
          } catch (error) {
            return (error as FlaskSocketError).code;
          }
        }
      }
      const gate = new Gate();
      @SocketGateway()
      class SlowGateway {
        @OnEvent('x')
        async x() {
          await gate.opened;
        }
      }
      const app = await startApp({ controllers: [PageController], providers: [SlowGateway] });
      const client = await app.connect();
      const answer = ask(client, 'x');
      await flushed(client);

      const page = await (await fetch(app.url)).text();
      gate.open();
      await answer;

      expect(page).toBe('FSK_NO_CONTEXT');
    });
  });

  describe('K7 HTTP middleware and HTTP-only hooks', () => {
    it('K7 do not run per event, nor for the handshake', async () => {
      const runs = new Journal();
      @Injectable()
      class CountingMiddleware implements NestMiddleware {
        use(_request: unknown, _response: unknown, done: () => void) {
          runs.add('Nest middleware');
          done();
        }
      }
      @Controller()
      class PageController {
        @Get()
        page() {
          return 'page';
        }
      }
      @SocketGateway()
      class EchoGateway {
        @OnConnect()
        connect() {}

        @OnEvent('x')
        x() {
          return 'x';
        }
      }
      @Module({ controllers: [PageController], providers: [EchoGateway] })
      class PageModule implements NestModule {
        configure(consumer: MiddlewareConsumer) {
          consumer.apply(CountingMiddleware).forRoutes('{*path}');
        }
      }
      const app = await startApp({
        imports: [PageModule],
        prepare: (nest) =>
          nest.use((_request: unknown, _response: unknown, done: () => void) => {
            runs.add('Express middleware');
            done();
          }),
      });
      await fetch(app.url);
      const forHttp = runs.entries.splice(0);

      const client = await app.connect('/', { transports: ['polling', 'websocket'] });
      await ask(client, 'x');
      await ask(client, 'x');

      expect({ forHttp, forSocket: runs.entries }).toEqual({
        forHttp: ['Express middleware', 'Nest middleware'],
        forSocket: [],
      });
    });

    it('K7 global guards can tell an event from an HTTP request', async () => {
      const types = new Journal();
      const guard: CanActivate = {
        canActivate(context) {
          types.add(context.getType());
          return true;
        },
      };
      @Controller()
      class PageController {
        @Get()
        page() {
          return 'page';
        }
      }
      @SocketGateway()
      class EchoGateway {
        @OnEvent('x')
        x() {
          return 'x';
        }
      }
      const app = await startApp({
        controllers: [PageController],
        providers: [EchoGateway],
        prepare: (nest) => nest.useGlobalGuards(guard),
      });

      await fetch(app.url);
      await ask(await app.connect(), 'x');

      expect(types.entries).toEqual(['http', 'ws']);
    });
  });

  describe('two applications in one process', () => {
    @Injectable()
    class Name {
      value = '';
    }

    @SocketGateway()
    class SharedGateway {
      constructor(private readonly name: Name) {}

      @OnConnect()
      connect() {
        joinRoom('lobby');
      }

      @OnEvent('who')
      who() {
        return { own: this.name.value, current: currentApp.get(Name).value };
      }

      @OnEvent('shout')
      shout(text: string) {
        emit('heard', text, { broadcast: true });
        emit('heard in room', text, { to: 'lobby' });
        currentApp.get(SocketIO).emit('announced', text);
      }
    }

    async function two() {
      const name = (value: string) => (app: INestApplication) => void (app.get(Name).value = value);
      const providers = [SharedGateway, Name];
      const red = await startApp({ providers, prepare: name('red') });
      const blue = await startApp({ providers, prepare: name('blue'), options: { alwaysConnect: true } });
      return { red, blue };
    }

    it('know nothing of each other: providers and currentApp are their own', async () => {
      const { red, blue } = await two();
      const [inRed, inBlue] = [await red.connect(), await blue.connect()];

      const answers = await Promise.all([ask(inRed, 'who'), ask(inBlue, 'who')]);

      expect(answers).toEqual([[{ own: 'red', current: 'red' }], [{ own: 'blue', current: 'blue' }]]);
    });

    it('know nothing of each other: broadcasts and rooms stay in one', async () => {
      const { red, blue } = await two();
      const [inRed, inBlue] = [await red.connect(), await blue.connect()];
      const received = [inbox(inRed), inbox(inBlue)];

      inRed.emit('shout', 'hello');
      await ask(inRed, 'who');
      await flushed(inRed, inBlue);

      expect(received).toEqual([
        [
          ['heard', 'hello'],
          ['heard in room', 'hello'],
          ['announced', 'hello'],
        ],
        [],
      ]);
    });

    it('know nothing of each other: handlers added at run time serve one', async () => {
      const { red, blue } = await two();
      red.get(SocketIO).onEvent('extra', () => 'red only');
      const [inRed, inBlue] = [await red.connect(), await blue.connect()];

      const answer = await ask(inRed, 'extra');
      const answeredInBlue = new Journal();
      inBlue.emit('extra', answeredInBlue.add);
      await flushed(inBlue);

      expect({ answer, answeredInBlue: answeredInBlue.entries }).toEqual({
        answer: ['red only'],
        answeredInBlue: [],
      });
    });

    it('know nothing of each other: one goes on when the other has stopped', async () => {
      const { red, blue } = await two();
      const inBlue = await blue.connect();

      await red.close();

      expect(await ask(inBlue, 'who')).toEqual([{ own: 'blue', current: 'blue' }]);
    });

    it('know nothing of each other: only a module that is imported twice in one is refused', async () => {
      const twice = startApp({ imports: [FlaskSocketModule.forRoot({ debug: true })] });

      await expect(twice).rejects.toThrow(/FSK_MODULE_TWICE/);
    });
  });
});
