import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  FlaskSocketError,
  OnConnect,
  OnDisconnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  call,
  request,
  user,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, next, refusal, startApp } from '../support/app.js';
import { Journal } from '../support/journal.js';
import { once, raw, type World } from './world.js';

describe('what an application may remove is not what we hear by', () => {
  const left = new Journal();

  @SocketGateway()
  class OurGateway {
    @OnConnect()
    connect(auth?: { refuse?: boolean }) {
      return !auth?.refuse;
    }

    @OnDisconnect()
    disconnect(reason: string) {
      left.add(reason);
    }

    @OnEvent('deaf')
    deaf() {
      request.connection.socket.removeAllListeners();
      return 'removed';
    }

    @OnEvent('ask back')
    async askBack() {
      request.connection.socket.removeAllListeners();
      const error: unknown = await call('never answered').catch((thrown: unknown) => thrown);
      left.add(error instanceof FlaskSocketError ? error.code : 'answered');
    }
  }

  const start = async () => {
    left.entries.length = 0;
    return startApp({ providers: [OurGateway], options: { identify: () => 'ann' } });
  };

  it('C7 @OnDisconnect() runs after socket.removeAllListeners()', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'deaf');

    client.disconnect();

    expect(await left.reached(1)).toEqual(['client namespace disconnect']);
  });

  it('C7 it runs once, where it ends the client itself', async () => {
    @SocketGateway('/b')
    class EndingGateway {
      @OnDisconnect()
      disconnect(reason: string) {
        left.add(reason);
        request.connection.socket.disconnect();
      }
    }
    left.entries.length = 0;
    const app = await startApp({ providers: [EndingGateway] });
    const client = await app.connect('/b');
    const ended = once((take) =>
      app.get(SocketIO).server.of('/b').sockets.get(client.id!)!.on('disconnect', take),
    );

    client.disconnect();
    await ended;

    expect(left.entries).toEqual(['client namespace disconnect']);
  });

  it('E7 call() rejects at once when the client leaves, after socket.removeAllListeners()', async () => {
    const app = await start();
    const client = await app.connect();
    const asked = next(client, 'never answered');
    client.emit('ask back');
    await asked;

    client.disconnect();

    expect((await left.reached(2)).toSorted()).toEqual([
      'FSK_CALL_DISCONNECTED',
      'client namespace disconnect',
    ]);
  });

  it.each([['connect'], ['connection'], [undefined]])(
    'C1 clients are connected, answered and heard to leave after removeAllListeners(%s)',
    async (event) => {
      const app = await start();
      app.get(SocketIO).server.removeAllListeners(event as 'connect');
      const client = await app.connect();

      expect(await ask(client, 'deaf')).toEqual(['removed']);
      expect((await refusal(app.open('/', { auth: { refuse: true } }))).message).toBe(
        'Connection rejected by server',
      );
      client.disconnect();
      expect(await left.reached(1)).toEqual(['client namespace disconnect']);
    },
  );

  it('A3 what another process says of a user is heard after removeAllListeners()', async () => {
    const app = await start();
    const { server } = app.get(SocketIO);
    server.removeAllListeners();
    const client = await app.connect();
    const ended = next(client, 'disconnect');

    // what an adapter does with a message of another process
    server.of('/')._onServerSideEmit(['flask-socket:end user', String(user('ann'))]);

    expect((await ended)[0]).toBe('io server disconnect');
  });

  it('C5 namespaces that are made after it are served', async () => {
    const app = await start();
    const { server } = app.get(SocketIO);
    server.removeAllListeners();
    app.get(SocketIO).onEvent('x', () => 'answer', '/later');

    expect(await ask(await app.connect('/later'), 'x')).toEqual(['answer']);
  });
});

describe("V11 '*' is for events that nobody handles", () => {
  @SocketGateway()
  class EveryGateway {
    @OnEvent('*')
    every(event: string) {
      return `every: ${event}`;
    }
  }
  @SocketGateway('*')
  class EverywhereGateway {
    @OnEvent('named')
    named() {
      return 'named everywhere';
    }

    @OnEvent('*')
    every(event: string) {
      return `everywhere: ${event}`;
    }
  }
  @WebSocketGateway()
  class NestGateway {
    @SubscribeMessage('nest')
    async nest() {
      await Promise.resolve();
      return 'from Nest';
    }
  }

  it.each([
    ['in a namespace', [EveryGateway, NestGateway]],
    ['in every namespace', [EverywhereGateway, NestGateway]],
  ])('not for one of Nest’s, %s', async (_, providers) => {
    const client = await (await startApp({ providers })).connect();

    expect(await ask(client, 'nest')).toEqual(['from Nest']);
    expect(await ask(client, 'other')).toEqual([expect.stringContaining('other')]);
  });

  it('not for one that a listener of the raw server takes', async () => {
    const app = await startApp({ providers: [EveryGateway] });
    app.get(SocketIO).server.on('connection', (socket) => {
      socket.on('raw', (answer: (text: string) => void) => void setImmediate(answer, 'raw'));
    });
    const client = await app.connect();

    expect(await ask(client, 'raw')).toEqual(['raw']);
    expect(await ask(client, 'other')).toEqual(['every: other']);
  });

  it('its namespace’s other handlers for that very event stay: they are no catch-alls', async () => {
    const app = await startApp({ providers: [EveryGateway, EverywhereGateway] });
    app.get(SocketIO).server.on('connection', (socket) => void socket.on('named', () => {}));

    expect(await ask(await app.connect(), 'named')).toEqual(['named everywhere']);
  });
});

describe('listeners of a socket', () => {
  const any = async ({ io, connect }: World) => {
    const heard: unknown[] = [];
    io.on('connection', (socket) => {
      socket.onAny((event: string) => heard.push(event));
      socket.on('x', (answer: () => void) => answer());
    });
    await ask(await connect(), 'x');
    return heard;
  };
  raw('hear every event by onAny()', any, { expected: ['x'] });

  const sequence = async ({ io, connect }: World) => {
    const heard: string[] = [];
    const gone = once((take) =>
      io.on('connection', (socket) => {
        socket.on('disconnecting', () => heard.push(`disconnecting in ${socket.rooms.size}`));
        socket.on('disconnect', (reason) => {
          heard.push(`disconnect from ${socket.rooms.size}, ${reason}, ${socket.connected}`);
          take(undefined);
        });
        void socket.join('room');
      }),
    );
    (await connect()).disconnect();
    await gone;
    return heard;
  };
  raw('hear disconnecting, then disconnect', sequence, {
    expected: ['disconnecting in 2', 'disconnect from 0, client namespace disconnect, false'],
  });

  const both = async ({ io, connect }: World) => {
    const heard: string[] = [];
    io.on('connection', () => heard.push('connection'));
    io.on('connect', () => heard.push('connect'));
    await connect();
    return heard;
  };
  raw('of a namespace: connect comes first', both, { expected: ['connect', 'connection'] });

  const made = async ({ io, open }: World) => {
    const heard: string[] = [];
    io.on('new_namespace', ({ name }) => heard.push(name));
    io.of('/a');
    io.of(/^\/b/);
    const client = open('/b');
    await once((take) => client.once('connect', () => take(undefined)));
    return heard;
  };
  raw('hear of new namespaces', made, { expected: ['/a', '/b'] });
});
