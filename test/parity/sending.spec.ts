import { WsException } from '@nestjs/websockets';
import {
  args,
  disconnect,
  emit,
  g,
  joinRoom,
  leaveRoom,
  OnConnect,
  OnError,
  OnEvent,
  request,
  rooms,
  send,
  session,
  SocketGateway,
  SocketIO,
  type EmitOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed, inbox, next, startApp, type ClientOptions, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Wire } from '../support/wire.js';

const onlyPolling: ClientOptions = { transports: ['polling'] };
const onlyWebSocket: ClientOptions = { transports: ['websocket'] };

/** An application whose handler "say" does one thing, in `/` and in `/chat`. */
function appThatSays(say: (...values: never[]) => unknown): Promise<RunningApp> {
  @SocketGateway()
  class SayingGateway {
    @OnEvent('say')
    @OnEvent('say', '/chat')
    @OnEvent('say', '/other')
    say(...values: unknown[]) {
      return say(...(values as never[]));
    }
  }
  return startApp({ providers: [SayingGateway] });
}

describe('send', () => {
  it('E1 emits a message event', async () => {
    const app = await appThatSays(() => send('hello'));
    const client = await app.connect();
    const received = inbox(client);

    await ask(client, 'say');

    expect(received).toEqual([['message', 'hello']]);
  });

  it('E1 emits a json event with the option json', async () => {
    const app = await appThatSays(() => send({ data: 'hello' }, { json: true }));
    const client = await app.connect();
    const received = inbox(client);

    await ask(client, 'say');

    expect(received).toEqual([['json', { data: 'hello' }]]);
  });

  it.each([
    ['a message event', {}, 'message'],
    ['a json event with the option json', { json: true }, 'json'],
  ])('E1 emits %s from SocketIO, too', async (_, options, event) => {
    const app = await startApp();
    const client = await app.connect();
    const received = inbox(client);

    app.get(SocketIO).send('hello', options);
    await flushed(client);

    expect(received).toEqual([[event, 'hello']]);
  });
});

