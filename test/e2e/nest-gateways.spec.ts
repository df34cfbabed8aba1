import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inject, Injectable, Scope, UseGuards, type CanActivate } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import {
  ConnectedSocket as NestConnectedSocket,
  MessageBody as NestMessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import {
  Ack,
  ConnectedSocket,
  MessageBody,
  OnConnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  emit,
  joinRoom,
  request,
} from 'nestjs-flask-socket';
import { of } from 'rxjs';
import type { Namespace, Server, Socket } from 'socket.io';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, bootError, connected, flushed, inbox, next, refusal, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

describe('beside Nest’s own gateways', () => {
  describe('on the same server, path and namespace', () => {
    const journal = new Journal();

    @WebSocketGateway()
    class NestGateway implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect {
      @WebSocketServer() server!: Server;

      afterInit(server: Server) {
        journal.add(`afterInit: ${server === this.server}`);
      }

      handleConnection(client: Socket) {
        journal.add(`handleConnection: ${client.connected}`);
        client.emit('welcome', 'Nest');
      }

      handleDisconnect(_client: Socket, reason: string) {
        journal.add(`handleDisconnect: ${reason}`);
      }

      @SubscribeMessage('nest')
      nest(@NestMessageBody() data: unknown, @NestConnectedSocket() client: Socket) {
        return { nest: data, id: client.id };
      }

      @SubscribeMessage('nest event')
      nestEvent() {
        return { event: 'answer', data: 'as an event' };
      }

      @SubscribeMessage('nest stream')
      nestStream() {
        return of('streamed');
      }

      @SubscribeMessage('nest fails')
      nestFails() {
        throw new WsException('no');
      }

      @SubscribeMessage('nest joins')
      async nestJoins(client: Socket) {
        await client.join('lobby');
        return 'joined';
      }

      @SubscribeMessage('nest shouts')
      nestShouts() {
        this.server.to('lobby').emit('heard', 'from Nest');
        return 'shouted';
      }
    }

    @SocketGateway()
    class OurGateway {
      @OnConnect()
      connect(auth?: { refuse: boolean }) {
        if (auth?.refuse) return false;
        emit('welcome', 'ours');
      }

      @OnEvent('ours')
      ours(data: unknown) {
        return { ours: data, id: request.sid };
      }

      @OnEvent('we join')
      weJoin() {
        joinRoom('lobby');
        return 'joined';
      }

      @OnEvent('we shout')
      weShout() {
        emit('heard', 'from us', { to: 'lobby' });
        return 'shouted';
      }
    }

    const start = async () => {
      const app = await startApp({ providers: [NestGateway, OurGateway] });
      journal.entries.length = 0;
      return app;
    };

    it('both answer, each its own events', async () => {
      const app = await start();
      const client = await app.connect();

      const answers = [await ask(client, 'nest', 'a'), await ask(client, 'ours', 'b')];

      expect(answers).toEqual([[{ nest: 'a', id: client.id }], [{ ours: 'b', id: client.id }]]);
    });

    it('both work by polling and by WebSocket', async () => {
      const app = await start();
      const client = await app.connect('/', { transports: ['polling'] });

      const answers = [await ask(client, 'nest', 'a'), await ask(client, 'ours', 'b')];

      expect(answers).toEqual([[{ nest: 'a', id: client.id }], [{ ours: 'b', id: client.id }]]);
    });

    it('Nest’s answers keep their forms: an event, a stream, an exception', async () => {
      const app = await start();
      const client = await app.connect();
      const event = next(client, 'answer');
      const exception = next(client, 'exception');

      client.emit('nest event');
      client.emit('nest fails', 'data');
      const stream = await ask(client, 'nest stream');

      expect({ event: await event, exception: await exception, stream }).toEqual({
        event: ['as an event'],
        exception: [expect.objectContaining({ status: 'error', message: 'no' })],
        stream: ['streamed'],
      });
    });

    it('handleConnection and handleDisconnect run, after @OnConnect has accepted', async () => {
      const app = await start();
      const client = app.open('/', { transports: ['websocket'] });
      const received = inbox(client);
      await connected(client);
      await ask(client, 'ours');

      client.disconnect();
      await journal.reached(2);

      expect({ received, journal: journal.entries }).toEqual({
        received: [
          ['welcome', 'ours'],
          ['welcome', 'Nest'],
        ],
        journal: ['handleConnection: true', 'handleDisconnect: client namespace disconnect'],
      });
    });

    it('handleConnection does not run for a client that @OnConnect refuses', async () => {
      const app = await start();

      await refusal(app.open('/', { auth: { refuse: true } }));
      await app.connect();

      expect(journal.entries).toEqual(['handleConnection: true']);
    });

    it('rooms are the same for both', async () => {
      const app = await start();
      const [first, second, third] = [await app.connect(), await app.connect(), await app.connect()];
      const received = [first, second, third].map((client) => inbox(client));
      await ask(first, 'nest joins');
      await ask(second, 'we join');

      await ask(third, 'nest shouts');
      await ask(third, 'we shout');
      await flushed(first, second, third);

      const heard = [
        ['heard', 'from Nest'],
        ['heard', 'from us'],
      ];
      expect(received).toEqual([heard, heard, []]);
    });

    it('the server is one and the same', async () => {
      const app = await start();

      expect(app.get(NestGateway).server).toBe(app.get(SocketIO).server);
    });
  });

  describe('in other namespaces', () => {
    it('Nest’s namespaces accept clients without a handler of ours', async () => {
      @WebSocketGateway({ namespace: '/nest' })
      class NestGateway {
        @WebSocketServer() server!: Namespace;

        @SubscribeMessage('x')
        x() {
          return this.server.name;
        }
      }
      const app = await startApp({ providers: [NestGateway] });

      const answer = await ask(await app.connect('/nest'), 'x');

      expect(answer).toEqual(['/nest']);
    });

    it('two gateways, one of each kind, share one namespace', async () => {
      @WebSocketGateway({ namespace: '/shared' })
      class NestGateway {
        @SubscribeMessage('nest')
        nest() {
          return 'nest';
        }
      }
      @SocketGateway('/shared')
      class OurGateway {
        @OnEvent('ours')
        ours() {
          return 'ours';
        }
      }
      const app = await startApp({ providers: [OurGateway, NestGateway] });
      const client = await app.connect('/shared');

      const answers = [await ask(client, 'nest'), await ask(client, 'ours')];

      expect(answers).toEqual([['nest'], ['ours']]);
    });

    it('a regular expression as a namespace works, also beside our patterns', async () => {
      const connections = new Journal();
      @WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
      class NestGateway {
        handleConnection(client: Socket) {
          connections.add(client.nsp.name);
        }

        @SubscribeMessage('x')
        x(@NestConnectedSocket() client: Socket) {
          return client.nsp.name;
        }
      }
      @SocketGateway('/job/:id')
      class OurGateway {
        @OnEvent('x')
        x() {
          return request.params['id'];
        }
      }
      const app = await startApp({ providers: [NestGateway, OurGateway] });
      const [first, second] = [await app.connect('/tenant-1'), await app.connect('/tenant-22')];
      const job = await app.connect('/job/7');

      const answers = await Promise.all([ask(first, 'x'), ask(second, 'x'), ask(job, 'x')]);
      const unknown = await refusal(app.open('/tenant-x'));

      expect({ answers, connections: connections.entries, unknown: unknown.message }).toEqual({
        answers: [['/tenant-1'], ['/tenant-22'], ['7']],
        connections: ['/tenant-1', '/tenant-22'],
        unknown: 'Invalid namespace',
      });
    });

    it('events of Nest’s namespaces reach our handlers for every namespace', async () => {
      @WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
      class NestGateway {
        @SubscribeMessage('nest')
        nest() {
          return 'nest';
        }
      }
      @SocketGateway('*')
      class EveryGateway {
        @OnEvent('ours')
        ours() {
          return request.namespace;
        }
      }
      const app = await startApp({ providers: [NestGateway, EveryGateway] });
      const client = await app.connect('/tenant-1');

      const answers = [await ask(client, 'nest'), await ask(client, 'ours')];

      expect(answers).toEqual([['nest'], ['/tenant-1']]);
    });

    it('a regular expression’s namespace serves a second client after the first has gone', async () => {
      @WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
      class NestGateway {
        @SubscribeMessage('x')
        x() {
          return 'x';
        }
      }
      const app = await startApp({ providers: [NestGateway] });
      const gone = new Journal();
      const first = await app.connect('/tenant-1');
      app
        .get(SocketIO)
        .server.of('/tenant-1')
        .sockets.forEach((socket) => socket.on('disconnect', () => gone.add('gone')));
      first.disconnect();
      await gone.has('gone');

      const answer = await ask(await app.connect('/tenant-1'), 'x');

      expect(answer).toEqual(['x']);
    });

    it('a Nest gateway on an event of ours answers beside us, and the client hears the first answer', async () => {
      const heard = new Journal();
      @WebSocketGateway()
      class NestGateway {
        @SubscribeMessage('both')
        both() {
          heard.add('nest');
          return 'nest';
        }
      }
      @SocketGateway()
      class OurGateway {
        @OnEvent('both')
        both() {
          heard.add('ours');
          return 'ours';
        }
      }
      const app = await startApp({ providers: [NestGateway, OurGateway] });

      const answer = await ask(await app.connect(), 'both');
      await heard.reached(2);

      expect({ answer, heard: heard.entries.toSorted() }).toEqual({
        answer: ['ours'],
        heard: ['nest', 'ours'],
      });
    });
  });

  describe('Nest’s decorators in our gateways', () => {
    it('@MessageBody() is the data: the only argument, or an array of several', async () => {
      @SocketGateway()
      class OurGateway {
        @OnEvent('x')
        x(@MessageBody() data: unknown) {
          return [data ?? 'nothing'];
        }
      }
      const app = await startApp({ providers: [OurGateway] });
      const client = await app.connect();

      const answers = [
        await ask(client, 'x', { a: 1 }),
        await ask(client, 'x', 1, 2),
        await ask(client, 'x'),
      ];

      expect(answers).toEqual([[[{ a: 1 }]], [[[1, 2]]], [['nothing']]]);
    });

    it("@MessageBody('key') is one of its keys", async () => {
      @SocketGateway()
      class OurGateway {
        @OnEvent('x')
        x(@MessageBody('room') room: unknown) {
          return [room ?? 'nothing'];
        }
      }
      const app = await startApp({ providers: [OurGateway] });
      const client = await app.connect();

      const answers = [
        await ask(client, 'x', { room: 'lobby' }),
        await ask(client, 'x', {}),
        await ask(client, 'x', null),
        await ask(client, 'x'),
      ];

      expect(answers).toEqual([[['lobby']], [['nothing']], [['nothing']], [['nothing']]]);
    });

    it('@ConnectedSocket() is the client’s socket, between arguments', async () => {
      @SocketGateway()
      class OurGateway {
        @OnEvent('x')
        x(first: unknown, @ConnectedSocket() client: Socket, second: unknown) {
          return [first, client.id, second];
        }
      }
      const app = await startApp({ providers: [OurGateway] });
      const client = await app.connect();

      const answer = await ask(client, 'x', 'a', 'b');

      expect(answer).toEqual([['a', client.id, 'b']]);
    });

    it('@Ack() is the acknowledgement, and what is returned is not one', async () => {
      @SocketGateway()
      class OurGateway {
        @OnEvent('x')
        x(@Ack() acknowledge: (...values: unknown[]) => void) {
          acknowledge('one', 2);
          return 'returned';
        }
      }
      const app = await startApp({ providers: [OurGateway] });

      const answer = await ask(await app.connect(), 'x');

      expect(answer).toEqual(['one', 2]);
    });

    it('WsException is the client’s to read', async () => {
      @SocketGateway()
      class OurGateway {
        @OnEvent('x')
        x() {
          throw new WsException('no seats');
        }
      }
      const app = await startApp({ providers: [OurGateway] });
      const client = await app.connect();
      const exception = next(client, 'exception');

      const answer = await ask(client, 'x');

      const safe = [{ status: 'error', message: 'no seats' }];
      expect([answer, await exception]).toEqual([safe, safe]);
    });

    it('@WebSocketServer() is the server in a gateway of the default namespace', async () => {
      @SocketGateway()
      class OurGateway {
        @WebSocketServer() server!: Server;
      }

      const app = await startApp({ providers: [OurGateway] });

      expect(app.get(OurGateway).server).toBe(app.get(SocketIO).server);
    });

    it('@WebSocketServer() is the namespace in a gateway that has one', async () => {
      @SocketGateway('/chat')
      class OurGateway {
        @WebSocketServer() server!: Namespace;

        @OnEvent('x')
        x() {
          this.server.emit('heard', this.server.name);
        }
      }
      const app = await startApp({ providers: [OurGateway] });
      const client = await app.connect('/chat');
      const heard = next(client, 'heard');

      client.emit('x');

      expect(await heard).toEqual(['/chat']);
    });

    it('@WebSocketServer() is the server in a gateway of all namespaces', async () => {
      @SocketGateway('*')
      class OurGateway {
        @WebSocketServer() server!: Server;
      }

      const app = await startApp({ providers: [OurGateway] });

      expect(app.get(OurGateway).server).toBe(app.get(SocketIO).server);
    });

    it('@WebSocketServer() is there in request-scoped gateways, at every event', async () => {
      @SocketGateway('/chat', { scope: Scope.REQUEST })
      class OurGateway {
        @WebSocketServer() server!: Namespace;

        constructor(@Inject(REQUEST) private readonly event: { sid: string }) {}

        @OnEvent('x')
        x() {
          return [this.server.name, this.event.sid];
        }
      }
      const app = await startApp({ providers: [OurGateway] });
      const client = await app.connect('/chat');

      const answers = [await ask(client, 'x'), await ask(client, 'x'), await ask(client, 'x')];

      expect(answers).toEqual([[['/chat', client.id]], [['/chat', client.id]], [['/chat', client.id]]]);
    });

    it('@WebSocketServer() is each application’s own', async () => {
      @SocketGateway()
      class OurGateway {
        @WebSocketServer() server!: Server;
      }

      const [red, blue] = [
        await startApp({ providers: [OurGateway] }),
        await startApp({ providers: [OurGateway] }),
      ];

      expect([red, blue].map((app) => app.get(OurGateway).server)).toEqual([
        red.get(SocketIO).server,
        blue.get(SocketIO).server,
      ]);
    });
  });

  describe('a @WebSocketGateway(port)', () => {
    /** A port that nobody listens on right now. */
    async function freePort(): Promise<number> {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return port;
    }

    it('works on its own port, beside ours', async () => {
      const port = await freePort();
      @WebSocketGateway(port)
      class NestGateway {
        @SubscribeMessage('x')
        x() {
          return 'own port';
        }
      }
      @SocketGateway()
      class OurGateway {
        @OnEvent('x')
        x() {
          return 'shared port';
        }
      }
      const app = await startApp({ providers: [NestGateway, OurGateway] });
      const own = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false });
      onTestFinished(() => void own.close());
      const shared = await app.connect();

      const answers = [await ask(own, 'x'), await ask(shared, 'x')];

      expect(answers).toEqual([['own port'], ['shared port']]);
    });

    it('ends with the application', async () => {
      const port = await freePort();
      @WebSocketGateway(port)
      class NestGateway {
        @SubscribeMessage('x')
        x() {
          return 'own port';
        }
      }
      const app = await startApp({ providers: [NestGateway] });
      const own = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false });
      onTestFinished(() => void own.close());
      await connected(own);
      const ended = next(own, 'disconnect');

      await app.close();

      await expect(ended).resolves.toEqual(expect.arrayContaining([expect.any(String)]));
    });
  });

  describe('another adapter', () => {
    it('app.useWebSocketAdapter(new IoAdapter(app)) fails the boot, without a gateway of Nest’s', async () => {
      const error = await bootError({ prepare: (app) => app.useWebSocketAdapter(new IoAdapter(app)) });

      expect({ code: error.code, message: error.message }).toEqual({
        code: 'FSK_ADAPTER_REPLACED',
        message: expect.stringContaining('useWebSocketAdapter(IoAdapter)'),
      });
    });

    it('app.useWebSocketAdapter(new IoAdapter(app)) fails the boot, with a gateway of Nest’s', async () => {
      @WebSocketGateway()
      class NestGateway {
        @SubscribeMessage('x')
        x() {}
      }

      const error = await bootError({
        providers: [NestGateway],
        prepare: (app) => app.useWebSocketAdapter(new IoAdapter(app)),
      });

      expect(error.code).toBe('FSK_ADAPTER_REPLACED');
    });
  });

  it('guards of Nest’s gateways still guard them, and ours ours', async () => {
    const asked = new Journal();
    @Injectable()
    class NotingGuard implements CanActivate {
      canActivate() {
        asked.add('guard');
        return true;
      }
    }
    @WebSocketGateway()
    class NestGateway {
      @UseGuards(NotingGuard)
      @SubscribeMessage('nest')
      nest() {
        return 'nest';
      }
    }
    @SocketGateway()
    class OurGateway {
      @UseGuards(NotingGuard)
      @OnEvent('ours')
      ours() {
        return 'ours';
      }
    }
    const app = await startApp({ providers: [NestGateway, OurGateway] });
    const client = await app.connect();

    await ask(client, 'nest');
    await ask(client, 'ours');

    expect(asked.entries).toEqual(['guard', 'guard']);
  });

  it('an event of Nest’s waits for our @OnConnect, too', async () => {
    const gate = new Gate();
    const journal = new Journal();
    @SocketGateway()
    class OurGateway {
      @OnConnect()
      async connect() {
        journal.add('connect');
        await gate.opened;
        journal.add('connected');
      }
    }
    @WebSocketGateway()
    class NestGateway {
      @SubscribeMessage('x')
      x() {
        journal.add('event');
        return 'x';
      }
    }
    const app = await startApp({ providers: [NestGateway, OurGateway] });
    const client = app.open('/', { transports: ['websocket'] });
    const answer = ask(client, 'x');
    await journal.has('connect');
    await flushed(client);

    gate.open();
    await answer;

    expect(journal.entries).toEqual(['connect', 'connected', 'event']);
  });

  describe('with cors of their own', () => {
    @WebSocketGateway({ cors: { origin: '*' } })
    class OpenGateway {}

    it('N1 leaves the origins of the shared server to corsAllowedOrigins', async () => {
      const app = await startApp({ providers: [OpenGateway] });
      const client = app.open('/', {
        transports: ['websocket'],
        extraHeaders: { origin: 'https://elsewhere.example' },
      });

      await expect(connected(client)).rejects.toThrow('websocket error');
    });

    it('N1 warns of the gateway by name', async () => {
      const app = await startApp({ providers: [OpenGateway] });

      expect(app.log.of('warn')).toEqual([
        expect.stringMatching(/^OpenGateway sets cors.*corsAllowedOrigins/),
      ]);
    });
  });
});
