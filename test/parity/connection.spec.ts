import {
  Catch,
  ForbiddenException,
  Injectable,
  UseFilters,
  UseGuards,
  type CanActivate,
  type ExceptionFilter,
} from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import {
  Auth,
  ConnectionRefusedError,
  OnConnect,
  OnDisconnect,
  OnError,
  OnErrorDefault,
  OnEvent,
  Reason,
  SocketGateway,
  SocketIO,
  disconnect,
  emit,
  joinRoom,
  request,
  rooms,
  send,
} from 'nestjs-flask-socket';
import type { Namespace, Socket as ServerSocket } from 'socket.io';
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { ask, flushed, inbox, next, refusal, startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Wire } from '../support/wire.js';

const REJECTED = 'Connection rejected by server';
const WEBSOCKET = { transports: ['websocket'] };

/** A namespace as the server keeps it. */
function namespaceOf(app: RunningApp, name = '/'): Namespace {
  return app.get(SocketIO).server.of(name);
}

/** What a namespace keeps of its clients: all of it is empty when nobody is left. */
function leftIn(app: RunningApp, name = '/'): Record<string, number> {
  const namespace = namespaceOf(app, name);
  const { _preConnectSockets: pending } = namespace as unknown as {
    _preConnectSockets: Map<string, unknown>;
  };
  const { rooms: inRooms, sids } = namespace.adapter;
  return { sockets: namespace.sockets.size, pending: pending.size, rooms: inRooms.size, sids: sids.size };
}

const NOTHING = { sockets: 0, pending: 0, rooms: 0, sids: 0 };

