import { Injectable, Scope, UseGuards, type CanActivate } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  ConnectionRefusedError,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  SocketGateway,
  SocketIO,
  SocketRequest,
  emit,
  joinRoom,
  request,
  session,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, connected, flushed, inbox, next, refusal, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Wire } from '../support/wire.js';

const WEBSOCKET = { transports: ['websocket'] };

describe('not to repeat', () => {
  it('C7 calls a disconnect handler that takes no argument', async () => {
    const left = new Journal();
    @SocketGateway()
    class GoodbyeGateway {
      @OnDisconnect()
      left() {
        left.add('left');
      }
    }
    const app = await startApp({ providers: [GoodbyeGateway] });
    const client = await app.connect();

    client.disconnect();

    expect(await left.reached(1)).toEqual(['left']);
  });

  it('C1 does not run a connect handler again because it threw a TypeError', async () => {
    const runs = new Journal();
    @SocketGateway()
    class BrokenGateway {
      @OnConnect()
      connect() {
        runs.add('connect');
        throw new TypeError('connect() takes 0 positional arguments but 1 was given');
      }
    }
    const app = await startApp({ providers: [BrokenGateway] });

    await refusal(app.open('/', { ...WEBSOCKET, auth: { token: 1 } }));

    expect(runs.entries).toEqual(['connect']);
  });

  it('C3 does not accept the client of a connect handler that raises', async () => {
    const events = new Journal();
    @SocketGateway()
    class BrokenGateway {
      @OnConnect()
      async connect() {
        await Promise.resolve();
        throw new Error('broken');
      }

      @OnEvent('x')
      x() {
        events.add('x');
      }
    }
    const app = await startApp({ providers: [BrokenGateway] });
    const client = app.open('/', WEBSOCKET);
    client.emit('x');

    await refusal(client);
    await flushed(client);

    expect({
      connected: client.connected,
      events: events.entries,
      sockets: app.get(SocketIO).server.sockets.sockets.size,
    }).toEqual({ connected: false, events: [], sockets: 0 });
  });

  it('C3 tells the client of a connect handler that raises', async () => {
    @SocketGateway()
    class BrokenGateway {
      @OnConnect()
      connect() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [BrokenGateway] });

    const { message } = await refusal(app.open('/', WEBSOCKET));

    expect(message).toBe('Internal server error');
  });

  it('C7 leaks no rooms when a disconnect handler raises', async () => {
    const gone = new Gate();
    @SocketGateway()
    class BrokenGateway {
      @OnConnect()
      connect() {
        joinRoom('lobby');
      }

      @OnDisconnect()
      left() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [BrokenGateway] });
    const client = await app.connect();
    const { adapter, sockets } = app.get(SocketIO).server.sockets;
    sockets.forEach((socket) => socket.on('disconnect', gone.open));

    client.disconnect();
    await gone.opened;

    expect([...adapter.rooms.keys(), ...adapter.sids.keys()]).toEqual([]);
  });

  it('V11 calls a handler of every event in every namespace', async () => {
    @SocketGateway('*')
    class EveryGateway {
      @OnEvent('*')
      every(name: string, ...values: unknown[]) {
        return [request.namespace, name, values];
      }
    }
    const app = await startApp({ providers: [EveryGateway], options: { namespaces: ['/', '/chat'] } });
    const [root, chat] = [await app.connect('/'), await app.connect('/chat')];

    const answers = [await ask(root, 'foo', 1), await ask(chat, 'bar', 2, 3)];

    expect(answers).toEqual([[['/', 'foo', [1]]], [['/chat', 'bar', [2, 3]]]]);
  });

  it.each<[string, () => unknown]>([
    ['false', () => false],
    ['an error without a message', () => Promise.reject(new Error())],
    ['a ConnectionRefusedError without a message', () => Promise.reject(new ConnectionRefusedError())],
    ['a ConnectionRefusedError with an empty one', () => Promise.reject(new ConnectionRefusedError(''))],
    ['a string', () => Promise.reject('')],
  ])('C3 never sends an empty connect_error: %s', async (_, refuse) => {
    @SocketGateway()
    class RefusingGateway {
      @OnConnect()
      connect() {
        return refuse();
      }
    }
    const app = await startApp({ providers: [RefusingGateway] });

    const { message } = await refusal(app.open('/', WEBSOCKET));

    expect(message).toMatch(/^(Connection rejected by server|Internal server error)$/);
  });

  it.each<[string, unknown]>([
    ['an Error without a message', new Error('')],
    ['a string', 'no'],
  ])('C3 never sends an empty connect_error for a middleware that refuses with %s', async (_, error) => {
    const app = await startApp();
    app.get(SocketIO).server.use((_socket, done) => done(error as Error));

    const { message } = await refusal(app.open('/', WEBSOCKET));

    expect(message).toBe('Connection rejected by server');
  });

  it('B4 honours includeSelf: false beside skipSid', async () => {
    @SocketGateway()
    class ShoutGateway {
      @OnEvent('shout')
      shout(skipSid: string) {
        emit('heard', 1, { broadcast: true, includeSelf: false, skipSid });
      }
    }
    const app = await startApp({ providers: [ShoutGateway] });
    const clients = [await app.connect(), await app.connect(), await app.connect()] as const;
    const [sender, skipped] = clients;
    const received = clients.map((client) => inbox(client));

    sender.emit('shout', skipped.id);
    await flushed(sender);
    await flushed(...clients);

    expect(received).toEqual([[], [], [['heard', 1]]]);
  });

  it.each([['connect'], ['disconnect'], ['disconnecting'], ['connect_error'], ['connection']])(
    'V2 runs no connect or disconnect handler for a client that emits %j',
    async (name) => {
      const forged = new Journal();
      const runs = new Journal();
      @SocketGateway()
      class LifeGateway {
        @OnConnect()
        @OnDisconnect()
        run(value?: string) {
          runs.add(String(request.event.message));
          if (value === 'forged') forged.add(String(request.event.message));
        }
      }
      const app = await startApp({ providers: [LifeGateway] });
      const wire = await Wire.open(app);
      await wire.join();

      wire.send(`42["${name}","forged"]`);
      await Promise.race([wire.flushed(), wire.closed()]);
      await app.close();

      expect({ forged: forged.entries, runs: runs.entries }).toEqual({
        forged: [],
        runs: ['connect', 'disconnect'],
      });
    },
  );

  it('X3 keeps what a handler wrote into the session before it raised', async () => {
    @SocketGateway()
    class SessionGateway {
      @OnEvent('write')
      async write() {
        session['name'] = 'anna';
        await Promise.resolve();
        throw new Error('broken');
      }

      @OnEvent('read')
      read() {
        return session['name'];
      }

      @OnError()
      failed() {
        return session['name'];
      }
    }
    const app = await startApp({ providers: [SessionGateway] });
    const client = await app.connect();

    const answers = [await ask(client, 'write'), await ask(client, 'read')];

    expect(answers).toEqual([['anna'], ['anna']]);
  });

  it('V6 acknowledges undefined', async () => {
    @SocketGateway()
    class QuietGateway {
      @OnEvent('x')
      x() {}
    }
    const app = await startApp({ providers: [QuietGateway] });

    const answer = await ask(await app.connect(), 'x');

    expect(answer).toEqual([]);
  });

  it('X5 echoes no request data in errors', async () => {
    @SocketGateway()
    class BrokenGateway {
      @OnEvent('x')
      x() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [BrokenGateway] });
    const wire = await Wire.open(app);
    await wire.join();

    wire.send('421["x",{"password":"hunter2"}]');
    await wire.find((packet) => packet.startsWith('431'));

    expect(wire.packets.filter((packet) => packet.includes('hunter2'))).toEqual([]);
  });

  it('X4 goes on when a connect handler throws', async () => {
    @SocketGateway('/x')
    class BrokenGateway {
      @OnConnect()
      connect() {
        throw new Error('broken');
      }

      @OnEvent('x', '/')
      x() {
        return 'still here';
      }
    }
    const app = await startApp({ providers: [BrokenGateway] });
    const client = await app.connect();

    await app.also(client, '/x').catch(() => {});
    const answer = await ask(client, 'x');

    expect(answer).toEqual(['still here']);
  });

  it('C10 handles no event before @OnConnect has ended', async () => {
    const gate = new Gate();
    const journal = new Journal();
    @SocketGateway()
    class SlowGateway {
      @OnConnect()
      async connect() {
        journal.add('connect');
        await gate.opened;
        journal.add('connected');
      }

      @OnEvent('x')
      x() {
        journal.add('event');
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    const client = app.open('/', WEBSOCKET);
    const answer = ask(client, 'x');
    await journal.has('connect');
    await flushed(client);

    gate.open();
    await answer;

    expect(journal.entries).toEqual(['connect', 'connected', 'event']);
  });

  it('V13 does not skip a request-scoped APP_GUARD', async () => {
    const asked = new Journal();
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGuard implements CanActivate {
      constructor(private readonly event: SocketRequest) {}

      canActivate() {
        asked.add(String(this.event.event.message));
        return this.event.event.message !== 'forbidden';
      }
    }
    @SocketGateway()
    class GuardedGateway {
      @OnConnect()
      connect() {}

      @OnEvent('allowed')
      allowed() {
        return 'allowed';
      }

      @OnEvent('forbidden')
      forbidden() {
        return 'allowed';
      }
    }
    const app = await startApp({
      providers: [GuardedGateway, { provide: APP_GUARD, useClass: ScopedGuard }],
    });
    const client = await app.connect();

    const answers = [await ask(client, 'allowed'), await ask(client, 'forbidden')];

    expect({ answers, asked: asked.entries }).toEqual({
      answers: [['allowed'], [{ status: 'error', message: 'Forbidden resource' }]],
      asked: ['connect', 'allowed', 'forbidden'],
    });
  });

  it('V13 guards a connection before its @OnConnect runs', async () => {
    const runs = new Journal();
    class ClosedGuard implements CanActivate {
      canActivate() {
        runs.add('guard');
        return false;
      }
    }
    @UseGuards(ClosedGuard)
    @SocketGateway()
    class GuardedGateway {
      @OnConnect()
      connect() {
        runs.add('connect');
      }
    }
    const app = await startApp({ providers: [GuardedGateway] });

    await refusal(app.open('/', WEBSOCKET));

    expect(runs.entries).toEqual(['guard']);
  });

  it('V12 calls both gateways of one namespace pattern', async () => {
    @SocketGateway('/job/:id')
    class FirstGateway {
      @OnEvent('first')
      first() {
        return `first ${request.params['id']}`;
      }
    }
    @SocketGateway('/job/:id')
    class SecondGateway {
      @OnConnect()
      connect() {
        emit('hello', request.params['id']);
      }

      @OnEvent('second')
      second() {
        return `second ${request.params['id']}`;
      }
    }
    const app = await startApp({ providers: [FirstGateway, SecondGateway] });
    const client = app.open('/job/7', WEBSOCKET);
    const hello = next(client, 'hello');
    await connected(client);

    const answers = [await ask(client, 'first'), await ask(client, 'second')];

    expect({ hello: await hello, answers }).toEqual({
      hello: ['7'],
      answers: [['first 7'], ['second 7']],
    });
  });
});
