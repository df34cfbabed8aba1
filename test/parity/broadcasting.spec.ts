import { Controller, Inject, Post } from '@nestjs/common';
import {
  emit,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  send,
  SocketGateway,
  SocketIO,
  type EmitOptions,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { ask, flushed, inbox, next, startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

/** Joins rooms on "join"; emits "news" on "say", with options. */
@SocketGateway()
class NewsGateway {
  @OnEvent('join')
  @OnEvent('join', '/chat')
  join(...names: string[]) {
    for (const name of names) joinRoom(name);
  }

  @OnEvent('say')
  @OnEvent('say', '/chat')
  say(options: EmitOptions) {
    emit('news', 1, options);
  }
}

/** How many events each of the clients has received, once "say" has been handled. */
async function receivedOf(
  clients: readonly Socket[],
  speak: (clients: readonly Socket[]) => unknown,
): Promise<number[]> {
  const inboxes = clients.map(inbox);
  await speak(clients);
  await flushed(...clients);
  return inboxes.map(({ length }) => length);
}

function clientsOf(app: RunningApp, count: number, namespace = '/'): Promise<Socket[]> {
  return Promise.all(Array.from({ length: count }, () => app.connect(namespace)));
}

describe('a broadcast from a handler', () => {
  it('B1 reaches every client of the namespace, the sender included', async () => {
    const app = await startApp({ providers: [NewsGateway] });
    const clients = await clientsOf(app, 3);

    const received = await receivedOf(clients, ([sender]) => ask(sender!, 'say', { broadcast: true }));

    expect(received).toEqual([1, 1, 1]);
  });

  it('B1 with send reaches every client of the namespace, too', async () => {
    @SocketGateway()
    class SendingGateway {
      @OnEvent('say')
      say() {
        send('hello', { broadcast: true });
      }
    }
    const app = await startApp({ providers: [SendingGateway] });
    const clients = await clientsOf(app, 2);

    const received = await receivedOf(clients, ([sender]) => ask(sender!, 'say'));

    expect(received).toEqual([1, 1]);
  });

  it('B1 reaches nobody in other namespaces', async () => {
    const app = await startApp({ providers: [NewsGateway] });
    const [sender, other] = await Promise.all([app.connect('/chat'), app.connect('/')]);

    const received = await receivedOf([sender, other], () => ask(sender, 'say', { broadcast: true }));

    expect(received).toEqual([1, 0]);
  });

  it('B1 reaches clients by polling and by WebSocket', async () => {
    const app = await startApp({ providers: [NewsGateway] });
    const polling = await app.connect('/', { transports: ['polling'] });
    const webSocket = await app.connect();

    const received = await receivedOf([polling, webSocket], () => ask(polling, 'say', { broadcast: true }));

    expect(received).toEqual([1, 1]);
  });
});

describe('a callback', () => {
  const many: [string, EmitOptions][] = [
    ['a broadcast', { broadcast: true }],
    ['a room', { to: 'room' }],
    ['several sids', { to: ['room', 'other'] }],
  ];

  /** Emits "question" with a callback on "ask", with options. */
  function appThatAsks(answers: Journal<unknown>): Promise<RunningApp> {
    @SocketGateway()
    class AskingGateway {
      @OnConnect()
      connect() {
        joinRoom('room');
      }

      @OnEvent('ask')
      question(options: EmitOptions) {
        emit('question', 'how?', { ...options, callback: (answer: unknown) => answers.add(answer) });
      }
    }
    return startApp({ providers: [AskingGateway] });
  }

  it.each(many)('B2 of %s is not invoked', async (_, options) => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks(answers);
    const clients = await clientsOf(app, 2);
    for (const client of clients) client.on('question', (_text, answered) => answered?.('fine'));

    await ask(clients[0]!, 'ask', options);
    await flushed(...clients);
    await flushed(...clients); // what they answer has arrived, too

    expect(answers.entries).toEqual([]);
  });

  it.each(many)('B2 of %s keeps nobody from receiving the event', async (_, options) => {
    const app = await appThatAsks(new Journal());
    const clients = await clientsOf(app, 2);

    const received = await receivedOf(clients, ([sender]) => ask(sender!, 'ask', options));

    expect(received).toEqual([1, 1]);
  });

  it('B2 that cannot be invoked is warned of once, with the other ways', async () => {
    const app = await appThatAsks(new Journal());
    const client = await app.connect();

    await ask(client, 'ask', { broadcast: true });
    await ask(client, 'ask', { broadcast: true });
    await ask(client, 'ask', { to: 'room' });

    expect(app.log.of('warn')).toEqual([expect.stringMatching(/call.*members/)]);
  });

  it('B2 that can be invoked is not warned of', async () => {
    const app = await appThatAsks(new Journal());
    const client = await app.connect();

    await ask(client, 'ask', {});
    await ask(client, 'ask', { to: client.id });

    expect(app.log.of('warn')).toEqual([]);
  });

  it('B2 of an emit to one sid is invoked with the answer of that client', async () => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks(answers);
    const [asker, asked] = await clientsOf(app, 2);
    asker!.on('question', (_text, answered) => answered('asker'));
    asked!.on('question', (_text, answered) => answered('asked'));

    asker!.emit('ask', { to: asked!.id });

    expect(await answers.reached(1)).toEqual(['asked']);
  });

  it('B2 of a broadcast of SocketIO is not invoked', async () => {
    const answers = new Journal<unknown>();
    const app = await startApp();
    const client = await app.connect();
    client.on('question', (_text, answered) => answered?.('fine'));

    app.get(SocketIO).emit('question', 1, { callback: (answer: unknown) => answers.add(answer) });
    await flushed(client);
    await flushed(client);

    expect(answers.entries).toEqual([]);
  });
});

