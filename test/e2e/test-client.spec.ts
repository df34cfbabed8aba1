import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Module, UseGuards, type CanActivate, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  args,
  Auth,
  call,
  ConnectionRefusedError,
  disconnect,
  emit,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  Query,
  request,
  send,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import { createTestClient, type TestClientOptions } from 'nestjs-flask-socket/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Gate, Journal } from '../support/journal.js';
import { createApp } from '../support/portless.js';

async function clientOf(gateway: Type, options?: TestClientOptions) {
  return createTestClient(await createApp({ providers: [gateway] }), options);
}

@SocketGateway()
class EchoGateway {
  @OnEvent('my event')
  handle(...values: unknown[]) {
    emit('my response', args(...values));
    return args(...values);
  }

  @OnEvent('message')
  message(text: string) {
    send(text);
  }

  @OnEvent('json')
  json(data: object) {
    send(data, { json: true });
  }

  @OnEvent('chat', '/chat')
  chat(data: unknown) {
    emit('chat', data);
    return request.sid;
  }
}

describe('the test client', () => {
  it('Q3 sends and receives without a port', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    const client = await createTestClient(app);

    await client.emit('my event', { data: 'Hello' });

    expect(client.getReceived()).toEqual([
      { name: 'my response', args: [{ data: 'Hello' }], namespace: '/' },
    ]);
    expect(app.getHttpServer().listening).toBe(false);
  });

  it('Q3 receives unnamed events as bare values', async () => {
    const client = await clientOf(EchoGateway);

    await client.send('text');
    await client.send({ a: 1 }, { json: true });

    expect(client.getReceived()).toEqual([
      { name: 'message', args: 'text', namespace: '/' },
      { name: 'json', args: { a: 1 }, namespace: '/' },
    ]);
  });

  it.each([
    ['one value', 'one', 'one'],
    ['several values as an array', args('one', 2), ['one', 2]],
    ['an array as one value', [1, 2], [1, 2]],
    ['nothing as undefined', undefined, undefined],
    ['null', null, null],
    ['false', false, false],
    ['bytes', Buffer.from([1, 2]), Buffer.from([1, 2])],
    ['bytes in several values', args({ a: Buffer.from('x') }, 'y'), [{ a: Buffer.from('x') }, 'y']],
  ])('Q3 resolves with the acknowledgement: %s', async (_, data, expected) => {
    const client = await clientOf(EchoGateway);

    expect(await client.emit('my event', data, { callback: true })).toEqual(expected);
    expect(await client.call('my event', data)).toEqual(expected);
  });

  it('Q3 resolves with undefined without a callback', async () => {
    const client = await clientOf(EchoGateway);

    expect(await client.emit('my event', 'one')).toBeUndefined();
  });

  it('Q3 resolves with the acknowledgement of send()', async () => {
    @SocketGateway()
    class AnsweringGateway {
      @OnEvent()
      message(text: string) {
        return `${text}!`;
      }
    }
    const client = await clientOf(AnsweringGateway);

    expect(await client.send('hello', { callback: true })).toBe('hello!');
  });

  it('Q3 forgets what it has handed out', async () => {
    const client = await clientOf(EchoGateway);
    await client.send('text');

    client.getReceived();

    expect(client.getReceived()).toEqual([]);
  });

  it('Q3 receives what a handler sends after it has waited', async () => {
    @SocketGateway()
    class SlowGateway {
      @OnEvent('slow')
      async slow() {
        await delay(20);
        emit('done');
        await delay(20);
        emit('done');
      }
    }
    const client = await clientOf(SlowGateway);

    await client.emit('slow');

    expect(client.getReceived().map(({ name }) => name)).toEqual(['done', 'done']);
  });

  it('Q3 receives what an error handler sends after it has waited', async () => {
    @SocketGateway()
    class BrokenGateway {
      @OnEvent('break')
      break() {
        throw new Error('broken');
      }

      @OnError()
      async failed() {
        await delay(20);
        emit('failed');
      }
    }
    const client = await clientOf(BrokenGateway);

    await client.emit('break');

    expect(client.getReceived().map(({ name }) => name)).toEqual(['failed']);
  });

  it('Q3 does not wait for handlers that ran before', async () => {
    const gate = new Gate();
    @SocketGateway()
    class TwoGateway {
      @OnEvent('wait')
      wait() {
        return gate.opened;
      }

      @OnEvent('fast')
      fast() {
        emit('done');
      }
    }
    const client = await clientOf(TwoGateway);
    const waiting = client.emit('wait');
    await client.expectNothing();

    await client.emit('fast');

    expect(client.getReceived()).toHaveLength(1);
    gate.open();
    await waiting;
  });

  it('Q3 says which handler does not end', async () => {
    @SocketGateway()
    class EndlessGateway {
      @OnEvent('endless')
      endless() {
        emit('begun');
        return new Promise(() => {});
      }
    }
    const client = await createTestClient(
      await createApp({ providers: [EndlessGateway], options: { shutdownTimeout: 0 } }),
    );

    await expect(client.emit('endless', undefined, { timeout: 30 })).rejects.toThrow(
      /FSK_TEST_TIMEOUT.*30 ms for the handler of 'endless' to end; received: 'begun'/,
    );
  });

  it('Q3 says which acknowledgement does not come', async () => {
    const client = await clientOf(EchoGateway);

    await expect(client.call('nobody', 1, { timeout: 30 })).rejects.toThrow(
      /FSK_TEST_TIMEOUT.*30 ms for the acknowledgement of 'nobody'; nothing was received/,
    );
  });

  it('Q3 waits as long as it was created to', async () => {
    const client = await clientOf(EchoGateway, { timeout: 300 });

    await expect(client.call('nobody')).rejects.toThrow('300 ms');
    await expect(client.waitFor('nothing')).rejects.toThrow('300 ms');
  });

  it('Q3 refuses an application without the module', async () => {
    @Module({})
    class EmptyModule {}
    const app = await NestFactory.create(EmptyModule, { logger: false });
    onTestFinished(() => app.close());
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never); // Nest's answer to most failures
    onTestFinished(() => exit.mockRestore());

    await expect(createTestClient(app)).rejects.toThrow('FSK_MODULE_MISSING');
    expect(exit).not.toHaveBeenCalled();
  });

  it('Q3 passes on why the application does not start', async () => {
    @SocketGateway()
    class AgainGateway {
      @OnEvent('my event')
      again() {}
    }
    const app = await createApp({ providers: [EchoGateway, AgainGateway] });

    await expect(createTestClient(app)).rejects.toThrow('FSK_DUPLICATE_HANDLER');
  });
});