describe('a reply', () => {
  it.each([
    ['emit', () => emit('reply', 1)],
    ['send', () => send(1)],
  ])('E2 of %s goes to the sender only', async (_, say) => {
    const app = await appThatSays(say);
    const [sender, other] = await Promise.all([app.connect(), app.connect()]);
    const [toSender, toOther] = [inbox(sender), inbox(other)];

    await ask(sender, 'say');
    await flushed(other);

    expect([toSender.length, toOther.length]).toEqual([1, 0]);
  });

  it('E2 does not go to the namespaces that the sender is in besides', async () => {
    const app = await appThatSays(() => emit('reply'));
    const client = await app.connect('/chat');
    const elsewhere = inbox(await app.also(client, '/'));

    await ask(client, 'say');

    expect(elsewhere).toEqual([]);
  });

  it('E2 precedes the acknowledgement of its event', async () => {
    const app = await appThatSays(() => emit('reply'));
    const client = await app.connect();
    const order: string[] = [];
    client.on('reply', () => order.push('reply'));

    await ask(client, 'say').then(() => order.push('acknowledgement'));

    expect(order).toEqual(['reply', 'acknowledgement']);
  });

  it.each([
    ['emit', () => emit('reply'), 'reply'],
    ['send', () => send(undefined), 'message'],
  ])('E3 of %s stays in the namespace of the event', async (_, say, event) => {
    const app = await appThatSays(say);
    const client = await app.connect('/chat');
    const received = inbox(client);

    await ask(client, 'say');

    expect(received).toEqual([[event]]);
  });

  it('E3 may name another namespace', async () => {
    const app = await appThatSays(() => emit('reply', 1, { namespace: '/chat', broadcast: true }));
    const sender = await app.connect();
    const other = await app.connect('/chat');
    const [toSender, toOther] = [inbox(sender), inbox(other)];

    await ask(sender, 'say');
    await flushed(other);

    expect([toSender, toOther]).toEqual([[], [['reply', 1]]]);
  });

  it('E3 may name the default namespace', async () => {
    const app = await appThatSays(() => send('hello', { namespace: '/', broadcast: true }));
    const sender = await app.connect('/chat');
    const other = await app.connect('/');
    const [toSender, toOther] = [inbox(sender), inbox(other)];

    await ask(sender, 'say');
    await flushed(other);

    expect([toSender, toOther]).toEqual([[], [['message', 'hello']]]);
  });

  it.each(['chat', '*', '/job/:id'])('E3 refuses %s, where no client can be', async (namespace) => {
    const app = await appThatSays(() => {
      try {
        emit('reply', 1, { namespace });
        return 'sent';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    const client = await app.connect();

    expect(await ask(client, 'say')).toEqual(['FSK_INVALID_NAMESPACE']);
  });
});

describe('the same client in another namespace', () => {
  it.each([
    ['emit', () => emit('reply', 1, { namespace: '/other' }), ['reply', 1]],
    ['send', () => send(1, { namespace: '/other' }), ['message', 1]],
  ])('E4 is who %s replies to', async (_, say, event) => {
    const app = await appThatSays(say);
    const client = await app.connect('/chat');
    const same = inbox(await app.also(client, '/other'));

    await ask(client, 'say');
    await flushed(client);

    expect(same).toEqual([event]);
  });

  it('E4 is the only one there that a reply reaches', async () => {
    const app = await appThatSays(() => emit('reply', 1, { namespace: '/other' }));
    const client = await app.connect('/chat');
    const stranger = await app.connect('/other');
    await app.also(client, '/other');
    const received = inbox(stranger);

    await ask(client, 'say');
    await flushed(stranger);

    expect(received).toEqual([]);
  });

  it('E4 is nobody where the client is not connected', async () => {
    const app = await appThatSays(() => emit('reply', 1, { namespace: '/other' }));
    const client = await app.connect('/chat');
    const stranger = await app.connect('/other');
    const [own, others] = [inbox(client), inbox(stranger)];

    await ask(client, 'say');
    await flushed(client, stranger);

    expect([own, others]).toEqual([[], []]);
  });

  it('E4 is nobody once the client has left it', async () => {
    const app = await appThatSays(() => emit('reply', 1, { namespace: '/other' }));
    const client = await app.connect('/chat');
    const other = await app.also(client, '/other');
    const received = inbox(other);
    other.disconnect();

    await ask(client, 'say');
    await flushed(client);

    expect(received).toEqual([]);
  });

  it('E4 is who joinRoom puts into a room', async () => {
    const app = await appThatSays(() => joinRoom('lobby', { namespace: '/other' }));
    const client = await app.connect('/chat');
    const same = await app.also(client, '/other');
    await app.connect('/other');

    await ask(client, 'say');

    expect(await app.get(SocketIO).members('lobby', { namespace: '/other' })).toEqual([
      { sid: same.id, rooms: [same.id, 'lobby'] },
    ]);
  });

  it('E4 is not joined by the connection of the event itself', async () => {
    const app = await appThatSays(() => joinRoom('lobby', { namespace: '/other' }));
    const client = await app.connect('/chat');
    await app.also(client, '/other');

    await ask(client, 'say');

    expect(await app.get(SocketIO).members('lobby', { namespace: '/chat' })).toEqual([]);
  });

  it('E4 is who leaveRoom puts out of a room', async () => {
    const app = await appThatSays(() => {
      joinRoom('lobby', { namespace: '/other' });
      leaveRoom('lobby', { namespace: '/other' });
    });
    const client = await app.connect('/chat');
    await app.also(client, '/other');

    await ask(client, 'say');

    expect(await app.get(SocketIO).members('lobby', { namespace: '/other' })).toEqual([]);
  });

  it('E4 is whose rooms are listed', async () => {
    const app = await appThatSays(() => {
      joinRoom('here');
      joinRoom('there', { namespace: '/other' });
      return rooms({ namespace: '/other' });
    });
    const client = await app.connect('/chat');
    const same = await app.also(client, '/other');

    expect(await ask(client, 'say')).toEqual([[same.id, 'there']]);
  });

  it('E4 has no rooms where the client is not connected', async () => {
    const app = await appThatSays(() => {
      joinRoom('there', { namespace: '/other' });
      return rooms({ namespace: '/other' });
    });
    const client = await app.connect('/chat');

    expect(await ask(client, 'say')).toEqual([[]]);
  });

  it('E4 is who disconnect ends', async () => {
    const app = await appThatSays(() => disconnect({ namespace: '/other' }));
    const client = await app.connect('/chat');
    const same = await app.also(client, '/other');
    const ended = next(same, 'disconnect');

    await ask(client, 'say');

    expect((await ended)[0]).toBe('io server disconnect');
  });

  it('E4 leaves the connection of the event alone when disconnect ends the other', async () => {
    const app = await appThatSays(() => disconnect({ namespace: '/other' }));
    const client = await app.connect('/chat');
    const same = await app.also(client, '/other');
    const ended = next(same, 'disconnect');
    await ask(client, 'say');
    await ended;

    expect(client.connected).toBe(true);
  });
});

describe('what is sent', () => {
  it.each([
    ['several values of args()', args('foo', 2, { three: 3 }), ['foo', 2, { three: 3 }]],
    ['an array as one value', ['foo', 'bar'], [['foo', 'bar']]],
    ['nothing for undefined', undefined, []],
    ['nothing for an empty args()', args(), []],
    ['null', null, [null]],
    ['false', false, [false]],
    ['an empty string', '', ['']],
    ['bytes', Buffer.from('abc'), [Buffer.from('abc')]],
    ['bytes among several values', args(1, Buffer.from('abc')), [1, Buffer.from('abc')]],
    [
      'bytes nested anywhere',
      { list: [{ bytes: Buffer.from('a') }], bytes: Uint8Array.of(98) },
      [{ list: [{ bytes: Buffer.from('a') }], bytes: Buffer.from('b') }],
    ],
  ])('E5 is %s', async (_, data, expected) => {
    const app = await appThatSays(() => emit('reply', data));
    const client = await app.connect();
    const reply = next(client, 'reply');

    await ask(client, 'say');

    expect(await reply).toEqual(expected);
  });

  it.each([
    ['send', () => send(args('foo', ['bar']))],
    ['a broadcast', () => emit('message', args('foo', ['bar']), { broadcast: true })],
    ['an emit to a room', () => emit('message', args('foo', ['bar']), { to: request.sid })],
    ['an emit with a callback', () => emit('message', args('foo', ['bar']), { callback: () => {} })],
  ])('E5 is several values with %s, too', async (_, say) => {
    const app = await appThatSays(say);
    const client = await app.connect();
    const message = next(client, 'message');

    await ask(client, 'say');

    expect((await message).slice(0, 2)).toEqual(['foo', ['bar']]);
  });

  it.each([
    ['polling', onlyPolling],
    ['WebSocket', onlyWebSocket],
  ])('E5 is bytes as they are by %s', async (_, options) => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (__, byte) => byte));
    const app = await appThatSays(() => emit('reply', everyByte));
    const client = await app.connect('/', options);
    const reply = next(client, 'reply');

    await ask(client, 'say');

    expect(Buffer.compare((await reply)[0] as Buffer, everyByte)).toBe(0);
  });
});

