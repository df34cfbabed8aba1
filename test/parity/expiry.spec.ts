import { UseGuards, type CanActivate } from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import {
  emit,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  Reason,
  request,
  SocketGateway,
  SocketIO,
  user,
  type FlaskSocketOptions,
  type SessionMiddleware,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, connected, flushed, inbox, next, refusal, startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Browser, loginMiddlewares, startWithLogin } from '../support/login.js';
import { Wire } from '../support/wire.js';

const EXPIRED = { status: 'error', message: 'Connection expired', code: 'EXPIRED' };
const HOUR = 60 * 60 * 1_000;

const left = new Journal();

@SocketGateway('*')
class ExpiryGateway {
  @OnDisconnect()
  left(@Reason() reason: string) {
    left.add(`${request.sid} ${reason}`);
  }

  @OnEvent('expire in')
  expireIn(...times: number[]) {
    for (const time of times) request.expiresAt = new Date(Date.now() + time);
    return 'set';
  }

  @OnEvent('never')
  never() {
    request.expiresAt = undefined;
  }

  @OnEvent('when')
  when() {
    return request.expiresAt;
  }

  @OnEvent('what')
  what(value: unknown) {
    request.expiresAt = value as number;
    return 'set';
  }

  @OnError()
  failed(error: { code?: string }) {
    return error.code;
  }
}

const start = (options: FlaskSocketOptions = {}, providers: object[] = []) =>
  startApp({ providers: [...(providers as never[]), ExpiryGateway], options });

/** What a client is told at its end: the last event, and why it was disconnected. */
async function endOf(client: Socket): Promise<unknown[]> {
  const received = inbox(client);
  const [reason] = await next(client, 'disconnect');
  return [received.at(-1), reason];
}

const END = [['exception', EXPIRED], 'io server disconnect'];

/** A time that passes while the test does not look at the clock: timers are due when the server has them. */
const SOON = 30;

describe('a connection that expires', () => {
  it.each(['polling', 'websocket'])('A3 is told so and disconnected, by %s', async (transport) => {
    const app = await start();
    const client = await app.connect('/', { transports: [transport] });
    const { id } = client;
    const end = endOf(client);

    await ask(client, 'expire in', SOON);

    expect(await end).toEqual(END);
    await left.has(`${id} expired`);
  });

  it('A3 ends in all its namespaces: the user is the same in all of them', async () => {
    const app = await start({ namespaces: ['/', '/chat'] });
    const client = await app.connect();
    const chat = await app.also(client, '/chat');
    const ends = [endOf(client), endOf(chat)];

    await ask(chat, 'expire in', SOON);

    expect(await Promise.all(ends)).toEqual([END, END]);
  });

  it('A3 leaves other clients alone', async () => {
    const app = await start();
    const [client, other] = [await app.connect(), await app.connect()];
    const end = endOf(client);
    await ask(client, 'expire in', SOON);
    await end;
    await flushed(other);

    expect(other.connected).toBe(true);
  });

  it('A3 may be set by a middleware on the HTTP request', async () => {
    const middleware: SessionMiddleware = (http: { expiresAt?: number }, _: unknown, proceed: () => void) => {
      http.expiresAt = Date.now() + HOUR;
      proceed();
    };
    const app = await start({ session: middleware });
    const client = await app.connect();

    const [first] = await ask(client, 'when');
    await ask(client, 'never');

    expect([typeof first, await ask(client, 'when')]).toEqual(['number', []]);
  });

  it('A3 may be the end of the cookie of a session', async () => {
    @SocketGateway()
    class SessionGateway {
      @OnConnect()
      connect() {
        const { session } = request.http as unknown as { session: { cookie: { expires: Date | null } } };
        request.expiresAt = session.cookie.expires;
      }
    }
    const session = loginMiddlewares({ maxAge: 3_000 });
    const app = await startWithLogin({ providers: [SessionGateway], options: { session } });
    const browser = new Browser(app);
    await browser.login('ann');
    const client = await app.connect('/', browser.headers);

    expect(await endOf(client)).toEqual(END);
  });

  it('A3 is extended by setting it again', async () => {
    const app = await start();
    const client = await app.connect();
    const other = await app.connect();
    const end = endOf(other);
    await ask(client, 'expire in', SOON, HOUR);

    await ask(other, 'expire in', SOON + 10); // due after the first time of the other one
    await end;
    await flushed(client);

    expect(client.connected).toBe(true);
  });

  it.each(['soon', {}, true, '2030-01-01'])('A3 cannot expire at %s', async (value) => {
    const app = await start();
    const client = await app.connect();

    expect([await ask(client, 'what', value), client.connected]).toEqual([['FSK_INVALID_EXPIRY'], true]);
  });

  it('A3 in seconds, as a JWT counts, ends at once, and the log says why', async () => {
    const app = await start();
    const client = await app.connect();
    const end = endOf(client);

    client.emit('what', Math.floor(Date.now() / 1_000) + 3_600);

    expect(await end).toEqual(END);
    expect(app.log.of('warn')).toEqual([expect.stringContaining('seconds')]);
  });
});