describe('what the test client sends', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;

  it.each([
    ['a cycle', cyclic],
    ['a BigInt', 1n],
    ['a function', () => {}],
    ['a function among values', args(1, () => {})],
  ])('Q3 rejects if it cannot be sent: %s', async (_, data) => {
    const client = await clientOf(EchoGateway);

    await expect(client.emit('my event', data)).rejects.toThrow(
      "FSK_NOT_SERIALIZABLE: The data of 'my event'",
    );
    await expect(client.call('my event', data)).rejects.toThrow('FSK_NOT_SERIALIZABLE');
    await expect(client.send(data)).rejects.toThrow('FSK_NOT_SERIALIZABLE');
  });

  it('Q3 rejects if auth cannot be sent', async () => {
    const client = await clientOf(EchoGateway);

    await expect(client.connect('/chat', { auth: cyclic })).rejects.toThrow('FSK_NOT_SERIALIZABLE');
  });

  it.each(['connect', 'disconnect', '', 'x'.repeat(129)])(
    'Q3 throws for a name that no client can send: %j',
    async (name) => {
      const client = await clientOf(EchoGateway);

      await expect(client.emit(name)).rejects.toThrow(/FSK_(RESERVED|INVALID)_EVENT/);
    },
  );

  it('Q3 is a copy: the handler does not get the object of the test', async () => {
    const seen = new Journal<unknown>();
    @SocketGateway()
    class KeepingGateway {
      @OnEvent('keep')
      keep(data: unknown) {
        seen.add(data);
      }
    }
    const client = await clientOf(KeepingGateway);
    const data = { bytes: Buffer.from('before'), date: new Date(0) };

    const sent = client.emit('keep', data);
    data.bytes.fill(0);
    await sent;

    expect(seen.entries).toEqual([{ bytes: Buffer.from('before'), date: '1970-01-01T00:00:00.000Z' }]);
  });

  it('Q3 runs its handler outside of what the test runs in', async () => {
    const seen = new Journal<unknown>();
    @SocketGateway()
    class OuterGateway {
      @OnEvent('outer')
      async outer() {
        const sent = inner.emit('inner');
        seen.add(request.event.message);
        await sent;
      }

      @OnEvent('inner')
      inner() {
        seen.add([request.event.message, request.sid === inner.sid()]);
      }
    }
    const app = await createApp({ providers: [OuterGateway] });
    const [client, inner] = await Promise.all([createTestClient(app), createTestClient(app)]);

    await client.emit('outer');

    expect(seen.entries).toEqual(['outer', ['inner', true]]);
  });
});

