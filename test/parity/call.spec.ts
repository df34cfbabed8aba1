import {
  args,
  call,
  FlaskSocketError,
  joinRoom,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  SocketGateway,
  SocketIO,
  type CallOptions,
} from 'nestjs-flask-socket';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask, flushed, inbox, next, startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Wire } from '../support/wire.js';

type CallOptionsOf = (sid: string) => CallOptions;

/** The answer to a call, or the code of its error. */
async function outcome(calling: Promise<unknown>): Promise<unknown> {
  try {
    return await calling;
  } catch (error) {
    return error instanceof FlaskSocketError ? error.code : error;
  }
}

/** An application whose handler "call" asks "question" and acknowledges with what came of it. */
function appThatCalls(options: CallOptionsOf = () => ({}), data: unknown = 'how?'): Promise<RunningApp> {
  @SocketGateway()
  class CallingGateway {
    @OnEvent('call')
    @OnEvent('call', '/chat')
    async call(sid: string) {
      return [await outcome(call('question', data, options(sid)))];
    }

    @OnEvent('join')
    join(room: string) {
      joinRoom(room);
    }
  }
  return startApp({ providers: [CallingGateway], options: { namespaces: ['/', '/chat', '/other'] } });
}

describe('call', () => {
  it.each([
    ['the value of the answer', ['fine'], 'fine'],
    ['an array for several values', ['fine', 2, { three: 3 }], ['fine', 2, { three: 3 }]],
    ['the array that the answer is', [[1, 2]], [1, 2]],
    ['bytes', [Buffer.from('abc')], Buffer.from('abc')],
    ['null', [null], null],
  ])('E7 resolves with %s', async (_, answer, expected) => {
    const app = await appThatCalls();
    const client = await app.connect();
    client.on('question', (_text, answered) => answered(...answer));

    const [[answered]] = (await ask(client, 'call')) as [[unknown]];

    expect(answered).toEqual(expected);
  });

  it('E7 resolves with undefined for an answer without a value', async () => {
    const app = await startApp();
    const client = await app.connect();
    client.on('question', (answered) => answered());

    const answer = await app.get(SocketIO).call('question', undefined, { to: client.id as string });

    expect(answer).toBeUndefined();
  });

  it('E7 sends several values', async () => {
    const app = await appThatCalls(undefined, args('one', [2]));
    const client = await app.connect();
    client.on('question', (first, second, answered) => answered({ first, second }));

    expect(await ask(client, 'call')).toEqual([[{ first: 'one', second: [2] }]]);
  });

  it('E7 asks the sender only', async () => {
    const app = await appThatCalls();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    client.on('question', (_text, answered) => answered('fine'));
    const received = inbox(other);

    await ask(client, 'call');
    await flushed(other);

    expect(received).toEqual([]);
  });

  it('E7 stays in the namespace of the event', async () => {
    const app = await appThatCalls();
    const client = await app.connect('/chat');
    client.on('question', (_text, answered) => answered('in chat'));

    expect(await ask(client, 'call')).toEqual([['in chat']]);
  });

  it('E7 asks the same client in another namespace', async () => {
    const app = await appThatCalls(() => ({ namespace: '/other' }));
    const client = await app.connect();
    const same = await app.also(client, '/other');
    same.on('question', (_text, answered) => answered('the same'));

    expect(await ask(client, 'call')).toEqual([['the same']]);
  });

  it('E7 asks another client by its sid', async () => {
    const app = await appThatCalls((sid) => ({ to: sid }));
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    other.on('question', (_text, answered) => answered('the other'));

    expect(await ask(client, 'call', other.id)).toEqual([['the other']]);
  });

  it('E7 of SocketIO asks a client by its sid', async () => {
    const app = await appThatCalls();
    const client = await app.connect('/chat');
    client.on('question', (text, answered) => answered(text, 2));

    const answer = await app
      .get(SocketIO)
      .call('question', 'how?', { to: client.id as string, namespace: '/chat' });

    expect(answer).toEqual(['how?', 2]);
  });

  it('E7 keeps the context of the handler after the answer', async () => {
    @SocketGateway()
    class CallingGateway {
      @OnEvent('call')
      async call() {
        await call('question', 'how?');
        return [request.sid, request.event.message];
      }
    }
    const app = await startApp({ providers: [CallingGateway] });
    const client = await app.connect();
    client.on('question', (_text, answered) => answered());

    expect(await ask(client, 'call')).toEqual([[client.id, 'call']]);
  });

  it('E7 tells the answers of calls at the same time apart', async () => {
    @SocketGateway()
    class CallingGateway {
      @OnEvent('call')
      call() {
        return Promise.all([1, 2, 3].map((number) => call('question', number)));
      }
    }
    const app = await startApp({ providers: [CallingGateway] });
    const client = await app.connect();
    const answers: ((value: string) => void)[] = [];
    client.on('question', (number: number, answered: (value: string) => void) => {
      answers.push(() => answered(`answer ${number}`));
      if (number === 3) for (const answer of answers.toReversed()) answer('');
    });

    expect(await ask(client, 'call')).toEqual([['answer 1', 'answer 2', 'answer 3']]);
  });

  it('E7 outside of a handler rejects with an error that names SocketIO', async () => {
    await startApp();

    await expect(call('question')).rejects.toThrow(/FSK_NO_CONTEXT.*call\(\).*SocketIO/);
  });

  it('E7 rejects data that cannot be serialised', async () => {
    const app = await appThatCalls(undefined, 1n);
    const client = await app.connect();

    expect(await ask(client, 'call')).toEqual([['FSK_NOT_SERIALIZABLE']]);
  });
});

