/*
 * The snippets of Flask-SocketIO's documentation, in its order, as gateways. Each is tried with the test client and
 * with socket.io-client over a port.
 */
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import {
  args,
  Auth,
  currentApp,
  disconnect,
  emit,
  FlaskSocketModule,
  g,
  joinRoom,
  leaveRoom,
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
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import type { AppOptions } from '../support/app.js';
import { inProcess, overPort } from '../support/drivers.js';

const drivers = [
  ['the test client', inProcess],
  ['socket.io-client', overPort],
] as const;

describe.each(drivers)('the documentation, with %s:', (_, start) => {
  const serve = (gateway: new (...values: never[]) => object, more: AppOptions = {}) =>
    start({ ...more, providers: [gateway, ...(more.providers ?? [])] });

  describe('initialization', () => {
    it('I1 a page connects and emits', async () => {
      const received: unknown[] = [];
      @SocketGateway()
      class PageGateway {
        @OnEvent('my event')
        handle(json: object) {
          received.push(json);
        }
      }
      @Module({ imports: [FlaskSocketModule.forRoot({ logger: false })], providers: [PageGateway] })
      class AppModule {}
      const world = await start({ module: { module: AppModule } });
      const client = await world.connect();

      await client.emit('my event', { data: "I'm connected!" });

      expect(received).toEqual([{ data: "I'm connected!" }]);
    });
  });

  describe('receiving messages', () => {
    /** A gateway that notes what one event brings. */
    function noting(event: string, namespace?: string) {
      const received: unknown[][] = [];
      @SocketGateway()
      class NotingGateway {
        @OnEvent(event, namespace)
        handle(...values: unknown[]) {
          received.push(values);
        }
      }
      return { received, NotingGateway };
    }

    it.each([
      ['message', ['hello']],
      ['json', [{ a: 1 }]],
    ])('V1 the unnamed event %s', async (event, values) => {
      const { received, NotingGateway } = noting(event);
      const client = await (await serve(NotingGateway)).connect();

      await client.emit(event, ...values);

      expect(received).toEqual([values]);
    });

    it.each([
      ['a string', 'text'],
      ['bytes', Buffer.from([0, 255])],
      ['a number', 42],
      ['JSON', { list: [1, { deep: null }] }],
    ])('V2 V3 a custom event with %s', async (__, value) => {
      const { received, NotingGateway } = noting('my event');
      const client = await (await serve(NotingGateway)).connect();

      await client.emit('my event', value);

      expect(received).toEqual([[value]]);
    });

    it('V4 a custom event with several arguments', async () => {
      const seen: string[] = [];
      @SocketGateway()
      class ArgumentsGateway {
        @OnEvent('my event')
        handle(arg1: string, arg2: string, arg3: string) {
          seen.push(`received args: ${arg1}${arg2}${arg3}`);
        }
      }
      const client = await (await serve(ArgumentsGateway)).connect();

      await client.emit('my event', 'a', 'b', 'c');

      expect(seen).toEqual(['received args: abc']);
    });

    it('V5 an event of a namespace, on the same connection', async () => {
      const { received, NotingGateway } = noting('my event', '/test');
      const client = await (await serve(NotingGateway)).connect();
      const test = await client.also('/test');

      await client.emit('my event', 'global');
      await test.emit('my event', 'test');

      expect(received).toEqual([['test']]);
    });

    it.each([
      ["'one', 2 as two arguments", args('one', 2), ['one', 2]],
      ['nothing as none', undefined, []],
    ])('V6 the acknowledgement, %s', async (__, answer, expected) => {
      @SocketGateway()
      class AnsweringGateway {
        @OnEvent('my event')
        handle() {
          return answer;
        }
      }
      const client = await (await serve(AnsweringGateway)).connect();

      expect(await client.ask('my event', {})).toEqual(expected);
    });
  });

  describe('sending messages', () => {
    @SocketGateway()
    class BouncingGateway {
      @OnEvent('message')
      message(message: string) {
        send(message);
      }

      @OnEvent('json')
      json(json: object) {
        send(json, { json: true });
      }

      @OnEvent('my event')
      handle(json: object) {
        emit('my response', json);
      }
    }

    it.each([
      ['message', 'hello', ['message', 'hello']],
      ['json', { a: 1 }, ['json', { a: 1 }]],
      ['my event', { a: 1 }, ['my response', { a: 1 }]],
    ])('E1 E2 bounces %s back to its sender', async (event, value, expected) => {
      const world = await serve(BouncingGateway);
      const [client, other] = [await world.connect(), await world.connect()];

      await client.emit(event, value);

      expect(client.received()).toEqual([expected]);
      expect(other.received()).toEqual([]);
    });

    it('E3 replies in the namespace of the event', async () => {
      @SocketGateway('/chat')
      class ChatGateway {
        @OnEvent('my event')
        handle(json: object) {
          emit('my response', json);
        }
      }
      const client = await (await serve(ChatGateway, { options: { namespaces: ['/'] } })).connect();
      const chat = await client.also('/chat');

      await chat.emit('my event', 1);

      expect(chat.received()).toEqual([['my response', 1]]);
      expect(client.received()).toEqual([]);
    });

    it('E3 E4 replies in another namespace', async () => {
      @SocketGateway()
      class OtherGateway {
        @OnEvent('message')
        message(message: string) {
          send(message, { namespace: '/chat' });
        }

        @OnEvent('my event')
        handle(json: object) {
          emit('my response', json, { namespace: '/chat' });
        }
      }
      const client = await (await serve(OtherGateway, { options: { namespaces: ['/', '/chat'] } })).connect();
      const chat = await client.also('/chat');

      await client.emit('message', 'hello');
      await client.emit('my event', { a: 1 });

      expect(chat.received()).toEqual([
        ['message', 'hello'],
        ['my response', { a: 1 }],
      ]);
      expect(client.received()).toEqual([]);
    });

    it('E5 sends an event with several arguments', async () => {
      @SocketGateway('/chat')
      class TupleGateway {
        @OnEvent('my event')
        handle(json: object) {
          emit('my response', args('foo', 'bar', json), { namespace: '/chat' });
        }
      }
      const client = await (await serve(TupleGateway)).connect('/chat');

      await client.emit('my event', { a: 1 });

      expect(client.received()).toEqual([['my response', 'foo', 'bar', { a: 1 }]]);
    });

    it('E6 calls the callback with what the client answers', async () => {
      const answers: unknown[] = [];
      @SocketGateway()
      class AskingGateway {
        @OnEvent('my event')
        handle(json: object) {
          emit('my response', json, { callback: (answer: unknown) => answers.push(answer) });
        }
      }
      const client = await (await serve(AskingGateway)).connect();
      client.answer('my response', 'received');

      await client.emit('my event', { a: 1 });

      expect(answers).toEqual(['received']);
      expect(client.received()).toEqual([['my response', { a: 1 }]]);
    });

    it("V6 answers the client's callback with three arguments", async () => {
      @SocketGateway()
      class AnsweringGateway {
        @OnEvent('my event')
        handle() {
          return args('foo', 'bar', 123);
        }
      }
      const client = await (await serve(AnsweringGateway)).connect();

      expect(await client.ask('my event')).toEqual(['foo', 'bar', 123]);
    });
  });

  describe('broadcasting', () => {
    const called: unknown[] = [];
    @SocketGateway()
    class BroadcastingGateway {
      @OnEvent('my event')
      handle(data: unknown) {
        emit('my response', data, { broadcast: true });
      }

      @OnEvent('asking event')
      ask(data: unknown) {
        emit('my response', data, { broadcast: true, callback: () => called.push(data) });
      }
    }

    it('B1 reaches all clients, the sender included', async () => {
      const world = await serve(BroadcastingGateway);
      const clients = [await world.connect(), await world.connect(), await world.connect()];

      await clients[0]!.emit('my event', 42);

      expect(clients.map((client) => client.received())).toEqual(clients.map(() => [['my response', 42]]));
    });

    it('B1 stays in its namespace', async () => {
      const world = await serve(BroadcastingGateway, { options: { namespaces: ['/', '/chat'] } });
      const [client, chat] = [await world.connect(), await world.connect('/chat')];

      await client.emit('my event', 42);

      expect(chat.received()).toEqual([]);
    });

    it('B2 invokes no callback', async () => {
      const world = await serve(BroadcastingGateway);
      const client = await world.connect();
      client.answer('my response', 'received');

      await client.emit('asking event', 42);

      expect(client.received()).toEqual([['my response', 42]]);
      expect(called).toEqual([]);
    });

    it('B3 begins in the server', async () => {
      @Injectable()
      class SomeService {
        constructor(private readonly socketio: SocketIO) {}

        someFunction() {
          this.socketio.emit('some event', { data: 42 });
          this.socketio.send('hello');
        }
      }
      const world = await serve(BroadcastingGateway, { providers: [SomeService] });
      const clients = [await world.connect(), await world.connect()];

      world.get(SomeService).someFunction();
      await world.settled();

      const expected = [['some event', { data: 42 }], ['message', 'hello']]; // prettier-ignore
      expect(clients.map((client) => client.received())).toEqual([expected, expected]);
    });
  });

  describe('rooms', () => {
    @SocketGateway()
    class RoomGateway {
      @OnEvent('join')
      join({ username, room }: { username: string; room: string }) {
        joinRoom(room);
        send(`${username} has entered the room.`, { room });
      }

      @OnEvent('leave')
      leave({ username, room }: { username: string; room: string }) {
        leaveRoom(room);
        send(`${username} has left the room.`, { room });
      }

      @OnEvent('whisper')
      whisper(sid: string, text: string) {
        send(text, { room: sid });
      }

      @OnEvent('rooms')
      list() {
        return { sid: request.sid, rooms: rooms() };
      }
    }

    const entered = (username: string) => ['message', `${username} has entered the room.`];

    it('M1 are joined and left', async () => {
      const world = await serve(RoomGateway);
      const [one, two] = [await world.connect(), await world.connect()];

      await one.emit('join', { username: 'one', room: 'a' });
      await two.emit('join', { username: 'two', room: 'a' });
      await one.emit('leave', { username: 'one', room: 'a' });

      expect(one.received()).toEqual([entered('one'), entered('two')]);
      expect(two.received()).toEqual([entered('two'), ['message', 'one has left the room.']]);
    });

    it('M2 M5 begin with the one of the client, named by its sid', async () => {
      const client = await (await serve(RoomGateway)).connect();

      expect(await client.ask('rooms')).toEqual([{ sid: client.sid, rooms: [client.sid] }]);
    });

    it('M2 B5 address one client by its sid', async () => {
      const world = await serve(RoomGateway);
      const [one, two] = [await world.connect(), await world.connect()];

      await one.emit('whisper', two.sid, 'psst');

      expect(two.received()).toEqual([['message', 'psst']]);
      expect(one.received()).toEqual([]);
    });

    it('M3 M6 are left when the client disconnects', async () => {
      const world = await serve(RoomGateway);
      const [one, two] = [await world.connect(), await world.connect()];
      await one.emit('join', { username: 'one', room: 'a' });
      await two.emit('join', { username: 'two', room: 'a' });

      await one.disconnect();

      const members = await world.get(SocketIO).members('a');
      expect(members.map(({ sid }) => sid)).toEqual([two.sid]);
    });

    it('B3 are reached from the server', async () => {
      const world = await serve(RoomGateway);
      const [one, two] = [await world.connect(), await world.connect()];
      await one.emit('join', { username: 'one', room: 'a' });
      one.received();

      world.get(SocketIO).send('hello', { room: 'a' });
      world.get(SocketIO).emit('news', 1, { room: 'a' });
      await world.settled();

      expect(one.received()).toEqual([['message', 'hello'], ['news', 1]]); // prettier-ignore
      expect(two.received()).toEqual([]);
    });
  });

  describe('connection events', () => {
    it('C1 the connect handler emits', async () => {
      @SocketGateway('/chat')
      class ChatGateway {
        @OnConnect()
        connect() {
          emit('my response', { data: 'Connected' });
        }
      }
      const world = await serve(ChatGateway);
      const client = await world.connect('/chat');
      await world.settled();

      expect(client.received()).toEqual([['my response', { data: 'Connected' }]]);
    });

    it('C7 the disconnect handler runs', async () => {
      let disconnected: ((reason: string) => void) | undefined;
      const reason = new Promise<string>((resolve) => (disconnected = resolve));
      @SocketGateway('/chat')
      class ChatGateway {
        @OnDisconnect()
        disconnect(why: string) {
          disconnected?.(why);
        }
      }
      const client = await (await serve(ChatGateway)).connect('/chat');

      await client.disconnect();

      expect(await reason).toMatch(/client namespace disconnect|transport close/);
    });

    it('C2 C4 the connect handler returns false', async () => {
      @SocketGateway('/chat')
      class ChatGateway {
        @OnConnect()
        connect(@Auth() auth?: { token?: string }) {
          return auth?.token === 'right';
        }
      }
      const world = await serve(ChatGateway);

      await expect(world.connect('/chat')).rejects.toThrow('Connection rejected by server');
      expect((await world.connect('/chat', { auth: { token: 'right' } })).isConnected).toBe(true);
    });

    it('C8 each namespace has its own', async () => {
      const journal: string[] = [];
      @SocketGateway()
      class TwoGateway {
        @OnConnect()
        connect() {
          journal.push('connect /');
        }

        @OnConnect('/chat')
        connectChat() {
          journal.push('connect /chat');
        }

        @OnDisconnect('/chat')
        disconnectChat() {
          journal.push('disconnect /chat');
        }

        @OnDisconnect()
        disconnected() {
          journal.push('disconnect /');
        }
      }
      const client = await (await serve(TwoGateway)).connect();
      const chat = await client.also('/chat');

      await chat.disconnect();

      expect(journal).toEqual(['connect /', 'connect /chat', 'disconnect /chat']);
      expect(client.isConnected).toBe(true);
    });
  });

  describe('error handling', () => {
    @SocketGateway()
    class FailingGateway {
      static readonly inspected: unknown[] = [];

      @OnEvent('my error event')
      fail(_data: unknown) {
        throw new Error('global');
      }

      @OnEvent('my error event', '/chat')
      failInChat() {
        throw new Error('chat');
      }

      @OnEvent('my error event', '/other')
      async failElsewhere(_data: unknown) {
        throw new Error('other');
      }

      @OnError()
      handle(error: Error) {
        return `global handler: ${error.message}`;
      }

      @OnError('/chat')
      handleChat(error: Error) {
        return `chat handler: ${error.message}`;
      }

      @OnErrorDefault()
      handleDefault(error: Error) {
        FailingGateway.inspected.push(request.event.message, request.event.args);
        return `default handler: ${error.message}`;
      }
    }

    it.each([
      ['/', 'global handler: global'],
      ['/chat', 'chat handler: chat'],
      ['/other', 'default handler: other'],
    ])('X1 X2 of namespace %s', async (namespace, answer) => {
      const client = await (await serve(FailingGateway)).connect(namespace);

      expect(await client.ask('my error event', 1)).toEqual([answer]);
    });

    it('X3 the event can be inspected', async () => {
      const client = await (await serve(FailingGateway)).connect('/other');
      FailingGateway.inspected.length = 0;

      await client.ask('my error event', { a: 1 });

      expect(FailingGateway.inspected).toEqual(['my error event', [{ a: 1 }]]);
    });
  });

  describe('context globals', () => {
    it('K1 the application and an empty g', async () => {
      @Injectable()
      class Answers {
        readonly all = 42;
      }
      @SocketGateway()
      class GlobalsGateway {
        @OnEvent('my event')
        handle() {
          const before = { ...g };
          g['user'] = 'miguel';
          return args(currentApp.get(Answers).all, before, { ...g });
        }
      }
      const client = await (await serve(GlobalsGateway, { providers: [Answers] })).connect();

      expect(await client.ask('my event')).toEqual([42, {}, { user: 'miguel' }]);
      expect(await client.ask('my event')).toEqual([42, {}, { user: 'miguel' }]);
    });

    it('K2 K3 the request that opened the connection, with sid, namespace and event', async () => {
      @SocketGateway('/chat')
      class RequestGateway {
        @OnEvent('my event')
        handle(_data: unknown) {
          const { sid, namespace, event, headers } = request;
          return { sid, namespace, message: event.message, args: event.args, header: headers['x-test'] };
        }
      }
      const world = await serve(RequestGateway);
      const client = await world.connect('/chat', { headers: { 'x-test': 'yes' } });

      expect(await client.ask('my event', 1)).toEqual([
        { sid: client.sid, namespace: '/chat', message: 'my event', args: [1], header: 'yes' },
      ]);
    });

    it('K5 a session that is kept for the connection, and forked from that of others', async () => {
      @SocketGateway()
      class SessionGateway {
        @OnEvent('count')
        count() {
          session['count'] = Number(session['count'] ?? 0) + 1;
          return session['count'];
        }
      }
      const world = await serve(SessionGateway);
      const [one, two] = [await world.connect(), await world.connect()];

      await one.ask('count');

      expect(await one.ask('count')).toEqual([2]);
      expect(await two.ask('count')).toEqual([1]);
    });

    it('K7 no HTTP middleware for each event', async () => {
      let requests = 0;
      @Controller()
      class PageController {
        @Get()
        page() {}
      }
      @SocketGateway()
      class CountingGateway {
        @OnEvent('requests')
        count() {
          return requests;
        }
      }
      const world = await serve(CountingGateway, {
        controllers: [PageController],
        prepare: (app) =>
          app.use((_request: unknown, _response: unknown, next: () => void) => {
            requests++;
            next();
          }),
      });
      const client = await world.connect();

      expect([await client.ask('requests'), await client.ask('requests')]).toEqual([[0], [0]]);
    });

    it('V9 custom decorators', async () => {
      const loudly: MethodDecorator = (_target, _name, descriptor) => {
        const method = descriptor.value as unknown as (...values: unknown[]) => string;
        descriptor.value = function loud(this: unknown, ...values: unknown[]) {
          return `${method.apply(this, values)}!`;
        } as never;
      };
      @SocketGateway()
      class DecoratedGateway {
        @OnEvent('my event')
        @loudly
        handle(text: string) {
          return text;
        }
      }
      const client = await (await serve(DecoratedGateway)).connect();

      expect(await client.ask('my event', 'hello')).toEqual(['hello!']);
    });
  });

  describe('authentication', () => {
    const names: Record<string, string> = { 'secret-of-miguel': 'miguel' };
    const currentUser = () => names[String(request.headers['authorization'])];

    /** Disconnects users who are not known. */
    const authenticatedOnly: MethodDecorator = (_target, _name, descriptor) => {
      const method = descriptor.value as unknown as (...values: unknown[]) => unknown;
      descriptor.value = function wrapped(this: unknown, ...values: unknown[]) {
        if (currentUser() === undefined) return disconnect();
        return method.apply(this, values);
      } as never;
    };

    @SocketGateway()
    class UserGateway {
      @OnConnect('/members')
      connect() {
        if (currentUser() === undefined) return false; // not allowed here
        emit('my response', { message: `${currentUser()} has joined` }, { broadcast: true });
      }

      @OnEvent('my event')
      @authenticatedOnly
      handle() {
        emit('my response', { message: `${currentUser()} has joined` }, { broadcast: true });
      }
    }

    const miguel = { headers: { authorization: 'secret-of-miguel' } };
    const joined = ['my response', { message: 'miguel has joined' }];

    it('A2 refuses an unknown user at connect', async () => {
      const world = await serve(UserGateway);
      const client = await world.connect('/members', miguel);
      await world.settled();

      await expect(world.connect('/members')).rejects.toThrow('Connection rejected by server');
      expect(client.received()).toEqual([joined]);
    });

    it('A2 C9 disconnects an unknown user by a custom decorator', async () => {
      const world = await serve(UserGateway);
      const [known, unknown] = [await world.connect('/', miguel), await world.connect()];

      await known.emit('my event', 1);
      await unknown.emit('my event', 1);

      expect(known.received()).toEqual([joined]);
      expect([known.isConnected, unknown.isConnected]).toEqual([true, false]);
    });
  });
});