describe('namespaces of the test client', () => {
  it('Q3 are several on one connection', async () => {
    const client = await clientOf(EchoGateway);

    expect(await client.connect('/chat')).toBe(true);
    await client.emit('chat', 1, { namespace: '/chat' });

    expect(client.isConnected('/chat')).toBe(true);
    expect(client.getReceived()).toEqual([]);
    expect(client.getReceived('/chat')).toEqual([{ name: 'chat', args: [1], namespace: '/chat' }]);
  });

  it('Q3 have an id each', async () => {
    const client = await clientOf(EchoGateway);
    await client.connect('/chat');

    expect(await client.call('chat', 1, { namespace: '/chat' })).toBe(client.sid('/chat'));
    expect(client.sid()).not.toBe(client.sid('/chat'));
  });

  it('Q3 have the one that the client was created for as their default', async () => {
    const client = await clientOf(EchoGateway, { namespace: '/chat' });

    await client.emit('chat', 1);

    expect(client.getReceived()).toEqual([{ name: 'chat', args: [1], namespace: '/chat' }]);
    expect(client.isConnected('/')).toBe(false);
  });

  it('Q3 are left one by one', async () => {
    const client = await clientOf(EchoGateway);
    await client.connect('/chat');

    await client.disconnect('/chat');

    expect(client.isConnected('/chat')).toBe(false);
    expect(client.disconnectReason('/chat')).toBe('io client disconnect');
    expect(await client.call('my event', 1)).toBe(1);
  });

  it('Q3 can be entered at the same time', async () => {
    const app = await createApp({ options: { namespaces: ['/a', '/b', '/c'] } });
    const client = await createTestClient(app, { namespace: '/a' });
    await client.close();

    const entered = await Promise.all(['/a', '/b', '/c'].map((name) => client.connect(name)));

    expect(entered).toEqual([true, true, true]);
    expect(app.get(SocketIO).server.engine.clientsCount).toBe(1);
  });

  it('Q3 have valid names', async () => {
    const client = await clientOf(EchoGateway);

    await expect(client.connect('chat')).rejects.toThrow('FSK_INVALID_NAMESPACE');
  });

  it('Q3 are entered once, however often one asks', async () => {
    let connections = 0;
    @SocketGateway()
    class CountingGateway {
      @OnConnect()
      connect() {
        connections++;
      }
    }
    const client = await clientOf(CountingGateway);

    await Promise.all([client.connect(), client.connect()]);

    expect(connections).toBe(1);
  });
});