describe('a call without an answer', () => {
  afterEach(() => vi.useRealTimers());

  it('E7 rejects after its timeout', async () => {
    const app = await appThatCalls(() => ({ timeout: 10 }));
    const client = await app.connect();

    expect(await ask(client, 'call')).toEqual([['FSK_CALL_TIMEOUT']]);
  });

  it('E7 names event and timeout when it rejects', async () => {
    const app = await startApp();
    const client = await app.connect();

    const calling = app.get(SocketIO).call('question', 1, { to: client.id as string, timeout: 10 });

    await expect(calling).rejects.toThrow(/'question' within 10 ms/);
  });

  it.each([
    [59_999, 'waits'],
    [60_000, 'FSK_CALL_TIMEOUT'],
  ])('E7 after %i ms by default: %s', async (milliseconds, expected) => {
    const app = await startApp({ options: { pingInterval: 600_000 } });
    const client = await app.connect();
    const question = next(client, 'question');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const calling = outcome(app.get(SocketIO).call('question', 1, { to: client.id as string }));
    await question;

    vi.advanceTimersByTime(milliseconds);

    expect(await Promise.race([calling, flushed(client).then(() => 'waits')])).toBe(expected);
  });

  it('E7 ignores an answer after the timeout', async () => {
    const app = await appThatCalls(() => ({ timeout: 10 }));
    const client = await app.connect();
    const late = new Journal<() => void>();
    client.on('question', (_text, answered) => late.add(() => answered('late')));
    await ask(client, 'call');

    late.entries[0]?.();
    await flushed(client);

    expect([...app.log.of('error'), ...app.log.of('warn')]).toEqual([]);
  });

  it('E7 keeps nothing after the timeout', async () => {
    const app = await appThatCalls(() => ({ timeout: 10 }));
    const client = await app.connect();
    const socket = app.get(SocketIO).server.sockets.sockets.get(client.id as string);

    await ask(client, 'call');

    expect((socket as unknown as { acks: Map<number, unknown> }).acks.size).toBe(0);
  });

  it.each([
    ['leaves the namespace', (leave: Leave) => leave.namespace()],
    ['loses its connection', (leave: Leave) => leave.connection()],
  ])('E7 rejects at once when the client %s', async (_, leave) => {
    const app = await startApp();
    const wire = await Wire.open(app);
    wire.send('40');
    const accepted = await wire.find((packet) => packet.startsWith('40'));
    const { sid } = JSON.parse(accepted.slice(2)) as { sid: string };
    const calling = outcome(app.get(SocketIO).call('question', 1, { to: sid }));
    await wire.find((packet) => packet.includes('"question"'));

    leave({ namespace: () => wire.send('41'), connection: () => wire.socket.terminate() });

    expect(await calling).toBe('FSK_CALL_DISCONNECTED');
  });

  it('E7 rejects at once when the server disconnects the client', async () => {
    const app = await startApp();
    const client = await app.connect();
    const calling = outcome(app.get(SocketIO).call('question', 1, { to: client.id as string }));

    app.get(SocketIO).disconnect({ sid: client.id as string });

    expect(await calling).toBe('FSK_CALL_DISCONNECTED');
  });

  it('E7 rejects when the application ends', async () => {
    const app = await startApp();
    const client = await app.connect();
    const calling = outcome(app.get(SocketIO).call('question', 1, { to: client.id as string }));

    await app.close();

    expect(await calling).toBe('FSK_CALL_DISCONNECTED');
  });

  interface Leave {
    namespace: () => void;
    connection: () => void;
  }
});