describe('an expiry that has passed', () => {
  it('A3 ends the connection before the handler goes on', async () => {
    const rest = new Journal<unknown>();
    @SocketGateway()
    class PastGateway {
      @OnEvent('past')
      past() {
        request.expiresAt = Date.now() - 1;
        emit('news', 1);
        rest.add(app.get(SocketIO).rooms({ sid: request.sid }));
      }
    }
    const app = await start({}, [PastGateway]);
    const client = await app.connect();
    const end = endOf(client);

    client.emit('past');

    expect([await end, await rest.reached(1)]).toEqual([END, [[]]]);
  });

  class Expired implements CanActivate {
    canActivate() {
      request.expiresAt = new Date(Date.now() - 1);
      return true;
    }
  }

  it('A3 refuses at connect: set by a guard, @OnConnect() does not run', async () => {
    const ran = new Journal();
    @SocketGateway()
    class GuardedGateway {
      @UseGuards(Expired)
      @OnConnect()
      connect() {
        ran.add('connect');
      }

      @OnError()
      failed() {
        ran.add('error');
        return true;
      }
    }
    const app = await start({}, [GuardedGateway]);

    const { message, data } = await refusal(app.open());

    expect([message, data, ran.entries]).toEqual(['Connection expired', { code: 'EXPIRED' }, []]);
  });

  it.each<[string, (set: () => void) => void | Promise<void>]>([
    ['by @OnConnect()', (set) => set()],
    ['by an @OnConnect() that awaits', async (set) => (await Promise.resolve(), set())],
  ])('A3 refuses at connect: set %s', async (_, connect) => {
    @SocketGateway()
    class ConnectGateway {
      @OnConnect()
      connect() {
        return connect(() => (request.expiresAt = Date.now() - 1));
      }
    }
    const app = await start({}, [ConnectGateway]);

    expect((await refusal(app.open())).message).toBe('Connection expired');
  });

  it('A3 refuses at connect: reached while @OnConnect() was running', async () => {
    const gate = new Gate();
    @SocketGateway()
    class SlowGateway {
      @OnConnect()
      async connect() {
        const expiresAt = Date.now() + SOON;
        request.expiresAt = expiresAt;
        while (Date.now() < expiresAt) await new Promise(setImmediate);
        await gate.opened;
      }
    }
    const app = await start({}, [SlowGateway]);
    const refused = refusal(app.open());
    gate.open();

    expect((await refused).message).toBe('Connection expired');
  });

  it.each([
    { asked: 'expired', value: new Date(0), message: 'Connection expired' },
    { asked: 'no time', value: 'soon', message: 'Internal server error' },
  ])('A3 refuses at connect: set by a middleware to what has $asked', async ({ value, message }) => {
    const middleware: SessionMiddleware = (
      http: { expiresAt?: unknown },
      _: unknown,
      proceed: () => void,
    ) => {
      http.expiresAt = value;
      proceed();
    };
    const app = await start({ session: middleware });

    expect((await refusal(app.open())).message).toBe(message);
  });

  it('A3 ends the connection under alwaysConnect', async () => {
    @SocketGateway()
    class ConnectGateway {
      @UseGuards(Expired)
      @OnConnect()
      connect() {}
    }
    const app = await start({ alwaysConnect: true }, [ConnectGateway]);
    const client = app.open();

    expect(await endOf(client)).toEqual(END);
  });

  it('A3 keeps the same connection out of every namespace until it is renewed', async () => {
    const app = await start({ namespaces: ['/', '/chat'] });
    const wire = await Wire.open(app);
    await wire.join();
    wire.send('42["expire in",0]');
    await wire.find((packet) => packet === '41');

    wire.send('40/chat,');

    expect(await wire.find((packet) => packet.startsWith('44/chat,'))).toContain('Connection expired');
  });
});

describe('an event after the expiry', () => {
  /** The clock goes on, the timers do not: as when the process was busy. */
  function later(milliseconds: number) {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + milliseconds });
    onTestFinished(() => void vi.useRealTimers());
  }

  it('A3 is not handled, even if the timer is late', async () => {
    const app = await start();
    const client = await app.connect();
    const end = endOf(client);
    await ask(client, 'expire in', 10_000);
    later(15_000);
    const answered = new Journal();

    client.emit('when', () => answered.add('answered'));

    expect([await end, answered.entries]).toEqual([END, []]);
  });

  it('A3 is not handled after it had to wait for an earlier one', async () => {
    const [gate, handled] = [new Gate(), new Journal()];
    @SocketGateway()
    class SerialGateway {
      @OnEvent('wait')
      async wait() {
        handled.add('wait');
        await gate.opened;
      }

      @OnEvent('second')
      second() {
        handled.add('second');
      }
    }
    const app = await start({ asyncHandlers: false }, [SerialGateway]);
    const client = await app.connect();
    await ask(client, 'expire in', 10_000);
    const waited = ask(client, 'wait');
    client.emit('second');
    await handled.has('wait');
    await flushed(client);
    later(15_000);
    gate.open();

    await waited;
    vi.useRealTimers();
    const other = await app.connect();
    await flushed(other);
    expect(handled.entries).toEqual(['wait']);
  });
});