describe('a client that the server refuses', () => {
  @Injectable()
  class NobodyGuard implements CanActivate {
    canActivate() {
      return false;
    }
  }

  @SocketGateway('/closed')
  class ClosedGateway {
    @OnConnect()
    connect(@Auth() auth: { token?: string } = {}) {
      if (!auth.token) return false;
      if (auth.token !== 'right') throw new ConnectionRefusedError('wrong token', { token: auth.token });
    }

    @OnConnect('/guarded')
    @UseGuards(NobodyGuard)
    guarded() {}
  }

  it('Q3 is told why', async () => {
    const client = await clientOf(ClosedGateway, { namespace: '/closed' });

    expect(client.isConnected()).toBe(false);
    expect(client.refusal()).toEqual({ message: 'Connection rejected by server' });
  });

  it('Q3 is told the data of the refusal', async () => {
    const client = await clientOf(ClosedGateway, { namespace: '/closed', auth: { token: 'x' } });

    expect(client.refusal()).toEqual({ message: 'wrong token', data: { token: 'x' } });
  });

  it('Q3 may try again', async () => {
    const client = await clientOf(ClosedGateway, { namespace: '/closed' });

    expect(await client.connect('/closed', { auth: { token: 'right' } })).toBe(true);
    expect(client.refusal()).toBeUndefined();
  });

  it('Q3 is told that there is no such namespace', async () => {
    const client = await clientOf(ClosedGateway, { namespace: '/nowhere' });

    expect(client.refusal()).toEqual({ message: 'Invalid namespace' });
  });

  it('Q3 is told by a guard', async () => {
    const client = await clientOf(ClosedGateway, { namespace: '/guarded' });

    expect(client.refusal()).toEqual({ message: 'Forbidden resource' });
  });

  it('Q3 cannot send', async () => {
    const client = await clientOf(ClosedGateway, { namespace: '/closed' });

    await expect(client.emit('my event')).rejects.toThrow('FSK_TEST_DISCONNECTED');
  });

  it('Q3 is told what the handshake was answered', async () => {
    const client = await clientOf(EchoGateway, { headers: { origin: 'http://evil.example' } });

    expect(client.refusal()).toEqual({ message: 'Origin not allowed' });
  });

  it('Q3 is told by a middleware of the namespace', async () => {
    const app = await createApp();
    await app.init();
    app.get(SocketIO).server.use((_socket, next) => next(new Error('not today')));

    expect((await createTestClient(app)).refusal()).toEqual({ message: 'not today' });
  });

  it('Q3 is told by a middleware of the engine', async () => {
    const app = await createApp();
    await app.init();
    app
      .get(SocketIO)
      .server.engine.use((_request: unknown, _response: unknown, next: (error: Error) => void) =>
        next(new Error('no')),
      );

    expect((await createTestClient(app)).refusal()).toEqual({ message: 'Bad request' });
  });

  it("Q3 is told by the application's own check of handshakes", async () => {
    const app = await createApp({
      options: { server: { allowRequest: (_request, decide) => decide('too many', false) } },
    });

    expect((await createTestClient(app)).refusal()).toEqual({ message: 'too many' });
  });

  it('Q3 is told that the application is over', async () => {
    const app = await createApp();
    await app.init();
    await app.close();

    expect((await createTestClient(app)).refusal()).toEqual({ message: 'Server is shutting down' });
  });

  it('Q3 does not wait for ever for a decision', async () => {
    const gate = new Gate();
    @SocketGateway()
    class UndecidedGateway {
      @OnConnect()
      connect() {
        return gate.opened;
      }
    }
    const app = await createApp({ providers: [UndecidedGateway] });

    await expect(createTestClient(app, { timeout: 30 })).rejects.toThrow(
      /FSK_TEST_TIMEOUT.*the server to accept or refuse the client in \//,
    );
    gate.open();
  });
});