describe('SocketIO', () => {
  @Controller()
  class NewsController {
    constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

    @Post('news')
    publish() {
      this.socketio.emit('news', { title: 'It works' });
    }
  }

  it('B3 broadcasts from an HTTP route', async () => {
    const app = await startApp({ controllers: [NewsController] });
    const clients = await clientsOf(app, 2);
    const news = clients.map((client) => next(client, 'news'));

    await fetch(`${app.url}/news`, { method: 'POST' });

    expect(await Promise.all(news)).toEqual([[{ title: 'It works' }], [{ title: 'It works' }]]);
  });

  it('B3 broadcasts from a timer', async () => {
    const app = await startApp();
    const client = await app.connect();
    const news = next(client, 'news');

    setTimeout(() => app.get(SocketIO).emit('news', 1), 1);

    expect(await news).toEqual([1]);
  });

  it('B3 speaks to the default namespace', async () => {
    const app = await startApp({ options: { namespaces: ['/', '/chat'] } });
    const clients = await Promise.all([app.connect('/'), app.connect('/chat')]);

    const received = await receivedOf(clients, () => app.get(SocketIO).emit('news'));

    expect(received).toEqual([1, 0]);
  });

  it('B3 speaks to a namespace that is named', async () => {
    const app = await startApp({ options: { namespaces: ['/', '/chat'] } });
    const clients = await Promise.all([app.connect('/'), app.connect('/chat')]);

    const received = await receivedOf(clients, () => app.get(SocketIO).send('hello', { namespace: '/chat' }));

    expect(received).toEqual([0, 1]);
  });

  it('B3 also broadcasts inside of a handler', async () => {
    @SocketGateway()
    class GatewayThatSpeaksFirst {
      constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

      @OnEvent('say')
      say() {
        this.socketio.emit('news');
      }
    }
    const app = await startApp({ providers: [GatewayThatSpeaksFirst] });
    const clients = await clientsOf(app, 2);

    const received = await receivedOf(clients, ([sender]) => ask(sender!, 'say'));

    expect(received).toEqual([1, 1]);
  });

  it.each([
    ['a room', (): string | string[] => 'staff', [0, 1, 0]],
    ['a sid', ([, , third]: readonly Socket[]) => third!.id!, [0, 0, 1]],
    ['several', ([first]: readonly Socket[]) => ['staff', first!.id!], [1, 1, 0]],
  ])('B3 is narrowed by to: %s', async (_, to, expected) => {
    const app = await startApp({ providers: [NewsGateway] });
    const clients = await clientsOf(app, 3);
    await ask(clients[1]!, 'join', 'staff');

    const received = await receivedOf(clients, () => app.get(SocketIO).emit('news', 1, { to: to(clients) }));

    expect(received).toEqual(expected);
  });

  it('B3 leaves out the sids of skipSid', async () => {
    const app = await startApp();
    const clients = await clientsOf(app, 3);
    const skipSid = [clients[0]!.id!, clients[1]!.id!];

    const received = await receivedOf(clients, () => app.get(SocketIO).emit('news', 1, { skipSid }));

    expect(received).toEqual([0, 0, 1]);
  });

  it('B3 speaks to nobody before there is a server', async () => {
    @SocketGateway()
    class EarlyGateway {
      constructor(@Inject(SocketIO) socketio: SocketIO) {
        socketio.emit('news');
        socketio.send('hello');
      }
    }

    const app = await startApp({ providers: [EarlyGateway] });

    expect(app.log.of('error')).toEqual([]);
  });
});