describe('a connection', () => {
  describe('C1 @OnConnect', () => {
    it('C1 runs before the client is told that it is connected', async () => {
      const started = new Journal();
      const gate = new Gate();
      @SocketGateway()
      class SlowGateway {
        @OnConnect()
        async connect() {
          started.add('connect');
          await gate.opened;
        }
      }
      const app = await startApp({ providers: [SlowGateway] });
      const wire = await Wire.open(app);

      wire.send('40');
      await started.has('connect');
      await wire.flushed();
      const before = wire.names;
      gate.open();
      await wire.find((packet) => packet.startsWith('40'));

      expect({ before, after: wire.names }).toEqual({ before: [], after: ['CONNECT'] });
    });

    it('C1 runs once per namespace', async () => {
      const runs = new Journal();
      @SocketGateway('*')
      class AnyGateway {
        @OnConnect()
        connect() {
          runs.add(request.namespace);
        }
      }
      const app = await startApp({ providers: [AnyGateway], options: { namespaces: ['/', '/chat'] } });

      const client = await app.connect('/');
      await app.also(client, '/chat');

      expect(runs.entries).toEqual(['/', '/chat']);
    });

    it('C1 runs once for a client that asks twice while it is being decided about', async () => {
      const runs = new Journal();
      const gate = new Gate();
      @SocketGateway()
      class SlowGateway {
        @OnConnect()
        async connect() {
          runs.add('connect');
          await gate.opened;
        }
      }
      const app = await startApp({ providers: [SlowGateway] });
      const wire = await Wire.open(app);

      wire.send('40');
      wire.send('40');
      await wire.flushed();
      gate.open();
      await wire.find((packet) => packet.startsWith('40'));
      await wire.flushed();

      expect({ runs: runs.entries, names: wire.names, left: leftIn(app) }).toEqual({
        runs: ['connect'],
        names: ['CONNECT'],
        left: { sockets: 1, pending: 0, rooms: 1, sids: 1 },
      });
    });

    it('C1 sends the acceptance, then what @OnConnect emitted, in its order, before anything else', async () => {
      @SocketGateway()
      class GreetingGateway {
        @OnConnect()
        async connect() {
          emit('to itself');
          joinRoom('lobby');
          await Promise.resolve();
          emit('to the room', 1, { to: 'lobby' });
          emit('to everybody', Buffer.from('bytes'), { broadcast: true });
          send('unnamed');
        }
      }
      const app = await startApp({ providers: [GreetingGateway] });
      namespaceOf(app).on('connection', (socket) => socket.emit('later'));
      const wire = await Wire.open(app);

      wire.send('40');
      await wire.find((packet) => packet.includes('later'));

      expect(wire.names).toEqual([
        'CONNECT',
        'to itself',
        'to the room',
        expect.stringMatching(/^451-\["to everybody"/),
        'message',
        'later',
      ]);
    });

    it('C1 reaches the others in a room and by broadcast at once, while it still runs', async () => {
      const gate = new Gate();
      @SocketGateway()
      class GreetingGateway {
        @OnConnect()
        async connect(auth?: { late: boolean }) {
          joinRoom('lobby');
          if (!auth?.late) return;
          emit('to the room', request.sid, { to: 'lobby' });
          emit('to everybody', request.sid, { broadcast: true });
          await gate.opened;
        }
      }
      const app = await startApp({ providers: [GreetingGateway] });
      const first = await app.connect();
      const received = inbox(first);

      const everybody = next(first, 'to everybody');
      const second = app.open('/', { ...WEBSOCKET, auth: { late: true } });
      await everybody;
      const { connected } = second;
      gate.open();

      expect({ connected, received: received.map(([name]) => name) }).toEqual({
        connected: false,
        received: ['to the room', 'to everybody'],
      });
    });

    it('C1 includes the connecting client in what SocketIO sends from @OnConnect', async () => {
      @SocketGateway()
      class Gateway {
        constructor(private readonly socketio: SocketIO) {}

        @OnConnect()
        connect() {
          joinRoom('lobby');
          this.socketio.emit('to everybody', 1);
          this.socketio.emit('to a room', 2, { to: 'lobby' });
          this.socketio.emit('to me', 3, { to: request.sid });
          this.socketio.emit('elsewhere', 4, { namespace: '/other' });
        }
      }
      const app = await startApp({ providers: [Gateway] });
      const client = app.open('/', WEBSOCKET);
      const received = inbox(client);

      await next(client, 'to me');

      expect(received).toEqual([
        ['to everybody', 1],
        ['to a room', 2],
        ['to me', 3],
      ]);
    });

    it('C1 drops what was emitted to a client that is refused', async () => {
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        connect() {
          joinRoom('lobby');
          emit('to itself');
          emit('to the room', 1, { to: 'lobby' });
          emit('to everybody', 1, { broadcast: true });
          return false;
        }
      }
      const app = await startApp({ providers: [RefusingGateway] });
      const wire = await Wire.open(app);

      wire.send('40');
      await wire.flushed();

      expect(wire.packets).toEqual([`44{"message":"${REJECTED}"}`]);
    });
  });

  describe('C2 returning false', () => {
    it('C2 refuses the client with "Connection rejected by server"', async () => {
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        connect() {
          return false;
        }
      }
      const app = await startApp({ providers: [RefusingGateway] });

      const error = await refusal(app.open());

      expect(error.message).toBe(REJECTED);
    });

    it('C2 refuses the client when a promise says false', async () => {
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        async connect() {
          return Promise.resolve(false);
        }
      }
      const app = await startApp({ providers: [RefusingGateway] });

      const error = await refusal(app.open());

      expect(error.message).toBe(REJECTED);
    });

    it.each([[undefined], [null], [0], [''], [Number.NaN], [true], ['no'], [{}]])(
      'C2 accepts the client when @OnConnect returns %j',
      async (answer) => {
        @SocketGateway()
        class AcceptingGateway {
          @OnConnect()
          connect() {
            return answer;
          }
        }
        const app = await startApp({ providers: [AcceptingGateway] });

        const client = await app.connect();

        expect(client.connected).toBe(true);
      },
    );

    it('C2 runs no disconnect handler for a refused client', async () => {
      const left = new Journal();
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        connect(auth?: { refuse: boolean }) {
          return !auth?.refuse;
        }

        @OnDisconnect()
        disconnect() {
          left.add(request.sid);
        }
      }
      const app = await startApp({ providers: [RefusingGateway] });
      const refused = app.open('/', { ...WEBSOCKET, auth: { refuse: true } });
      await refusal(refused);
      refused.close();
      const accepted = await app.connect();
      const { id } = accepted;

      accepted.close();

      expect(await left.reached(1)).toEqual([id]);
    });

    it('C2 leaves nothing in rooms, among sockets, and no listener on the connection', async () => {
      const sockets: ServerSocket[] = [];
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        async connect() {
          joinRoom('lobby');
          await Promise.resolve();
          joinRoom('staff');
          return false;
        }
      }
      const app = await startApp({ providers: [RefusingGateway], options: { limits: false } });
      namespaceOf(app).use((socket, done) => {
        sockets.push(socket);
        done();
      });
      const listeners = () =>
        Object.fromEntries(
          sockets.flatMap(({ conn }) =>
            conn.eventNames().map((name) => [String(name), conn.listenerCount(name)]),
          ),
        );
      const wire = await Wire.open(app);

      wire.send('40');
      await wire.find((packet) => packet.startsWith('44{'));

      expect({ left: leftIn(app), listeners: listeners(), rooms: sockets[0]?.rooms.size }).toEqual({
        left: NOTHING,
        listeners: { close: 2, data: 1, error: 1 },
        rooms: 0,
      });
    });

    it('C2 leaves no timer when a refused client has gone', async () => {
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        connect() {
          return false;
        }
      }
      const app = await startApp({ providers: [RefusingGateway] });
      const { engine } = app.get(SocketIO).server;
      const gone = new Journal();
      engine.on('connection', (connection: NodeJS.EventEmitter) =>
        connection.on('close', () => gone.add('gone')),
      );
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      const refuseOne = async (count: number) => {
        const wire = await Wire.open(app);
        wire.send('40');
        await wire.find((packet) => packet.startsWith('44'));
        wire.socket.terminate();
        await gone.reached(count);
      };
      await refuseOne(1);
      const before = timers();

      await refuseOne(2);
      await refuseOne(3);

      expect(timers()).toBeLessThanOrEqual(before);
    });
  });

  describe('C3 throwing', () => {
    /** The refusal of an application whose @OnConnect throws, with an error handler that answers. */
    async function refusalBy(thrown: unknown, answer?: unknown) {
      const asked = new Journal<unknown>();
      @SocketGateway()
      class ThrowingGateway {
        @OnConnect()
        connect() {
          throw thrown;
        }

        @OnError()
        failed(error: unknown) {
          asked.add(error);
          return answer;
        }
      }
      const app = await startApp({ providers: [ThrowingGateway] });
      const { message, data } = await refusal(app.open('/', WEBSOCKET));
      return { message, data, asked: asked.entries, log: app.log.of('error') };
    }

    it('C3 refuses with the message and the data of a ConnectionRefusedError', async () => {
      const { message, data } = await refusalBy(new ConnectionRefusedError('no token', { retry: false }));

      expect({ message, data }).toEqual({ message: 'no token', data: { retry: false } });
    });

    it.each([[undefined], ['']])('C3 says C2’s words when the message is %j', async (given) => {
      const { message } = await refusalBy(new ConnectionRefusedError(given));

      expect(message).toBe(REJECTED);
    });

    it('C3 passes the error handlers by with a ConnectionRefusedError', async () => {
      const { asked, log } = await refusalBy(new ConnectionRefusedError('no token'), true);

      expect({ asked, log }).toEqual({ asked: [], log: [] });
    });

    it('C3 passes exception filters by with a ConnectionRefusedError', async () => {
      const caught = new Journal<unknown>();
      @Catch()
      class EveryFilter implements ExceptionFilter {
        catch(error: unknown) {
          caught.add(error);
          return true;
        }
      }
      @UseFilters(EveryFilter)
      @SocketGateway()
      class ThrowingGateway {
        @OnConnect()
        connect() {
          throw new ConnectionRefusedError('no token');
        }
      }
      const app = await startApp({ providers: [ThrowingGateway] });

      const { message } = await refusal(app.open());

      expect({ message, caught: caught.entries }).toEqual({ message: 'no token', caught: [] });
    });

    it('C3 tells the client something even if the data of the refusal cannot be sent', async () => {
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;

      const { message, log } = await refusalBy(new ConnectionRefusedError('no token', cyclic));

      expect({ message, log }).toEqual({
        message: 'no token',
        log: [expect.stringContaining('cannot be sent')],
      });
    });

    it('C3 hands any other error to the error handlers', async () => {
      const error = new TypeError('broken');

      const { asked } = await refusalBy(error);

      expect(asked).toEqual([error]);
    });

    it.each([[undefined], [null], [false], ['true'], [1], [{ ok: true }]])(
      'C3 refuses with a safe message when the error handler returns %j',
      async (answer) => {
        const { message, data } = await refusalBy(new Error('secret'), answer);

        expect({ message, data }).toEqual({ message: 'Internal server error', data: undefined });
      },
    );

    it('C3 accepts the client when the error handler returns true', async () => {
      @SocketGateway()
      class ForgivingGateway {
        @OnConnect()
        connect() {
          throw new Error('broken');
        }

        @OnError()
        failed() {
          return true;
        }
      }
      const app = await startApp({ providers: [ForgivingGateway] });

      const client = await app.connect();

      expect(client.connected).toBe(true);
    });

    it('C3 passes on the words of Nest’s own exceptions', async () => {
      const ws = await refusalBy(new WsException('no seats'));
      const http = await refusalBy(new ForbiddenException('members only'));

      expect([ws.message, http.message]).toEqual(['no seats', 'members only']);
    });

    it.each<[string, () => boolean]>([
      ['says no', () => false],
      [
        'throws',
        () => {
          throw new WsException('Forbidden resource');
        },
      ],
    ])('C3 refuses finally when a guard %s, whatever the error handler returns', async (_, verdict) => {
      const connects = new Journal();
      @Injectable()
      class StrictGuard implements CanActivate {
        canActivate = verdict;
      }
      @UseGuards(StrictGuard)
      @SocketGateway()
      class GuardedGateway {
        @OnConnect()
        connect() {
          connects.add('connect');
        }

        @OnErrorDefault()
        failed() {
          return true;
        }
      }
      const app = await startApp({ providers: [GuardedGateway] });

      const { message } = await refusal(app.open());

      expect({ message, connects: connects.entries }).toEqual({
        message: 'Forbidden resource',
        connects: [],
      });
    });

    it.each<[string, () => unknown]>([
      ['throws', () => { throw new Error('second secret'); }], // prettier-ignore
      ['rejects', () => Promise.reject(new Error('second secret'))],
    ])('C3 refuses with a safe message when the error handler itself %s', async (_, answer) => {
      @SocketGateway()
      class BrokenGateway {
        @OnConnect()
        connect() {
          throw new Error('first secret');
        }

        @OnError()
        failed() {
          return answer();
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });

      const { message } = await refusal(app.open());

      expect(message).toBe('Internal server error');
    });
  });

  describe('C4 auth', () => {
    @SocketGateway()
    class AuthGateway {
      @OnConnect()
      connect(plain: unknown, @Auth() decorated: unknown) {
        emit('auth', {
          plain: plain ?? 'none',
          decorated: decorated ?? 'none',
          count: request.event.args.length,
        });
      }
    }

    it('C4 reaches the handler as its argument and through @Auth()', async () => {
      const app = await startApp({ providers: [AuthGateway] });
      const client = app.open('/', { ...WEBSOCKET, auth: { token: 'abc' } });

      const [seen] = await next(client, 'auth');

      expect(seen).toEqual({ plain: { token: 'abc' }, decorated: { token: 'abc' }, count: 1 });
    });

    it('C4 is undefined if the client gave none', async () => {
      const app = await startApp({ providers: [AuthGateway] });
      const client = app.open('/', WEBSOCKET);

      const [seen] = await next(client, 'auth');

      expect(seen).toMatchObject({ plain: 'none', decorated: 'none' });
    });
  });

  describe('C5 a namespace without a connect handler', () => {
    @SocketGateway()
    class HandlersGateway {
      @OnEvent('x', '/with-event')
      onEvent() {}

      @OnDisconnect('/with-disconnect')
      onDisconnect() {}

      @OnError('/with-error')
      onError() {}

      @OnEvent('x', '*')
      onAny() {}
    }

    it.each([['/with-event'], ['/with-disconnect'], ['/with-error'], ['/']])(
      'C5 accepts: %s',
      async (name) => {
        const app = await startApp({ providers: [HandlersGateway] });

        const client = await app.connect(name);

        expect(client.connected).toBe(true);
      },
    );

    it('C5 accepts if it stands in option namespaces', async () => {
      const app = await startApp({ options: { namespaces: ['/named'] } });

      const client = await app.connect('/named');

      expect(client.connected).toBe(true);
    });

    it("C5 accepts, whatever its name, with namespaces: '*'", async () => {
      const app = await startApp({ options: { namespaces: '*' } });

      const client = await app.connect('/whatever/7');

      expect(client.connected).toBe(true);
    });

    it.each([['/other'], ['/with-even'], ['/with-event/x']])(
      'C5 refuses with "Invalid namespace" if it is unknown: %s',
      async (name) => {
        const app = await startApp({ providers: [HandlersGateway] });

        const error = await refusal(app.open(name));

        expect(error.message).toBe('Invalid namespace');
      },
    );

    it('C5 refuses / if option namespaces leaves it out and it has no handler', async () => {
      const app = await startApp({ options: { namespaces: ['/named'] } });

      const error = await refusal(app.open('/'));

      expect(error.message).toBe('Invalid namespace');
    });
  });

  describe('C6 alwaysConnect', () => {
    /** An application that has accepted a client whose @OnConnect is still pending. */
    async function pending(verdict: () => unknown) {
      const gate = new Gate();
      const journal = new Journal();
      @SocketGateway()
      class SlowGateway {
        @OnConnect()
        async connect() {
          journal.add('connect');
          await gate.opened;
          journal.add('decided');
          return verdict();
        }

        @OnEvent('x')
        event() {
          journal.add('event');
          return 'handled';
        }

        @OnDisconnect()
        async left(@Reason() reason: string) {
          await Promise.resolve();
          journal.add(`left: ${reason}`);
        }
      }
      const app = await startApp({ providers: [SlowGateway], options: { alwaysConnect: true } });
      const client = await app.connect();
      return { app, client, gate, journal };
    }

    it('C6 accepts before @OnConnect has ended', async () => {
      const { client, journal } = await pending(() => undefined);

      expect({ connected: client.connected, journal: journal.entries }).toEqual({
        connected: true,
        journal: ['connect'],
      });
    });

    it.each<[string, () => unknown]>([
      ['false', () => false],
      ['a ConnectionRefusedError', () => Promise.reject(new ConnectionRefusedError('no'))],
      ['an error', () => Promise.reject(new Error('broken'))],
    ])('C6 disconnects after a refusal by %s, and no disconnect handler runs', async (_, verdict) => {
      const { app, client, gate, journal } = await pending(verdict);
      const ended = next(client, 'disconnect');

      gate.open();
      const [reason] = await ended;
      await flushed(await app.connect().catch(() => client));

      expect({ reason, left: journal.entries.filter((entry) => entry.startsWith('left')) }).toEqual({
        reason: 'io server disconnect',
        left: [],
      });
    });

    it('C6 disconnects after a refusal that takes no time', async () => {
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        connect() {
          return false;
        }
      }
      const app = await startApp({ providers: [RefusingGateway], options: { alwaysConnect: true } });
      const wire = await Wire.open(app);

      wire.send('40');
      await wire.flushed();

      expect({ names: wire.names, left: leftIn(app) }).toEqual({ names: ['CONNECT', '41'], left: NOTHING });
    });

    it('C6 keeps events that arrive meanwhile until @OnConnect has ended', async () => {
      const { client, gate, journal } = await pending(() => undefined);

      const answer = ask(client, 'x');
      await flushed(client);
      const before = [...journal.entries];
      gate.open();
      const values = await answer;

      expect({ before, after: journal.entries, values }).toEqual({
        before: ['connect'],
        after: ['connect', 'decided', 'event'],
        values: ['handled'],
      });
    });

    it('C6 never handles events that arrived before a refusal', async () => {
      const { client, gate, journal } = await pending(() => false);
      client.emit('x');
      await flushed(client);
      const ended = next(client, 'disconnect');

      gate.open();
      await ended;

      expect(journal.entries).toEqual(['connect', 'decided']);
    });

    it('C6 runs the disconnect handler once, after @OnConnect, for a client that leaves meanwhile', async () => {
      const { app, client, gate, journal } = await pending(() => undefined);
      const gone = new Journal();
      namespaceOf(app).sockets.forEach((socket) => socket.on('disconnect', () => gone.add('gone')));

      client.disconnect();
      await gone.has('gone');
      gate.open();
      await journal.reached(3);
      await app.app.close();

      expect({ journal: journal.entries, left: leftIn(app) }).toEqual({
        journal: ['connect', 'decided', 'left: client namespace disconnect'],
        left: NOTHING,
      });
    });

    it('C6 runs no disconnect handler for a client that leaves and is refused then', async () => {
      const { app, client, gate, journal } = await pending(() => false);
      const gone = new Journal();
      namespaceOf(app).sockets.forEach((socket) => socket.on('disconnect', () => gone.add('gone')));

      client.disconnect();
      await gone.has('gone');
      gate.open();
      await journal.has('decided');
      await app.app.close();

      expect(journal.entries).toEqual(['connect', 'decided']);
    });

    it('C6 lets @OnConnect emit to the client that is connected already', async () => {
      @SocketGateway()
      class GreetingGateway {
        @OnConnect()
        connect() {
          emit('hello');
          emit('hello all', 1, { broadcast: true });
        }
      }
      const app = await startApp({ providers: [GreetingGateway], options: { alwaysConnect: true } });
      const wire = await Wire.open(app);

      wire.send('40');
      await wire.flushed();

      expect(wire.names).toEqual(['CONNECT', 'hello', 'hello all']);
    });
  });

  describe('C7 @OnDisconnect', () => {
    type Leave = (client: Socket, app: RunningApp) => unknown;

    /** Everything that a disconnect handler saw, for one client that left. */
    async function goodbyes(leave: Leave, options = {}) {
      const seen = new Journal<{ reason: string; rooms: string[]; later: string[] }>();
      @SocketGateway()
      class RoomGateway {
        @OnConnect()
        connect() {
          joinRoom('lobby');
          joinRoom(7);
        }

        @OnEvent('leave')
        leave() {
          disconnect();
        }

        @OnDisconnect()
        async left(@Reason() reason: string) {
          const before = rooms();
          emit('left', request.sid, { to: 'lobby' });
          await Promise.resolve();
          await new Promise((resolve) => setImmediate(resolve));
          emit('left later', request.sid, { to: 'lobby' });
          seen.add({ reason, rooms: before, later: rooms() });
        }
      }
      const app = await startApp({ providers: [RoomGateway], options });
      const other = await app.connect();
      const received = inbox(other);
      const client = await app.connect('/', { autoConnect: true });
      const { id } = client;
      await leave(client, app);
      await seen.reached(1);
      await flushed(other);
      return { seen: seen.entries, received, id };
    }

    const WAYS: [way: string, reason: string, leave: Leave][] = [
      ['the client leaves', 'client namespace disconnect', (client) => client.disconnect()],
      ['the client’s transport ends', 'transport close', (client) => client.io.engine.close()],
      ['a handler ends it', 'server namespace disconnect', (client) => client.emit('leave')],
      [
        'the application ends it',
        'server namespace disconnect',
        (client, app) => app.get(SocketIO).disconnect({ sid: String(client.id) }),
      ],
      [
        'the application ends its transport',
        'server namespace disconnect',
        (client, app) => namespaceOf(app).sockets.get(String(client.id))?.disconnect(true),
      ],
    ];

    it.each(WAYS)('C7 gets the reason, once, and still sees the rooms when %s', async (_, reason, leave) => {
      const { seen, id } = await goodbyes(leave);

      const all = [id, 'lobby', '7'];
      expect(seen).toEqual([{ reason, rooms: all, later: all }]);
    });

    it('C7 reaches the others in a room, before and after it has waited', async () => {
      const { received, id } = await goodbyes((client) => client.disconnect());

      expect(received).toEqual([
        ['left', id],
        ['left later', id],
      ]);
    });

    it('C7 runs once for a client that answers no heartbeat', async () => {
      const reasons = new Journal();
      @SocketGateway()
      class GoodbyeGateway {
        @OnDisconnect()
        left(reason: string) {
          reasons.add(reason);
        }
      }
      const app = await startApp({
        providers: [GoodbyeGateway],
        options: { pingInterval: 100, pingTimeout: 50 },
      });
      const wire = await Wire.open(app, { answersPings: false });

      wire.send('40');
      await wire.closed();

      expect(await reasons.reached(1)).toEqual(['ping timeout']);
    });

    it('C7 runs once when the application stops', async () => {
      const reasons = new Journal();
      @SocketGateway()
      class GoodbyeGateway {
        @OnDisconnect()
        left(reason: string) {
          reasons.add(reason);
        }
      }
      const app = await startApp({ providers: [GoodbyeGateway] });
      await app.connect();

      await app.close();

      expect(reasons.entries).toEqual(['server shutting down']);
    });

    it('C7 runs once, with the rooms, for a client that went while it was being accepted', async () => {
      const gate = new Gate();
      const journal = new Journal<unknown>();
      @SocketGateway()
      class SlowGateway {
        @OnConnect()
        async connect(auth?: { slow: boolean }) {
          joinRoom('lobby');
          if (!auth?.slow) return;
          journal.add('connect');
          await gate.opened;
        }

        @OnDisconnect()
        left(reason: string) {
          journal.add({ reason, rooms: rooms().slice(1) });
          emit('left', reason, { to: 'lobby' });
        }
      }
      const app = await startApp({ providers: [SlowGateway] });
      const other = await app.connect();
      const left = next(other, 'left');
      const closed = new Journal();
      app
        .get(SocketIO)
        .server.engine.on('connection', (connection: NodeJS.EventEmitter) =>
          connection.on('close', () => closed.add('closed')),
        );
      const client = app.open('/', { ...WEBSOCKET, auth: { slow: true } });
      await journal.has('connect');

      client.close();
      await closed.has('closed');
      const before = [...journal.entries];
      gate.open();
      await left;
      await flushed(other);

      expect({ before, after: journal.entries, left: leftIn(app) }).toEqual({
        before: ['connect'],
        after: ['connect', { reason: 'transport close', rooms: ['lobby'] }],
        left: { sockets: 1, pending: 0, rooms: 2, sids: 1 },
      });
    });

    it('C7 runs not at all for a client that went before it was refused', async () => {
      const gate = new Gate();
      const journal = new Journal();
      @SocketGateway()
      class SlowGateway {
        @OnConnect()
        async connect() {
          journal.add('connect');
          await gate.opened;
          journal.add('refused');
          return false;
        }

        @OnDisconnect()
        left() {
          journal.add('left');
        }
      }
      const app = await startApp({ providers: [SlowGateway] });
      const closed = new Journal();
      app
        .get(SocketIO)
        .server.engine.on('connection', (connection: NodeJS.EventEmitter) =>
          connection.on('close', () => closed.add('closed')),
        );
      const client = app.open('/', WEBSOCKET);
      await journal.has('connect');

      client.close();
      await closed.has('closed');
      gate.open();
      await app.app.close();

      expect({ journal: journal.entries, left: leftIn(app) }).toEqual({
        journal: ['connect', 'refused'],
        left: NOTHING,
      });
    });

    it.each<[string, () => unknown]>([
      ['throws', () => { throw new Error('broken'); }], // prettier-ignore
      ['rejects', () => Promise.reject(new Error('broken'))],
    ])('C7 keeps no rooms alive when it %s', async (_, fail) => {
      @SocketGateway()
      class BrokenGateway {
        @OnConnect()
        connect() {
          joinRoom('lobby');
        }

        @OnDisconnect()
        left() {
          return fail();
        }

        @OnError()
        failed() {
          throw new Error('broken, too');
        }
      }
      const app = await startApp({ providers: [BrokenGateway] });
      const client = await app.connect();
      const gone = new Journal();
      namespaceOf(app).sockets.forEach((socket) => socket.on('disconnect', () => gone.add('gone')));

      client.disconnect();
      await gone.has('gone');

      expect(leftIn(app)).toEqual(NOTHING);
    });
  });

  describe('C8 connect and disconnect handlers', () => {
    async function twoNamespaces() {
      const journal = new Journal();
      @SocketGateway()
      class TwoGateway {
        @OnDisconnect('/')
        root() {
          journal.add('left /');
        }

        @OnDisconnect('/chat')
        chat() {
          journal.add('left /chat');
        }
      }
      const app = await startApp({ providers: [TwoGateway] });
      const root = await app.connect('/');
      const chat = await app.also(root, '/chat');
      return { app, root, chat, journal };
    }

    it('C8 run for each connected namespace when the transport is lost', async () => {
      const { root, journal } = await twoNamespaces();

      root.io.engine.close();

      expect((await journal.reached(2)).toSorted()).toEqual(['left /', 'left /chat']);
    });

    it('C8 leave the other namespaces of the connection alone', async () => {
      const { root, chat, journal } = await twoNamespaces();

      chat.disconnect();
      await journal.reached(1);
      await flushed(root);

      expect({ journal: journal.entries, connected: root.connected }).toEqual({
        journal: ['left /chat'],
        connected: true,
      });
    });

    it('C8 refuse one namespace without touching another', async () => {
      @SocketGateway('/closed')
      class ClosedGateway {
        @OnConnect()
        connect() {
          return false;
        }
      }
      const app = await startApp({ providers: [ClosedGateway] });
      const root = await app.connect('/');

      const error = await app.also(root, '/closed').catch((thrown: Error) => thrown.message);
      await flushed(root);

      expect({ error, connected: root.connected }).toEqual({ error: REJECTED, connected: true });
    });
  });

  describe('C9 disconnect()', () => {
    it('C9 tells the client, runs the disconnect handler and lets the calling handler go on', async () => {
      const journal = new Journal<unknown>();
      @SocketGateway()
      class ExitGateway {
        @OnEvent('leave')
        leave() {
          joinRoom('lobby');
          disconnect();
          emit('to itself');
          emit('to the room', 1, { to: 'lobby' });
          emit('to everybody', 1, { broadcast: true });
          journal.add({ rooms: rooms() });
        }

        @OnDisconnect()
        left(reason: string) {
          journal.add(reason);
        }
      }
      const app = await startApp({ providers: [ExitGateway] });
      const client = await app.connect();
      const received = inbox(client);
      const ended = next(client, 'disconnect');

      client.emit('leave');
      const [reason] = await ended;
      await journal.reached(2);

      expect({ reason, received, journal: journal.entries }).toEqual({
        reason: 'io server disconnect',
        received: [],
        journal: ['server namespace disconnect', { rooms: [] }],
      });
    });

    it('C9 ends the client that sid names', async () => {
      @SocketGateway()
      class KickGateway {
        @OnEvent('kick')
        kick(sid: string) {
          disconnect({ sid });
          return rooms({ sid });
        }
      }
      const app = await startApp({ providers: [KickGateway] });
      const moderator = await app.connect();
      const troll = await app.connect();
      const ended = next(troll, 'disconnect');

      const answer = await ask(moderator, 'kick', troll.id);

      expect({ answer, reason: await ended, connected: moderator.connected }).toEqual({
        answer: [[]],
        reason: expect.arrayContaining(['io server disconnect']),
        connected: true,
      });
    });

    it('C9 ends the same client’s connection in the namespace that is named', async () => {
      const left = new Journal();
      @SocketGateway()
      class ExitGateway {
        @OnEvent('leave chat')
        leave() {
          disconnect({ namespace: '/chat' });
          return rooms({ namespace: '/chat' });
        }

        @OnDisconnect('/chat')
        left() {
          left.add(request.sid);
        }
      }
      const app = await startApp({ providers: [ExitGateway] });
      const root = await app.connect('/');
      const chat = await app.also(root, '/chat');
      const other = await app.connect('/chat');
      const { id } = chat;

      const answer = await ask(root, 'leave chat');
      await flushed(root, other);

      expect({
        answer,
        left: left.entries,
        root: root.connected,
        chat: chat.connected,
        other: other.connected,
      }).toEqual({ answer: [[]], left: [id], root: true, chat: false, other: true });
    });

    it('C9 ends the client that sid and namespace name', async () => {
      @SocketGateway()
      class KickGateway {
        @OnEvent('kick')
        kick(sid: string) {
          disconnect({ sid, namespace: '/chat' });
        }

        @OnEvent('x', '/chat')
        chat() {}
      }
      const app = await startApp({ providers: [KickGateway] });
      const moderator = await app.connect('/');
      const troll = await app.connect('/chat');
      const ended = next(troll, 'disconnect');

      moderator.emit('kick', troll.id);

      expect(await ended).toEqual(expect.arrayContaining(['io server disconnect']));
    });

    it('C9 does nothing for a client that is unknown or not in the namespace', async () => {
      @SocketGateway()
      class KickGateway {
        @OnEvent('kick')
        kick() {
          disconnect({ sid: 'nobody' });
          disconnect({ namespace: '/nowhere' });
          return 'went on';
        }
      }
      const app = await startApp({ providers: [KickGateway] });
      const client = await app.connect();

      const answer = await ask(client, 'kick');

      expect({ answer, connected: client.connected }).toEqual({ answer: ['went on'], connected: true });
    });

    it('C9 is the last that the client hears: what @OnDisconnect() emits reaches the others', async () => {
      @SocketGateway()
      class LastWordsGateway {
        constructor(private readonly socketio: SocketIO) {}

        @OnConnect()
        connect() {
          joinRoom('lobby');
        }

        @OnEvent('leave')
        leave() {
          disconnect();
        }

        @OnDisconnect()
        async left() {
          const { sid } = request;
          emit('own', 1);
          emit('room', 1, { to: 'lobby' });
          emit('sid', 1, { to: sid });
          emit('all', 1, { broadcast: true });
          this.socketio.server.to('lobby').emit('raw', 1);
          const gone = await this.socketio.call('ask', 1, { to: sid }).catch(({ code }) => code as string);
          emit('gone', gone, { to: 'lobby' });
        }
      }
      const app = await startApp({ providers: [LastWordsGateway] });
      const other = await app.connect();
      const received = inbox(other);
      const wire = await Wire.open(app);
      await wire.join();
      const gone = next(other, 'gone');

      wire.send('42["leave"]');
      await gone;
      await wire.flushed();

      expect(wire.packets.slice(1)).toEqual(['41']);
      expect(received).toEqual([
        ['room', 1],
        ['all', 1],
        ['raw', 1],
        ['gone', 'FSK_CALL_NO_RECIPIENT'],
      ]);
    });

    it('C9 refuses the client when @OnConnect calls it', async () => {
      @SocketGateway()
      class RefusingGateway {
        @OnConnect()
        connect() {
          disconnect();
        }
      }
      const app = await startApp({ providers: [RefusingGateway] });

      const error = await refusal(app.open());

      expect(error.message).toBe(REJECTED);
    });

    it('C9 runs no second disconnect handler when the first one calls it', async () => {
      const left = new Journal();
      @SocketGateway()
      class EagerGateway {
        @OnDisconnect()
        left() {
          left.add('left');
          disconnect();
        }
      }
      const app = await startApp({ providers: [EagerGateway] });
      const client = await app.connect();

      client.disconnect();
      await left.has('left');
      await app.app.close();

      expect({ left: left.entries, kept: leftIn(app) }).toEqual({ left: ['left'], kept: NOTHING });
    });
  });

  describe('C10 an event', () => {
    async function slowConnect() {
      const gate = new Gate();
      const journal = new Journal();
      @SocketGateway('/slow')
      class SlowGateway {
        @OnConnect()
        async connect() {
          journal.add('connect');
          await gate.opened;
          journal.add('connected');
        }

        @OnEvent('x')
        event() {
          journal.add('event');
        }

        @OnEvent('x', '/')
        elsewhere() {
          return 'elsewhere';
        }
      }
      const app = await startApp({ providers: [SlowGateway] });
      return { app, gate, journal };
    }

    it('C10 never overtakes its own connection’s @OnConnect', async () => {
      const { app, gate, journal } = await slowConnect();
      const client = app.open('/slow', WEBSOCKET);
      client.emit('x');

      await journal.has('connect');
      await flushed(client);
      gate.open();
      await journal.has('event');

      expect(journal.entries).toEqual(['connect', 'connected', 'event']);
    });

    it('C10 never overtakes it for a client that waits for nothing', async () => {
      const { app, gate, journal } = await slowConnect();
      const wire = await Wire.open(app);

      wire.send('40/slow,');
      wire.send('42/slow,["x"]');
      await journal.has('connect');
      await wire.flushed();
      gate.open();
      await journal.has('event');

      expect(journal.entries).toEqual(['connect', 'connected', 'event']);
    });

    it('C10 of another namespace does not wait for it', async () => {
      const { app, gate, journal } = await slowConnect();
      const root = await app.connect('/');
      const slow = app.also(root, '/slow');
      await journal.has('connect');

      const answer = await ask(root, 'x');
      gate.open();
      await slow;

      expect(answer).toEqual(['elsewhere']);
    });
  });
});