describe('a client that is disconnected', () => {
  /** A client of an application that notes in `left` why clients leave. */
  async function leavingClient(left: string[] = []) {
    @SocketGateway()
    class LeavingGateway {
      @OnEvent('leave')
      async leave() {
        await delay(1);
        emit('goodbye');
        disconnect();
      }

      @OnDisconnect()
      async disconnected(reason: string) {
        await delay(10);
        left.push(reason);
      }
    }
    return clientOf(LeavingGateway);
  }

  it('Q3 by the server, knows it', async () => {
    const client = await leavingClient();

    await client.emit('leave');

    expect(client.isConnected()).toBe(false);
    expect(client.sid()).toBeUndefined();
    expect(client.disconnectReason()).toBe('io server disconnect');
  });

  it('Q3 keeps what it has received', async () => {
    const client = await leavingClient();

    await client.emit('leave');

    expect(client.getReceived().map(({ name }) => name)).toEqual(['goodbye']);
  });

  it('Q3 rejects when it sends', async () => {
    const client = await leavingClient();
    await client.emit('leave');

    await expect(client.emit('leave')).rejects.toThrow('FSK_TEST_DISCONNECTED');
    await expect(client.send('leave')).rejects.toThrow('FSK_TEST_DISCONNECTED');
    await expect(client.call('leave')).rejects.toThrow('FSK_TEST_DISCONNECTED');
    await expect(client.disconnect()).rejects.toThrow('FSK_TEST_DISCONNECTED');
  });

  it('Q3 does not wait any longer for an acknowledgement or an event', async () => {
    const client = await leavingClient();
    const news = client.waitFor('news');
    const asked = client.call('leave');

    await expect(asked).rejects.toThrow('FSK_TEST_DISCONNECTED');
    await expect(news).rejects.toThrow('FSK_TEST_DISCONNECTED');
  });

  it('Q3 can come back', async () => {
    const client = await leavingClient();
    await client.emit('leave');

    expect(await client.connect()).toBe(true);
    expect(client.disconnectReason()).toBeUndefined();
  });

  it('Q3 by itself, has waited for the disconnect handler', async () => {
    const left: string[] = [];
    const client = await leavingClient(left);

    await client.disconnect();

    expect(left).toEqual(['client namespace disconnect']);
  });

  it('Q3 by the end of the connection, has waited for the disconnect handlers', async () => {
    const left: string[] = [];
    const client = await leavingClient(left);

    await client.close();

    expect(left).toEqual(['transport close']);
    expect(client.disconnectReason()).toBe('transport close');
  });

  it('Q3 can come back over a new connection', async () => {
    const client = await clientOf(EchoGateway);
    const first = client.sid();
    await client.close();

    expect(await client.connect()).toBe(true);
    expect(client.sid()).not.toBe(first);
    expect(await client.call('my event', 1)).toBe(1);
  });

  it('Q3 may be closed twice', async () => {
    const client = await clientOf(EchoGateway);

    await client.close();

    expect(await client.close()).toBeUndefined();
  });

  it('Q3 is closed at the end of its block', async () => {
    const outer = await clientOf(EchoGateway);

    {
      await using inner = outer;
      expect(inner.isConnected()).toBe(true);
    }

    expect(outer.isConnected()).toBe(false);
  });

  it('Q3 by the end of the application, knows it', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    const client = await createTestClient(app);

    await app.close();
    await vi.waitFor(() => expect(client.isConnected()).toBe(false));

    await expect(client.emit('my event')).rejects.toThrow('FSK_TEST_DISCONNECTED');
  });

  it.each(['ping timeout', 'transport error'])('Q3 by the engine (%s), knows it', async (reason) => {
    const left = new Journal<unknown>();
    @SocketGateway()
    class WatchingGateway {
      @OnDisconnect()
      disconnected(why: string) {
        left.add(why);
      }
    }
    const app = await createApp({ providers: [WatchingGateway] });
    const client = await createTestClient(app);
    const { conn } = app.get(SocketIO).server.sockets.sockets.get(client.sid() ?? '')!;
    const waiting = client.waitFor('news');

    (conn as unknown as { onClose(reason: string): void }).onClose(reason);

    await expect(waiting).rejects.toThrow('FSK_TEST_DISCONNECTED');
    expect(client.isConnected()).toBe(false);
    expect(left.entries).toEqual([reason]);
  });
});