describe('a callback', () => {
  /** An application whose handler "say" emits "question" with a callback. */
  function appThatAsks(callback: (...values: never[]) => unknown, options: EmitOptions = {}) {
    return appThatSays(() => emit('question', 'how?', { ...options, callback }));
  }

  it.each([
    ['nothing', [], []],
    ['one value', ['fine'], ['fine']],
    ['several values', ['fine', 2, { three: 3 }], ['fine', 2, { three: 3 }]],
    ['an array', [[1, 2]], [[1, 2]]],
    ['bytes', [Buffer.from('abc')], [Buffer.from('abc')]],
  ])('E6 gets what the acknowledgement carried: %s', async (_, answer, expected) => {
    const answers = new Journal<unknown[]>();
    const app = await appThatAsks((...values: unknown[]) => answers.add(values));
    const client = await app.connect();
    client.on('question', (_text, answered) => answered(...answer));

    client.emit('say');

    expect(await answers.reached(1)).toEqual([expected]);
  });

  it('E6 is not called before the client acknowledges', async () => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks((value: unknown) => answers.add(value));
    const client = await app.connect();
    const question = next(client, 'question');
    client.emit('say');

    await question;
    await ask(client, 'say');

    expect(answers.entries).toEqual([]);
  });

  it('E6 runs with the sid of the emitter', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatAsks(() => seen.add(request.sid));
    const client = await app.connect();
    client.on('question', (_text, answered) => answered());

    client.emit('say');

    expect(await seen.reached(1)).toEqual([client.id]);
  });

  it('E6 runs in the namespace of the emitter', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatAsks(() => seen.add(request.namespace));
    const client = await app.connect('/chat');
    client.on('question', (_text, answered) => answered());

    client.emit('say');

    expect(await seen.reached(1)).toEqual(['/chat']);
  });

  it('E6 runs with the session of the emitter', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatSays(() => {
      session.username = 'miguel';
      emit('question', 'how?', { callback: () => seen.add(session.username) });
    });
    const client = await app.connect();
    client.on('question', (_text, answered) => answered());

    client.emit('say');

    expect(await seen.reached(1)).toEqual(['miguel']);
  });

  it('E6 sees an event without a name whose arguments are the answer', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatAsks(() => seen.add({ ...request.event }));
    const client = await app.connect();
    client.on('question', (_text, answered) => answered('fine', 2));

    client.emit('say');

    expect(await seen.reached(1)).toEqual([{ message: null, args: ['fine', 2] }]);
  });

  it('E6 has a bag of its own', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatSays(() => {
      g['handler'] = true;
      emit('question', 'how?', { callback: () => seen.add({ ...g }) });
    });
    const client = await app.connect();
    client.on('question', (_text, answered) => answered());

    client.emit('say');

    expect(await seen.reached(1)).toEqual([{}]);
  });

  it('E6 may reply', async () => {
    const app = await appThatAsks((text: string) => emit('echo', text));
    const client = await app.connect();
    client.on('question', (_text, answered) => answered('fine'));
    const echo = next(client, 'echo');

    client.emit('say');

    expect(await echo).toEqual(['fine']);
  });

  it('E6 keeps the context of the emitter when another client answers', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatSays((sid: string) =>
      emit('question', 'how?', { to: sid, callback: () => seen.add([request.sid, request.namespace]) }),
    );
    const [asker, asked] = await Promise.all([app.connect('/chat'), app.connect('/chat')]);
    asked.on('question', (_text, answered) => answered());

    asker.emit('say', asked.id);

    expect(await seen.reached(1)).toEqual([[asker.id, '/chat']]);
  });

  it('E6 keeps the context of the emitter when the client answers in another namespace', async () => {
    const seen = new Journal<unknown>();
    const app = await appThatAsks(() => seen.add([request.sid, request.namespace]), { namespace: '/other' });
    const client = await app.connect('/chat');
    const same = await app.also(client, '/other');
    same.on('question', (_text, answered) => answered());

    client.emit('say');

    expect(await seen.reached(1)).toEqual([[client.id, '/chat']]);
  });

  it('E6 of SocketIO runs in the context of the client that answers', async () => {
    const seen = new Journal<unknown>();
    const app = await startApp();
    const client = await app.connect();
    client.on('question', (_text, answered) => answered('fine'));

    app.get(SocketIO).emit('question', 'how?', {
      to: client.id as string,
      callback: (text: string) => seen.add([text, request.sid]),
    });

    expect(await seen.reached(1)).toEqual([['fine', client.id]]);
  });

  it.each([
    ['throws', () => { throw new Error('broken'); }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('E6 that %s goes to the error handler', async (_, callback) => {
    const failures = new Journal<unknown>();
    @SocketGateway('/chat')
    class AskingGateway {
      @OnEvent('say')
      say() {
        emit('question', 'how?', { callback });
      }

      @OnError()
      failed(error: Error) {
        failures.add([error.message, { ...request.event }, request.sid]);
      }
    }
    const app = await startApp({ providers: [AskingGateway] });
    const client = await app.connect('/chat');
    client.on('question', (_text, answered) => answered('fine'));

    client.emit('say');

    expect(await failures.reached(1)).toEqual([['broken', { message: null, args: ['fine'] }, client.id]]);
  });

  it('E6 that throws is logged where there is no error handler', async () => {
    const app = await appThatAsks(function askedAndFailed() {
      throw new Error('broken');
    });
    const client = await app.connect();
    client.on('question', (_text, answered) => answered());
    const exception = next(client, 'exception');

    client.emit('say');
    await exception;

    expect(app.log.of('error')).toEqual([expect.stringMatching(/a callback.*askedAndFailed.*broken/)]);
  });

  it('E6 that throws tells its client in safe words where there is no error handler', async () => {
    const app = await appThatAsks(() => {
      throw new WsException('not so');
    });
    const client = await app.connect();
    client.on('question', (_text, answered) => answered());
    const exception = next(client, 'exception');

    client.emit('say');

    expect(await exception).toEqual([{ status: 'error', message: 'not so' }]);
  });

  it('E6 is called once for a repeated acknowledgement', async () => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks((value: unknown) => answers.add(value));
    const wire = await connectedWire(app);
    const id = await askedBy(wire);

    wire.send(`43${id}["first"]`);
    wire.send(`43${id}["second"]`);
    await wire.flushed();

    expect(answers.entries).toEqual(['first']);
  });

  it('E6 is not called for an acknowledgement that nobody asked for', async () => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks((value: unknown) => answers.add(value));
    const wire = await connectedWire(app);
    const id = await askedBy(wire);

    wire.send(`43${Number(id) + 1}["unknown"]`);
    await wire.flushed();

    expect(answers.entries).toEqual([]);
  });

  it('E6 is not called for the acknowledgement of another client', async () => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks((value: unknown) => answers.add(value));
    const [wire, stranger] = [await connectedWire(app), await connectedWire(app)];
    const id = await askedBy(wire);

    stranger.send(`43${id}["stolen"]`);
    await stranger.flushed();

    expect(answers.entries).toEqual([]);
  });

  it('E6 is dropped when the client leaves', async () => {
    const answers = new Journal<unknown>();
    const app = await appThatAsks((value: unknown) => answers.add(value));
    const wire = await connectedWire(app);
    const id = await askedBy(wire);

    wire.send('41');
    await wire.flushed();
    wire.send('40');
    await wire.flushed();
    wire.send(`43${id}["late"]`);
    await wire.flushed();

    expect(answers.entries).toEqual([]);
  });

  it('E6 is not kept by a client that has left', async () => {
    const app = await appThatAsks(() => {});
    const client = await app.connect();
    const [socket] = await app.get(SocketIO).server.fetchSockets();
    const question = next(client, 'question');
    client.emit('say');
    await question;
    const local = app.get(SocketIO).server.sockets.sockets.get(socket?.id ?? '');
    const gone = new Promise((resolve) => local?.once('disconnect', resolve));

    client.disconnect();
    await gone;

    expect((local as unknown as { acks: Map<number, unknown> }).acks.size).toBe(0);
  });

  it('E6 runs also for what @OnConnect() asks, once the client is connected', async () => {
    const answers = new Journal<unknown>();
    @SocketGateway()
    class GreetingGateway {
      @OnConnect()
      connect() {
        emit('question', 'how?', { callback: (value: unknown) => answers.add([value, request.sid]) });
      }
    }
    const app = await startApp({ providers: [GreetingGateway] });
    const client = app.open();
    client.on('question', (_text, answered) => answered('fine'));

    expect(await answers.reached(1)).toEqual([['fine', client.id]]);
  });

  async function connectedWire(app: RunningApp): Promise<Wire> {
    const wire = await Wire.open(app);
    wire.send('40');
    await wire.find((packet) => packet.startsWith('40'));
    return wire;
  }

  /** Lets the handler ask; the id of the acknowledgement that it waits for. */
  async function askedBy(wire: Wire): Promise<string> {
    wire.send('42["say"]');
    const question = await wire.find((packet) => packet.includes('"question"'));
    return /^42(\d+)\[/.exec(question)?.[1] ?? 'none';
  }
});