describe('leaving out', () => {
  type Options = (sids: string[]) => EmitOptions;
  const cases: [string, Options, number[]][] = [
    ['the sender with includeSelf: false', () => ({ broadcast: true, includeSelf: false }), [0, 1, 1]],
    ['nobody with includeSelf: true', () => ({ broadcast: true, includeSelf: true }), [1, 1, 1]],
    ['one sid', (sids) => ({ broadcast: true, skipSid: sids[1] }), [1, 0, 1]],
    ['several sids', (sids) => ({ broadcast: true, skipSid: sids.slice(1) }), [1, 0, 0]],
    ['nobody for an empty list', () => ({ broadcast: true, skipSid: [] }), [1, 1, 1]],
    ['nobody for an unknown sid', () => ({ broadcast: true, skipSid: 'unknown' }), [1, 1, 1]],
    [
      'the sender and a sid together',
      (sids) => ({ broadcast: true, includeSelf: false, skipSid: sids[1] }),
      [0, 0, 1],
    ],
    [
      'the sender and several sids together',
      (sids) => ({ broadcast: true, includeSelf: false, skipSid: sids.slice(1) }),
      [0, 0, 0],
    ],
    ['the sender in a room', () => ({ to: 'all', includeSelf: false }), [0, 1, 1]],
    ['a sid in a room', (sids) => ({ to: 'all', skipSid: sids[2] }), [1, 1, 0]],
    ['both in a room', (sids) => ({ to: 'all', includeSelf: false, skipSid: [sids[2]!] }), [0, 1, 0]],
    ['the sender of a reply', () => ({ includeSelf: false }), [0, 0, 0]],
    ['the sid that is addressed', (sids) => ({ to: sids[1], skipSid: sids[1] }), [0, 0, 0]],
  ];

  it.each(cases)('B4 leaves out %s', async (_, options, expected) => {
    const app = await startApp({ providers: [NewsGateway] });
    const clients = await clientsOf(app, 3);
    await Promise.all(clients.map((client) => ask(client, 'join', 'all')));
    const sids = clients.map(({ id }) => id!);

    const received = await receivedOf(clients, ([sender]) => ask(sender!, 'say', options(sids)));

    expect(received).toEqual(expected);
  });

  it('B4 leaves out the same client in another namespace with includeSelf: false', async () => {
    const app = await startApp({ providers: [NewsGateway] });
    const sender = await app.connect('/');
    const clients = [await app.also(sender, '/chat'), await app.connect('/chat')];

    const received = await receivedOf(clients, () =>
      ask(sender, 'say', { namespace: '/chat', broadcast: true, includeSelf: false }),
    );

    expect(received).toEqual([0, 1]);
  });
});