describe('waiting', () => {
  it('Q3 finds an event that has come', async () => {
    const client = await clientOf(EchoGateway);
    await client.emit('my event', 1);

    expect(await client.waitFor('my response')).toEqual({ name: 'my response', args: [1], namespace: '/' });
  });

  it('Q3 finds an event that comes', async () => {
    const app = await createApp();
    const client = await createTestClient(app);
    const news = client.waitFor('news');

    app.get(SocketIO).emit('news', 1);

    expect(await news).toEqual({ name: 'news', args: [1], namespace: '/' });
  });

  it('Q3 takes what it finds out of what was received', async () => {
    const client = await clientOf(EchoGateway);
    await client.emit('my event', 1);
    await client.emit('my event', 2);

    await client.waitFor('my response');

    expect(client.getReceived()).toEqual([{ name: 'my response', args: [2], namespace: '/' }]);
  });

  it('Q3 gives one event to one who waits', async () => {
    const app = await createApp();
    const client = await createTestClient(app);
    const both = Promise.all([client.waitFor('news'), client.waitFor('news')]);

    app.get(SocketIO).emit('news', 1);
    app.get(SocketIO).emit('news', 2);

    expect((await both).map(({ args: values }) => values)).toEqual([[1], [2]]);
  });

  it('Q3 tells namespaces apart', async () => {
    const app = await createApp({ options: { namespaces: ['/', '/chat'] } });
    const client = await createTestClient(app);
    await client.connect('/chat');
    const news = client.waitFor('news', { namespace: '/chat' });

    app.get(SocketIO).emit('news', 'root');
    app.get(SocketIO).emit('news', 'chat', { namespace: '/chat' });

    expect((await news).args).toEqual(['chat']);
  });

  it('Q3 says what was received instead', async () => {
    const client = await clientOf(EchoGateway);
    await client.send('text');

    await expect(client.waitFor('news', { timeout: 20 })).rejects.toThrow(
      /FSK_TEST_TIMEOUT.*20 ms for event 'news'; received: 'message'/,
    );
  });

  it('Q3 expects nothing, and nothing comes', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    const [client, other] = await Promise.all([createTestClient(app), createTestClient(app)]);

    await client.emit('my event', 1);

    expect(await other.expectNothing()).toBeUndefined();
  });

  it('Q3 expects nothing, but something is there', async () => {
    const client = await clientOf(EchoGateway);
    await client.send('text');

    await expect(client.expectNothing()).rejects.toThrow(
      "FSK_TEST_UNEXPECTED: The test client expected nothing, but received: 'message'.",
    );
    expect(client.getReceived()).toHaveLength(1);
  });

  it('Q3 expects nothing, but something comes', async () => {
    const app = await createApp();
    const client = await createTestClient(app);
    const nothing = client.expectNothing(10_000);

    setTimeout(() => app.get(SocketIO).emit('news'), 10);

    await expect(nothing).rejects.toThrow("received: 'news'");
  });
});

describe('what the server asks', () => {
  @SocketGateway()
  class AskingGateway {
    @OnEvent('ask')
    async ask(...values: unknown[]) {
      return { answer: await call('question', args(...values)) };
    }
  }

  it.each([
    ['a value', () => 42, 42],
    ['a promise', () => delay(5, 'later'), 'later'],
    ['several values', () => args(1, 2), [1, 2]],
    ['bytes', () => Buffer.from('x'), Buffer.from('x')],
  ])('Q3 is answered with %s', async (_, answer, expected) => {
    const client = await clientOf(AskingGateway);
    client.on('question', answer);

    expect(await client.call('ask')).toEqual({ answer: expected });
  });

  it('Q3 is received, with its arguments', async () => {
    const client = await clientOf(AskingGateway);
    client.on('question', (first: number, second: number) => first * second);

    expect(await client.call('ask', args(6, 7))).toEqual({ answer: 42 });
    expect(client.getReceived()).toEqual([{ name: 'question', args: [6, 7], namespace: '/' }]);
  });

  it('Q3 is answered outside of the context of the handler that asked', async () => {
    const client = await clientOf(AskingGateway);
    client.on('question', () => {
      try {
        return request.sid;
      } catch (error) {
        return (error as { code: string }).code;
      }
    });

    expect(await client.call('ask')).toEqual({ answer: 'FSK_NO_CONTEXT' });
  });
});