describe('data that cannot be serialised', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  let deep: unknown[] = [];
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const throwing = {
    toJSON() {
      throw new Error('no');
    },
  };
  const bad: [string, unknown][] = [
    ['a cycle', cyclic],
    ['a BigInt', 1n],
    ['a nesting that is too deep', deep],
    ['an object that refuses', throwing],
    ['a function', () => {}],
    ['a cycle with bytes', { cyclic, bytes: Buffer.from('a') }],
  ];
  const addressed: [string, () => EmitOptions][] = [
    ['to the sender', () => ({})],
    ['to a room', () => ({ to: request.sid })],
    ['to everybody', () => ({ broadcast: true })],
    ['with a callback', () => ({ callback: () => {} })],
  ];
  const cases = bad.flatMap(([what, data]) =>
    addressed.map(([where, options]) => [what, where, data, options] as const),
  );

  it.each(cases)('E8 throws in the caller: %s %s', async (_, __, data, options) => {
    const app = await appThatSays(() => {
      try {
        emit('reply', data, options());
        return 'sent';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    const client = await app.connect();

    expect(await ask(client, 'say')).toEqual(['FSK_NOT_SERIALIZABLE']);
  });

  it('E8 throws in the caller of SocketIO', async () => {
    const app = await startApp();

    expect(() => app.get(SocketIO).emit('news', 1n)).toThrow('FSK_NOT_SERIALIZABLE');
  });

  it('E8 throws in @OnConnect(), where packets wait', async () => {
    const seen: unknown[] = [];
    @SocketGateway()
    class GreetingGateway {
      @OnConnect()
      connect() {
        try {
          emit('news', 1n);
        } catch (error) {
          seen.push((error as { code: string }).code);
        }
      }
    }
    const app = await startApp({ providers: [GreetingGateway] });

    await app.connect();

    expect(seen).toEqual(['FSK_NOT_SERIALIZABLE']);
  });

  it('E8 leaves the connection as it was', async () => {
    const app = await appThatSays((what: string) => {
      if (what === 'bad') emit('reply', cyclic);
      return 'still here';
    });
    const client = await app.connect();
    await ask(client, 'say', 'bad');

    expect(await ask(client, 'say', 'good')).toEqual(['still here']);
  });
});

describe.each([
  ['polling', onlyPolling],
  ['WebSocket', onlyWebSocket],
])('what was emitted by %s', (_, options) => {
  const recipients: [string, () => EmitOptions][] = [
    ['the sender', () => ({})],
    ['a room', () => ({ to: request.sid })],
    ['everybody', () => ({ broadcast: true })],
    ['somebody who is asked', () => ({ callback: () => {} })],
  ];

  it.each(recipients)('E8 to %s is not changed by a later mutation', async (__, to) => {
    const app = await appThatSays(() => {
      const data = { list: [1] };
      emit('reply', data, to());
      data.list.push(2);
    });
    const client = await app.connect('/', options);
    const reply = next(client, 'reply');

    await ask(client, 'say');

    expect((await reply)[0]).toEqual({ list: [1] });
  });

  it.each(recipients)('E8 to %s keeps its bytes when they are overwritten', async (__, to) => {
    const app = await appThatSays(() => {
      const bytes = Buffer.from('before');
      emit('reply', { bytes }, to());
      bytes.fill(0);
    });
    const client = await app.connect('/', options);
    const reply = next(client, 'reply');

    await ask(client, 'say');

    expect((await reply)[0]).toEqual({ bytes: Buffer.from('before') });
  });

  it('E8 keeps a part of a larger memory when that is overwritten', async () => {
    const app = await appThatSays(() => {
      const memory = new ArrayBuffer(8);
      const bytes = new Uint8Array(memory, 2, 3).fill(7);
      emit('reply', bytes);
      new Uint8Array(memory).fill(0);
    });
    const client = await app.connect('/', options);
    const reply = next(client, 'reply');

    await ask(client, 'say');

    expect([...((await reply)[0] as Buffer)]).toEqual([7, 7, 7]);
  });

  it('E8 by an acknowledgement keeps its bytes when they are overwritten', async () => {
    const app = await appThatSays(() => {
      const bytes = Buffer.from('before');
      queueMicrotask(() => bytes.fill(0));
      return bytes;
    });
    const client = await app.connect('/', options);

    expect(await ask(client, 'say')).toEqual([Buffer.from('before')]);
  });

  it('E8 in @OnConnect() is not changed by a mutation before the client is told', async () => {
    const accepted = new Gate();
    @SocketGateway()
    class GreetingGateway {
      @OnConnect()
      async connect() {
        const data = { list: [1], bytes: Buffer.from('before') };
        emit('reply', data);
        data.list.push(2);
        data.bytes.fill(0);
        await accepted.opened;
      }
    }
    const app = await startApp({ providers: [GreetingGateway] });
    const client = app.open('/', options);
    const reply = next(client, 'reply');

    accepted.open();

    expect(await reply).toEqual([{ list: [1], bytes: Buffer.from('before') }]);
  });
});