describe('an address', () => {
  type Options = (sids: string[]) => EmitOptions;
  // The first client is in no room, the second in "a" and "b", the third in "b".
  const cases: [string, Options, number[]][] = [
    ['several rooms reach each client once', () => ({ to: ['a', 'b'] }), [0, 1, 1]],
    ['a room and a sid in it reach the client once', (sids) => ({ to: ['a', sids[1]!] }), [0, 1, 0]],
    ['the same room twice reaches each client once', () => ({ to: ['a', 'a'] }), [0, 1, 0]],
    ['to beats broadcast', () => ({ to: 'a', broadcast: true }), [0, 1, 0]],
    ['room beats broadcast', () => ({ room: 'a', broadcast: true }), [0, 1, 0]],
    ['to beats room', () => ({ to: 'a', room: 'b' }), [0, 1, 0]],
    ['room alone is to', () => ({ room: ['a', 'b'] }), [0, 1, 1]],
    ['an unknown room reaches nobody', () => ({ to: 'unknown' }), [0, 0, 0]],
    ['an unknown room beside a known one does not matter', () => ({ to: ['unknown', 'a'] }), [0, 1, 0]],
    ['an empty list reaches nobody', () => ({ to: [] }), [0, 0, 0]],
    ['an empty list reaches nobody, even with broadcast', () => ({ to: [], broadcast: true }), [0, 0, 0]],
    ['an empty list of room reaches nobody', () => ({ room: [], broadcast: true }), [0, 0, 0]],
    ['an unknown namespace reaches nobody', () => ({ namespace: '/unknown', broadcast: true }), [0, 0, 0]],
  ];

  async function roomsApp() {
    const app = await startApp({ providers: [NewsGateway] });
    const clients = await clientsOf(app, 3);
    await ask(clients[1]!, 'join', 'a', 'b');
    await ask(clients[2]!, 'join', 'b');
    return { app, clients };
  }

  it.each(cases)('B5 in a handler: %s', async (_, options, expected) => {
    const { clients } = await roomsApp();
    const sids = clients.map(({ id }) => id!);

    const received = await receivedOf(clients, ([sender]) => ask(sender!, 'say', options(sids)));

    expect(received).toEqual(expected);
  });

  it.each(cases)('B5 of SocketIO: %s', async (_, options, expected) => {
    const { app, clients } = await roomsApp();
    const sids = clients.map(({ id }) => id!);

    const received = await receivedOf(clients, () => app.get(SocketIO).emit('news', 1, options(sids)));

    expect(received).toEqual(expected);
  });

  it('B5 that is unknown is not logged', async () => {
    const { app, clients } = await roomsApp();

    await ask(clients[0]!, 'say', { to: 'unknown' });

    expect([...app.log.of('error'), ...app.log.of('warn')]).toEqual([]);
  });

  it('B5 opens no namespace by being unknown', async () => {
    const { app, clients } = await roomsApp();

    await ask(clients[0]!, 'say', { namespace: '/unknown', broadcast: true });

    expect(app.get(SocketIO).server._nsps.has('/unknown')).toBe(false);
  });

  it('B5 with an empty list and a callback asks nobody', async () => {
    const answers = new Journal<unknown>();
    const { app, clients } = await roomsApp();
    for (const client of clients) client.on('news', (_news, answered) => answered?.('fine'));

    app.get(SocketIO).emit('news', 1, { to: [], callback: () => answers.add('called') });
    await flushed(...clients);
    await flushed(...clients);

    expect(answers.entries).toEqual([]);
  });
});

describe('emit', () => {
  it('B6 outside of a handler throws an error that names SocketIO', async () => {
    await startApp();

    expect(() => emit('news')).toThrow(/FSK_NO_CONTEXT.*emit\(\).*SocketIO/);
  });

  it('B6 of send throws outside of a handler, too', async () => {
    await startApp();

    expect(() => send('hello')).toThrow(/FSK_NO_CONTEXT.*send\(\).*SocketIO/);
  });

  it('B6 throws in an HTTP route', async () => {
    const errors: string[] = [];
    @Controller()
    class MistakenController {
      @Post('news')
      publish() {
        try {
          emit('news');
        } catch (error) {
          errors.push((error as { code: string }).code);
        }
      }
    }
    const app = await startApp({ controllers: [MistakenController] });

    await fetch(`${app.url}/news`, { method: 'POST' });

    expect(errors).toEqual(['FSK_NO_CONTEXT']);
  });

  const ways: [string, () => unknown][] = [
    ['after an await', async () => { await Promise.resolve(); emit('reply', request.sid); }], // prettier-ignore
    ['in a promise', () => Promise.resolve().then(() => emit('reply', request.sid))],
    ['in a microtask', () => queueMicrotask(() => emit('reply', request.sid))],
    ['in a timer', () => void setTimeout(() => emit('reply', request.sid), 1)],
    ['in setImmediate', () => void setImmediate(() => emit('reply', request.sid))],
    ['in nextTick', () => process.nextTick(() => emit('reply', request.sid))],
    ['in a timer after an await', async () => { await Promise.resolve(); setTimeout(() => emit('reply', request.sid), 1); }], // prettier-ignore
  ];

  it.each(ways)('B6 works %s of a handler', async (_, way) => {
    @SocketGateway()
    class LateGateway {
      @OnEvent('say')
      say() {
        return way();
      }
    }
    const app = await startApp({ providers: [LateGateway] });
    const client = await app.connect();
    const reply = next(client, 'reply');

    client.emit('say');

    expect(await reply).toEqual([client.id]);
  });

  it('B6 reaches nobody once its client has left', async () => {
    const left = new Gate();
    const done = new Gate();
    @SocketGateway()
    class SlowGateway {
      @OnEvent('say')
      async say() {
        await left.opened;
        emit('reply');
        done.open();
      }

      @OnDisconnect()
      left() {
        left.open();
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    const [client, other] = await clientsOf(app, 2);
    const received = inbox(other!);
    client!.emit('say');
    await flushed(client!);

    client!.disconnect();
    await done.opened;
    await flushed(other!);

    expect([received, app.log.of('error')]).toEqual([[], []]);
  });
});