describe('the timer of an expiry', () => {
  /** The timers that were set for about an hour. */
  function hourTimers() {
    const set = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => set.mockRestore());
    return () =>
      set.mock.results
        .filter((_, index) => Math.abs((set.mock.calls[index]![1] ?? 0) - HOUR) < 60_000)
        .map(({ value }) => value as NodeJS.Timeout & { _destroyed: boolean });
  }

  it('A3 keeps no process alive, and is one for all namespaces', async () => {
    const app = await start({ namespaces: ['/', '/chat'] });
    const client = await app.connect();
    const chat = await app.also(client, '/chat');
    const timers = hourTimers();
    await ask(client, 'expire in', HOUR);
    await ask(chat, 'expire in', HOUR);

    expect(timers().map((timer) => [timer.hasRef(), timer._destroyed])).toEqual([
      [false, true],
      [false, false],
    ]);
  });

  it.each([
    ['leaves its last namespace', (client: Socket) => client.disconnect()],
    ['loses its connection', (client: Socket) => client.io.engine.close()],
  ])('A3 goes when the client %s', async (_, leave) => {
    const app = await start({ namespaces: ['/', '/chat'] });
    const client = await app.connect();
    const chat = await app.also(client, '/chat');
    const { id } = client;
    const timers = hourTimers();
    await ask(client, 'expire in', HOUR);
    chat.disconnect();
    await flushed(client);
    const before = timers().map(({ _destroyed }) => _destroyed);

    leave(client);
    await left.find((entry) => entry.startsWith(`${id} `));

    expect([before, timers().map(({ _destroyed }) => _destroyed)]).toEqual([[false], [true]]);
  });

  it('A3 is not there for a client that is refused', async () => {
    @SocketGateway()
    class RefusingGateway {
      @OnConnect()
      connect() {
        request.expiresAt = Date.now() + HOUR;
        return false;
      }
    }
    const app = await start({}, [RefusingGateway]);
    const timers = hourTimers();

    await refusal(app.open());

    expect(timers()).toEqual([]);
  });

  it('A3 comes back with the client', async () => {
    const app = await start({ namespaces: ['/', '/chat'] });
    const wire = await Wire.open(app);
    await wire.join();
    wire.send('42["expire in",1000]');
    wire.send('41');

    await wire.join('/chat');

    expect(await wire.find((packet) => packet.startsWith('42/chat,'))).toContain('EXPIRED');
    await wire.find((packet) => packet === '41/chat,');
  });
});

describe('a token that is refreshed', () => {
  const secret = 'secret';
  const tokenOf = (seconds: number, sub = 7) =>
    new JwtService({ secret }).sign({ sub }, { expiresIn: seconds });

  interface Token {
    sub: number;
    exp: number;
  }

  @SocketGateway()
  class TokenGateway {
    readonly #jwt = new JwtService({ secret });

    @OnConnect()
    async connect({ token }: { token: string }) {
      this.#accept(await this.#jwt.verifyAsync<Token>(token));
    }

    @OnEvent('refresh')
    async refresh(token: string) {
      const fresh = await this.#jwt.verifyAsync<Token>(token);
      if (fresh.sub !== request.user) return 'another user';
      this.#accept(fresh);
      return 'extended';
    }

    #accept({ sub, exp }: Token) {
      request.user = sub;
      request.expiresAt = exp * 1_000;
    }
  }

  const startTokens = (): Promise<RunningApp> =>
    startApp({
      imports: [JwtModule.register({ secret })],
      providers: [TokenGateway],
      options: { identify: (client) => client.user as number },
    });

  it('A3 ends the connection at its exp', async () => {
    const app = await startTokens();
    const client = await app.connect('/', { auth: { token: tokenOf(3) } });

    expect(await endOf(client)).toEqual(END);
  });

  it('A3 extends the connection, which stays in the room of its user', async () => {
    const app = await startTokens();
    const [client, other] = [
      await app.connect('/', { auth: { token: tokenOf(3) } }),
      await app.connect('/', { auth: { token: tokenOf(3) } }),
    ];
    const answer = await ask(client, 'refresh', tokenOf(60));
    await endOf(other);
    await flushed(client);
    const news = next(client, 'news');
    app.get(SocketIO).emit('news', 1, { to: user(7) });

    expect([answer, await news]).toEqual([['extended'], [1]]);
  });

  it('A3 that is expired or of somebody else extends nothing', async () => {
    const app = await startTokens();
    const client = await app.connect('/', { auth: { token: tokenOf(60) } });

    expect([await ask(client, 'refresh', tokenOf(60, 8)), await ask(client, 'refresh', tokenOf(-1))]).toEqual(
      [['another user'], [{ status: 'error', message: 'Internal server error' }]],
    );
    await expect(connected(app.open('/', { auth: { token: tokenOf(-1) } }))).rejects.toThrow(
      'Internal server error',
    );
  });
});