describe('a call to nobody or to many', () => {
  const nobody: [string, CallOptionsOf, string][] = [
    ['an unknown sid', () => ({ to: 'unknown' }), 'FSK_CALL_NO_RECIPIENT'],
    ['an empty list', () => ({ to: [] }), 'FSK_CALL_NO_RECIPIENT'],
    ['a namespace in which the client is not', () => ({ namespace: '/other' }), 'FSK_CALL_NO_RECIPIENT'],
    ['a sid of another namespace', (sid) => ({ to: sid, namespace: '/other' }), 'FSK_CALL_NO_RECIPIENT'],
    ['a broadcast', () => ({ broadcast: true }), 'FSK_CALL_MANY_RECIPIENTS'],
    ['a room', () => ({ to: 'room' }), 'FSK_CALL_MANY_RECIPIENTS'],
    ['several sids', (sid) => ({ to: [sid, 'unknown'] }), 'FSK_CALL_MANY_RECIPIENTS'],
  ];

  it.each(nobody)('E7 rejects at once: %s', async (_, options, code) => {
    const app = await appThatCalls(options);
    const client = await app.connect();
    await ask(client, 'join', 'room');

    expect(await ask(client, 'call', client.id)).toEqual([[code]]);
  });

  it.each(nobody)('E7 sends nothing: %s', async (_, options) => {
    const app = await appThatCalls(options);
    const client = await app.connect();
    await ask(client, 'join', 'room');
    const same = await app.also(client, '/other');
    same.disconnect();
    const received = inbox(client);

    await ask(client, 'call', client.id);

    expect(received).toEqual([]);
  });

  it('E7 of SocketIO without a recipient would be a broadcast, and rejects', async () => {
    const app = await startApp();
    await app.connect();

    expect(await outcome(app.get(SocketIO).call('question'))).toBe('FSK_CALL_MANY_RECIPIENTS');
  });

  it('E7 rejects at once in a handler whose client has left', async () => {
    const left = new Gate();
    const outcomes = new Journal<unknown>();
    @SocketGateway()
    class SlowGateway {
      @OnEvent('call')
      async call() {
        await left.opened;
        outcomes.add(await outcome(call('question')));
      }

      @OnDisconnect()
      left() {
        left.open();
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    const client = await app.connect();
    client.emit('call');
    await flushed(client);

    client.disconnect();

    expect(await outcomes.reached(1)).toEqual(['FSK_CALL_NO_RECIPIENT']);
  });

  it('E7 rejects at once in @OnDisconnect()', async () => {
    const outcomes = new Journal<unknown>();
    @SocketGateway()
    class LeavingGateway {
      @OnDisconnect()
      async left() {
        outcomes.add(await outcome(call('question')));
      }
    }
    const app = await startApp({ providers: [LeavingGateway] });
    const client = await app.connect();

    client.disconnect();

    expect(await outcomes.reached(1)).toEqual(['FSK_CALL_NO_RECIPIENT']);
  });

  it('E7 rejects at once in @OnConnect(), before the client can answer', async () => {
    const outcomes = new Journal<unknown>();
    @SocketGateway()
    class GreetingGateway {
      @OnConnect()
      async connect() {
        outcomes.add(await outcome(call('question')));
      }
    }
    const app = await startApp({ providers: [GreetingGateway] });

    await app.connect();

    expect(outcomes.entries).toEqual(['FSK_CALL_BEFORE_CONNECT']);
  });
});
