import { Injectable, Scope, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway, WebSocketServer, WsException } from '@nestjs/websockets';
import {
  ConnectedSocket,
  ConnectionRefusedError,
  MessageBody,
  OnConnect,
  OnDisconnect,
  OnErrorDefault,
  OnEvent,
  SocketGateway,
  SocketIO,
  emit,
  request,
} from 'nestjs-flask-socket';
import { from, of } from 'rxjs';
import { Socket, type Namespace, type Server } from 'socket.io';
import { io, type Socket as Client } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, bootError, connected, inbox, next, refusal, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

const journal = new Journal();

/** What a class for Nest's own gateways has; the same under both decorators. */
abstract class Hooks {
  @WebSocketServer() server!: Server | Namespace;

  afterInit(server: Server | Namespace) {
    journal.add(`afterInit: ${server === this.server}`);
    server.use((socket: Socket, pass: (error?: Error) => void) =>
      pass(socket.handshake.auth['refuse'] ? new Error('refused by afterInit') : undefined),
    );
  }

  handleConnection(client: Socket) {
    journal.add(`handleConnection: ${client.connected}, ${client.rooms.size}`);
    if (client.handshake.auth['leave']) client.disconnect();
    else client.emit('welcome');
  }

  handleDisconnect(client: Socket) {
    journal.add(`handleDisconnect: ${client.connected}, ${client.rooms.size}`);
  }
}

@WebSocketGateway({ namespace: '/b' })
class NestGateway extends Hooks {}

@SocketGateway('/b')
class OurGateway extends Hooks {}

/** A plain application of Nest's, and one with our module. */
const servers: [string, () => Promise<string>][] = [
  ['plain Nest', async () => plainNest(NestGateway)],
  ['a @WebSocketGateway() here', async () => (await startApp({ providers: [NestGateway] })).url],
  ['a @SocketGateway()', async () => (await startApp({ providers: [OurGateway] })).url],
];