describe('several test clients', () => {
  @SocketGateway()
  class RoomGateway {
    @OnEvent('join')
    join(room: string) {
      joinRoom(room);
    }

    @OnEvent('say')
    say({ room, text }: { room: string; text: string }) {
      send(text, { to: room });
    }
  }

  it('Q3 hear what one of them causes before its emit() resolves', async () => {
    const app = await createApp({ providers: [RoomGateway] });
    const [one, two, three] = await Promise.all([
      createTestClient(app),
      createTestClient(app),
      createTestClient(app),
    ]);
    await one.emit('join', 'a');
    await two.emit('join', 'a');

    await one.emit('say', { room: 'a', text: 'hello' });

    expect([one, two, three].map((client) => client.getReceived().length)).toEqual([1, 1, 0]);
  });

  it('Q3 of an application that is not initialised initialise it once', async () => {
    const app = await createApp({ providers: [EchoGateway] });

    const clients = await Promise.all(Array.from({ length: 5 }, () => createTestClient(app)));

    expect(clients.every((client) => client.isConnected())).toBe(true);
  });

  it('Q3 can be 300', async () => {
    const app = await createApp({ providers: [EchoGateway] });

    const clients = await Promise.all(
      Array.from({ length: 300 }, () => createTestClient(app, { timeout: 20_000 })),
    );
    const answers = await Promise.all(clients.map((client, index) => client.call('my event', index)));
    app.get(SocketIO).emit('news', 1);
    const news = await Promise.all(clients.map((client) => client.waitFor('news')));

    expect(answers).toEqual(clients.map((_, index) => index));
    expect(news).toHaveLength(300);
  });
});

describe('the handshake of the test client', () => {
  @SocketGateway()
  class HandshakeGateway {
    @OnEvent('who')
    who(@Query('room') room: string) {
      const { headers, auth } = request;
      return { room, language: headers['accept-language'], auth };
    }
  }

  it.each<[string, TestClientOptions['query']]>([
    ['a list', { tag: ['a b', 'c'], one: '1' }],
    ['a text', 'tag=a+b&one=1&tag=c'],
    ['a text as it stands in a URL', '?tag=a%20b&one=1&tag=c'],
    ['URLSearchParams', new URLSearchParams('tag=a+b&one=1&tag=c')],
  ])('Q3 carries a query that repeats a parameter: %s', async (_, query) => {
    @SocketGateway()
    class TagGateway {
      @OnEvent('tags')
      tags(@Query('tag') tag: unknown, @Query('one') one: unknown) {
        return { tag, one };
      }
    }
    const app = await createApp({ providers: [TagGateway] });
    const client = await createTestClient(app, { query });

    expect(await client.call('tags')).toEqual({ tag: ['a b', 'c'], one: '1' });
  });

  it('Q3 carries query, headers and auth', async () => {
    const client = await clientOf(HandshakeGateway, {
      query: { room: 'a b', EIO: '9' },
      headers: { 'Accept-Language': 'de' },
      auth: { token: 'secret' },
    });

    expect(await client.call('who')).toEqual({ room: 'a b', language: 'de', auth: { token: 'secret' } });
  });

  it('Q3 passes its auth again when it comes back', async () => {
    const client = await clientOf(HandshakeGateway, { auth: { token: 'secret' } });
    await client.disconnect();

    await client.connect();

    expect(await client.call('who')).toMatchObject({ auth: { token: 'secret' } });
  });
});