async function plainNest(gateway: Type): Promise<string> {
  class Plain {}
  const app = await NestFactory.create({ module: Plain, providers: [gateway] }, { logger: false });
  app.useWebSocketAdapter(new IoAdapter(app));
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

function open(url: string, namespace: string, auth: object = {}): Client {
  const client = io(url + namespace, {
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    auth,
  });
  onTestFinished(() => void client.close());
  return client;
}

describe.each(servers)('the methods that Nest calls by their names, in %s', (_, start) => {
  it('V13 are called: when the server is there, when a client has come, when it has gone', async () => {
    journal.entries.length = 0;
    const client = open(await start(), '/b');
    const received = inbox(client);
    await connected(client);
    await journal.reached(2);
    client.disconnect();

    expect(await journal.reached(3)).toEqual([
      'afterInit: true',
      'handleConnection: true, 1',
      'handleDisconnect: false, 0',
    ]);
    expect(received).toEqual([['welcome']]);
  });

  it('C3 a middleware of afterInit() refuses', async () => {
    const client = open(await start(), '/b', { refuse: true });

    expect((await refusal(client)).message).toBe('refused by afterInit');
  });

  it('C9 client.disconnect() in handleConnection() ends the client', async () => {
    journal.entries.length = 0;
    const client = open(await start(), '/b', { leave: true });

    expect((await next(client, 'disconnect'))[0]).toBe('io server disconnect');
  });
});

describe('handleConnection() of a @SocketGateway()', () => {
  it('C1 runs after @OnConnect() has accepted, in the context of the client', async () => {
    const ran = new Journal();
    @SocketGateway()
    class Gateway {
      @OnConnect()
      connect(auth?: { refuse: boolean }) {
        ran.add('OnConnect');
        return !auth?.refuse;
      }

      handleConnection(client: Socket) {
        ran.add(`handleConnection: ${request.sid === client.id}`);
        emit('hello');
      }
    }
    const app = await startApp({ providers: [Gateway] });
    await refusal(app.open('/', { auth: { refuse: true } }));
    const client = app.open();
    await next(client, 'hello');

    expect(ran.entries).toEqual(['OnConnect', 'OnConnect', 'handleConnection: true']);
  });

  it('C10 events wait until it has ended', async () => {
    const [gate, ran] = [new Gate(), new Journal()];
    @SocketGateway()
    class Gateway {
      async handleConnection() {
        await gate.opened;
        ran.add('handleConnection');
      }

      @OnEvent()
      event() {
        ran.add('event');
        return 'answer';
      }
    }
    const app = await startApp({ providers: [Gateway] });
    const answer = ask(await app.connect(), 'event');
    gate.open();

    expect(await answer).toEqual(['answer']);
    expect(ran.entries).toEqual(['handleConnection', 'event']);
  });

  it.each([
    ['throws', () => Promise.resolve().then(() => new WsException('no'))],
    ['refuses with ConnectionRefusedError', async () => new ConnectionRefusedError('no')],
  ])(
    'C3 a client whose handleConnection() %s is disconnected, and nothing of it is handled',
    async (_, error) => {
      const ran = new Journal();
      @SocketGateway()
      class Gateway {
        async handleConnection() {
          throw await error();
        }

        @OnDisconnect()
        disconnect() {
          ran.add('OnDisconnect');
        }

        handleDisconnect(_client: Socket, reason: string) {
          ran.add(`handleDisconnect: ${reason}`);
        }

        @OnEvent()
        event() {
          ran.add('event');
        }
      }
      const app = await startApp({ providers: [Gateway] });
      const client = app.open();
      const ended = next(client, 'disconnect');
      client.emit('event');

      expect((await ended)[0]).toBe('io server disconnect');
      expect(await ran.reached(2)).toEqual(['OnDisconnect', 'handleDisconnect: server namespace disconnect']);
    },
  );

  it('C7 handleDisconnect() is told of a client that handleConnection() has disconnected; in Nest it is not', async () => {
    journal.entries.length = 0;
    const app = await startApp({ providers: [OurGateway] });
    await next(app.open('/b', { auth: { leave: true } }), 'disconnect');

    expect(await journal.has('handleDisconnect: false, 0')).toHaveLength(3);
  });

  it('C6 under alwaysConnect it runs for those alone that @OnConnect() has let in', async () => {
    const ran = new Journal();
    @SocketGateway()
    class Gateway {
      @OnConnect()
      connect(auth?: { refuse: boolean }) {
        return !auth?.refuse;
      }

      handleConnection(client: Socket) {
        ran.add(String(client.handshake.auth['name']));
      }

      handleDisconnect() {
        ran.add('gone');
      }
    }
    const app = await startApp({ providers: [Gateway], options: { alwaysConnect: true } });
    await next(app.open('/', { auth: { refuse: true, name: 'refused' } }), 'disconnect');
    const client = await app.connect('/', { auth: { name: 'accepted' } });
    await ran.reached(1);
    client.disconnect();

    expect(await ran.reached(2)).toEqual(['accepted', 'gone']);
  });

  it('X4 what handleConnection() throws goes to the error handlers, and true keeps the client', async () => {
    const errors = new Journal();
    @SocketGateway()
    class Gateway {
      handleConnection() {
        throw new Error('not so bad');
      }

      @OnErrorDefault()
      failed(error: Error) {
        errors.add(`${String(request.event.message)}: ${error.message}`);
        return true;
      }

      @OnEvent()
      event() {
        return 'answer';
      }
    }
    const app = await startApp({ providers: [Gateway] });

    expect(await ask(await app.connect(), 'event')).toEqual(['answer']);
    expect(errors.entries).toEqual(['connect: not so bad']);
  });

  it('V12 each gateway of a namespace is told: its own, those of patterns, those of all', async () => {
    const ran = new Journal();
    const gateway = (namespace: string) => {
      @SocketGateway(namespace)
      class Gateway {
        handleConnection() {
          ran.add(namespace);
        }
      }
      return { provide: Symbol(namespace), useClass: Gateway };
    };
    const app = await startApp({ providers: ['*', '/job/:id', '/job/7', '/job/7'].map(gateway) });
    await app.connect('/job/7');

    expect(ran.entries).toEqual(['/job/7', '/job/7', '/job/:id', '*']);
  });

  it('C5 a gateway with nothing else opens its namespace', async () => {
    @SocketGateway('/a')
    class Gateway {
      handleDisconnect() {}
    }
    const app = await startApp({ providers: [Gateway] });

    expect((await app.connect('/a')).connected).toBe(true);
  });

  it('K8 a request-scoped gateway is made for it', async () => {
    const ran = new Journal();
    @Injectable({ scope: Scope.REQUEST })
    class Audit {
      readonly sid = request.sid;
    }
    @SocketGateway('/', { scope: Scope.REQUEST })
    class Gateway {
      constructor(readonly audit: Audit) {}

      handleConnection(client: Socket) {
        ran.add(String(this.audit.sid === client.id));
      }
    }
    const app = await startApp({ providers: [{ provide: Gateway, useClass: Gateway }, Audit] });
    await app.connect();

    expect(await ran.reached(1)).toEqual(['true']);
  });

  it('V13 one that is decorated is a handler as any other, and is called once', async () => {
    const ran = new Journal();
    @SocketGateway()
    class Gateway {
      @OnConnect()
      handleConnection(@ConnectedSocket() client: Socket) {
        ran.add(`connected: ${client.connected}`);
      }

      @OnEvent()
      event() {
        return 'answer';
      }
    }
    const app = await startApp({ providers: [Gateway] });
    await ask(await app.connect(), 'event');

    expect(ran.entries).toEqual(['connected: false']);
  });

  it('P7 a stop waits for handleDisconnect()', async () => {
    const ran = new Journal();
    @SocketGateway()
    class Gateway {
      async handleDisconnect() {
        await new Promise((resolve) => setTimeout(resolve, 50));
        ran.add('told');
      }
    }
    const app = await startApp({ providers: [Gateway] });
    await app.connect();
    await app.get(SocketIO).stop();

    expect(ran.entries).toEqual(['told']);
  });
});

describe('afterInit() of a @SocketGateway()', () => {
  it('V12 of a pattern: its middlewares run for every namespace that fits, those with a name included', async () => {
    @SocketGateway('/job/:id')
    class JobGateway {
      @WebSocketServer() server!: Namespace;

      afterInit() {
        this.server.use((_: Socket, pass: (error?: Error) => void) =>
          pass(new Error('refused by afterInit')),
        );
      }

      @OnEvent()
      event() {}
    }
    @SocketGateway('/job/7')
    class SevenGateway {
      @OnEvent()
      other() {}
    }
    const app = await startApp({ providers: [SevenGateway, JobGateway] });

    expect((await refusal(app.open('/job/7'))).message).toBe('refused by afterInit');
    expect((await refusal(app.open('/job/8'))).message).toBe('refused by afterInit');
    expect((await refusal(app.open('/jobs'))).message).toBe('Invalid namespace');
  });

  it('V12 a pattern without a handler opens nothing, whatever its gateway wants to send', async () => {
    @SocketGateway('/job/:id')
    class JobGateway {
      @WebSocketServer() server!: Namespace;
    }
    const app = await startApp({ providers: [JobGateway] });

    expect((await refusal(app.open('/job/7'))).message).toBe('Invalid namespace');
    expect(app.get(SocketIO).server._nsps.has('/job/7')).toBe(false);
  });

  it('V12 the server of a pattern speaks to all namespaces that fit', async () => {
    @SocketGateway('/job/:id')
    class JobGateway {
      @WebSocketServer() server!: Namespace;

      @OnEvent()
      shout() {
        this.server.emit('heard');
      }
    }
    const app = await startApp({ providers: [JobGateway] });
    const [first, second] = [await app.connect('/job/7'), await app.connect('/job/8')];
    const heard = Promise.all([next(first, 'heard'), next(second, 'heard')]);
    first.emit('shout');

    expect(await heard).toEqual([[], []]);
  });

  it('R1 one that fails, now or later, fails the boot', async () => {
    @SocketGateway()
    class Gateway {
      async afterInit() {
        await Promise.resolve();
        throw new Error('no table');
      }
    }

    expect((await bootError({ providers: [Gateway] })).message).toBe('no table');
  });
});

describe('what would never be called fails the boot, and says what to write', () => {
  it('V13 @SubscribeMessage() in a @SocketGateway()', async () => {
    @SocketGateway()
    class Gateway {
      @SubscribeMessage('nest')
      nest() {}
    }

    const error = await bootError({ providers: [Gateway] });

    expect([error.code, error.message]).toEqual([
      'FSK_SUBSCRIBE_MESSAGE',
      expect.stringMatching(/Gateway\.nest.*@SubscribeMessage\('nest'\).*@OnEvent\('nest'\)/),
    ]);
  });

  it('V13 @SubscribeMessage() of a base class, and beside handlers in a class that is no gateway', async () => {
    class Base {
      @SubscribeMessage('nest')
      nest() {}
    }
    @SocketGateway()
    class Derived extends Base {}
    @Injectable()
    class Provider extends Base {
      @OnEvent()
      event() {}
    }

    for (const provider of [Derived, Provider])
      expect((await bootError({ providers: [provider] })).code).toBe('FSK_SUBSCRIBE_MESSAGE');
  });

  const elsewhere = [{ namespace: '/b' }, { namespace: /^\/b/ }, { namespace: 'b' }];
  it.each(elsewhere)('V5 a handler without a namespace in a @WebSocketGateway(%o)', async (options) => {
    @WebSocketGateway(options)
    class Gateway {
      @OnConnect()
      connect() {}
    }

    const error = await bootError({ providers: [Gateway] });

    expect([error.code, error.message]).toEqual([
      'FSK_GATEWAY_ELSEWHERE',
      expect.stringMatching(/Gateway\.connect.*namespace .*b.*@SocketGateway/),
    ]);
  });

  it('V5 a handler without a namespace in a @WebSocketGateway() with a port of its own', async () => {
    @WebSocketGateway(0x7fff)
    class Gateway {
      @OnEvent()
      event() {}
    }

    const error = await bootError({ providers: [{ provide: 'gateway', useFactory: () => new Gateway() }] });

    expect([error.code, error.message]).toEqual([
      'FSK_GATEWAY_ELSEWHERE',
      expect.stringContaining("port '32767'"),
    ]);
  });

  it('V5 a handler with a namespace, or in a gateway of the main one, works', async () => {
    @WebSocketGateway({ namespace: '/b' })
    class Named {
      @OnEvent('named', '/b')
      named() {
        return 'named';
      }
    }
    @WebSocketGateway()
    class Main {
      @OnEvent()
      main() {
        return 'main';
      }

      @SubscribeMessage('nest')
      nest() {
        return 'nest';
      }
    }
    const app = await startApp({ providers: [Named, Main] });
    const main = await app.connect();

    expect(await ask(await app.connect('/b'), 'named')).toEqual(['named']);
    expect([await ask(main, 'main'), await ask(main, 'nest')]).toEqual([['main'], ['nest']]);
  });

  it('V4 a parameter of type Socket without @ConnectedSocket()', async () => {
    @SocketGateway()
    class Gateway {
      @OnEvent()
      event(_data: unknown, _client: Socket) {}
    }

    const error = await bootError({ providers: [Gateway] });

    expect([error.code, error.message]).toEqual([
      'FSK_SOCKET_PARAMETER',
      expect.stringMatching(/Parameter 2 of Gateway\.event.*@ConnectedSocket\(\)/),
    ]);
  });

  it('V4 one with @ConnectedSocket() works', async () => {
    @SocketGateway()
    class Gateway {
      @OnEvent()
      event(@ConnectedSocket() client: Socket, @MessageBody() data: string) {
        return [client.id === request.sid, data];
      }
    }
    const app = await startApp({ providers: [Gateway] });

    expect(await ask(await app.connect(), 'event', 'a')).toEqual([[true, 'a']]);
  });
});

describe('answers in the form of Nest’s own gateways', () => {
  @SocketGateway()
  class Gateway {
    @OnEvent()
    object() {
      return { event: 'answer', data: 1 };
    }

    @OnEvent()
    async later() {
      return { event: 'answer', data: 1 };
    }

    @OnEvent()
    stream() {
      return from([1, 2, 3]);
    }

    @OnEvent()
    single() {
      return of(1);
    }

    @OnEvent()
    other() {
      return { event: 1, data: 1 };
    }
  }
  const askAll = async (environment: string) => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = environment;
    onTestFinished(() => void (process.env['NODE_ENV'] = before));
    const app = await startApp({ providers: [Gateway] });
    const client = await app.connect();
    const answers = [];
    for (const event of ['object', 'object', 'later', 'stream', 'stream', 'single', 'other'])
      answers.push(await ask(client, event));
    return { answers, warnings: app.log.of('warn') };
  };
  const answers = [
    [{ event: 'answer', data: 1 }],
    [{ event: 'answer', data: 1 }],
    [{ event: 'answer', data: 1 }],
    [3],
    [3],
    [1],
    [{ event: 1, data: 1 }],
  ];

  it('V6 are acknowledgements, and in development each handler is warned of once', async () => {
    expect(await askAll('development')).toEqual({
      answers,
      warnings: [
        expect.stringMatching(/^Gateway\.object returned \{ event, data \}.*emit\(event, data\)/),
        expect.stringMatching(/^Gateway\.later returned \{ event, data \}/),
        expect.stringMatching(/^Gateway\.stream returned an Observable of several values.*emit\(\)/),
      ],
    });
  });

  it('V6 are acknowledgements without a word in production', async () => {
    expect(await askAll('production')).toEqual({ answers, warnings: [] });
  });
});
