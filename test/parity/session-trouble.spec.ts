import { Inject, Injectable, Scope } from '@nestjs/common';
import type { Store } from 'express-session';
import {
  ConnectionRefusedError,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  Session,
  SocketGateway,
  SocketSession,
  args,
  emit,
  request,
  session,
  type SessionInterface,
} from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { describe, expect, it, vi } from 'vitest';
import { ask, flushed, refusal, startApp } from '../support/app.js';
import { redisBroker } from '../support/brokers.js';
import { Gate, Journal } from '../support/journal.js';
import {
  Browser,
  platforms,
  redisStoreAt,
  sessionGateway,
  sessionOf,
  startSessions,
} from '../support/session-app.js';
import { have } from '../support/system-packages.mjs';

describe.each(platforms)('sessions that are not what they should be, on $platform', ({ adapter }) => {
  it('K5 a forged cookie opens nobody’s session', async () => {
    const { app, browser } = await startSessions({ adapter });
    await browser.get('set/name/anna');
    const forged = new Browser(app);
    forged.cookie = `connect.sid=s%3A${browser.sessionId}.forged`;

    const client = await forged.connect();
    await ask(client, 'set', 'mine', 1);

    expect([await sessionOf(client), await browser.get('all')]).toEqual([{ mine: 1 }, { name: 'anna' }]);
  });

  it.each([true, false])(
    'K5 an expired cookie opens an empty session (manageSession: %s)',
    async (manageSession) => {
      const { browser, store } = await startSessions({ adapter, options: { manageSession } });
      await browser.get('set/name/anna');
      await new Promise<unknown>((resolve) => {
        store.destroy(browser.sessionId, resolve);
      });

      const client = await browser.connect();

      expect(await sessionOf(client)).toEqual({});
    },
  );

  it('K5 a store that fails refuses clients, and tells them nothing of it', async () => {
    const { app, browser, store } = await startSessions({ adapter });
    await browser.get('set/name/anna');
    breakDown(store);

    await expect(browser.connect()).rejects.toThrow('websocket error');

    expect(app.log.of('error')).toEqual([expect.stringContaining('FSK_SESSION_UNAVAILABLE')]);
  });

  it.each([true, false])(
    'K6 while a store fails no event is handled; the connection stays and goes on (manageSession: %s)',
    async (manageSession) => {
      const { browser, store } = await startSessions({ adapter, options: { manageSession } });
      await browser.get('set/name/anna');
      const client = await browser.connect();

      const repair = breakDown(store);
      const failed = await ask(client, 'set', 'name', 'zoe');
      repair();

      expect([failed, await sessionOf(client)]).toEqual([
        [{ failed: 'FSK_SESSION_UNAVAILABLE' }],
        { name: 'anna' },
      ]);
    },
  );

  it('K6 error handlers see no old session while the store fails', async () => {
    const seen = new Journal<object>();
    @SocketGateway('/strict')
    class StrictGateway {
      @OnEvent('x')
      x() {}

      @OnError()
      failed() {
        seen.add(Object.fromEntries(Object.entries(session)));
      }
    }
    const { browser, store } = await startSessions({ adapter, providers: [StrictGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/strict');

    breakDown(store);
    await ask(client, 'x');

    expect(seen.entries).toEqual([{}]);
  });

  it('K6 a disconnect handler runs although the store fails, with the session as it was', async () => {
    const seen = new Journal<unknown>();
    @SocketGateway('/leaving')
    class LeavingGateway {
      @OnDisconnect()
      leave() {
        seen.add(session['name']);
      }
    }
    const { browser, store } = await startSessions({ adapter, providers: [LeavingGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/leaving');

    breakDown(store);
    client.disconnect();

    expect(await seen.reached(1)).toEqual(['anna']);
  });

  it.skipIf(!have('redis-server'))('K6 a Redis that hangs is waited for in bounded time', async () => {
    const redis = await redisBroker();
    await redis.start();
    const store = await redisStoreAt(redis.url);
    const { app, browser } = await startSessions({ adapter, store, options: { sessionTimeout: 1_000 } });
    await browser.get('set/name/anna');
    const client = await browser.connect();

    redis.pause();
    const failed = await ask(client, 'all');
    await refusal(app.open('/', { transports: ['websocket'], extraHeaders: { Cookie: browser.cookie! } }));
    redis.resume();

    expect([failed, await sessionOf(client)]).toEqual([
      [{ failed: 'FSK_SESSION_UNAVAILABLE' }],
      { name: 'anna' },
    ]);
    await redis.stop();
  });

  it('K6 what cannot be saved is an error, and nothing of it is saved', async () => {
    @SocketGateway('/big')
    class BigGateway {
      @OnEvent('x')
      x() {
        session['name'] = 'zoe';
        session['big'] = 1n;
      }

      @OnError()
      failed(error: { code: string }) {
        return error.code;
      }
    }
    const options = { manageSession: false };
    const { browser } = await startSessions({ adapter, options, providers: [BigGateway] });
    await browser.get('set/name/anna');

    const answer = await ask(await browser.connect('/big'), 'x');

    expect([answer, await browser.get('all')]).toEqual([['FSK_SESSION_NOT_SERIALIZABLE'], { name: 'anna' }]);
  });

  it('K5 what cannot be saved stays with the connection in a managed session', async () => {
    @SocketGateway('/big')
    class BigGateway {
      @OnEvent('x')
      x() {
        session['big'] = 1n;
      }

      @OnEvent('y')
      y() {
        return String(session['big']);
      }
    }
    const { browser } = await startSessions({ adapter, providers: [BigGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/big');

    await ask(client, 'x');

    expect(await ask(client, 'y')).toEqual(['1']);
  });
});

describe('a store', () => {
  it.each<[string, object]>([
    ['that brought no session', { manageSession: true }],
    ['that brought no session', { manageSession: false }],
  ])('K5 is not asked for connections %s (%o)', async (_, options) => {
    const { app, store } = await startSessions({ options });
    const reads = vi.spyOn(store, 'get');

    const client = await app.connect();
    await ask(client, 'set', 'mine', 1);

    expect([await sessionOf(client), reads.mock.calls.length]).toEqual([{ mine: 1 }, 0]);
  });

  it('K5 is not asked for a connection that has a session of its own', async () => {
    const { browser, store } = await startSessions();
    await browser.get('set/name/anna');
    const client = await browser.connect();
    await ask(client, 'set', 'mine', 1);
    const reads = vi.spyOn(store, 'get');

    await sessionOf(client);

    expect(reads).not.toHaveBeenCalled();
  });

  it.each([true, false])(
    'K5 is not asked for handlers that need no session (manageSession: %s)',
    async (manageSession) => {
      @SocketGateway()
      class MoveGateway {
        @OnEvent('move', '/', { session: false })
        move() {
          return 'moved';
        }

        @OnEvent('peek', '/', { session: false })
        peek() {
          return session['name'];
        }
      }
      const { browser, store } = await startSessions({
        options: { manageSession },
        providers: [MoveGateway],
      });
      await browser.get('set/name/anna');
      const client = await browser.connect();
      const reads = vi.spyOn(store, 'get');

      const answers = [await ask(client, 'move'), await ask(client, 'peek')];

      expect([answers, reads.mock.calls.length]).toEqual([
        [['moved'], [{ failed: 'FSK_SESSION_NOT_USED' }]],
        0,
      ]);
    },
  );

  it('K5 that is slow does not change the order of events', async () => {
    const gates = [new Gate(), new Gate()];
    const order = new Journal<string>();
    const reads = new Journal<Gate | undefined>();
    const sessions: SessionInterface = {
      async open() {
        const gate = gates[reads.entries.length - 1];
        reads.add(gate);
        await gate?.opened;
        return {};
      },
      save() {},
    };
    @SocketGateway()
    class OrderGateway {
      @OnEvent('x')
      x(name: string) {
        order.add(name);
      }
    }
    const app = await startApp({ providers: [OrderGateway], options: { session: sessions } });
    const client = await app.connect();

    const answers = Promise.all(['first', 'second', 'third'].map((name) => ask(client, 'x', name)));
    await reads.reached(2); // that of the handshake came first
    gates[0]?.open();
    await reads.reached(3);
    gates[1]?.open();
    await answers;

    expect(order.entries).toEqual(['first', 'second', 'third']);
  });

  it('K6 an event sees what earlier ones of its client have written, though it waited for none', async () => {
    const { browser } = await startSessions({ options: { manageSession: false } });
    await browser.get('set/name/anna');
    const client = await browser.connect();

    client.emit('set', 'color', 'red');
    client.emit('set', 'size', 7);

    expect(await sessionOf(client)).toEqual({ name: 'anna', color: 'red', size: 7 });
  });

  it('K6 keeps what two events write that overlap: key by key, the later of one key', async () => {
    const gate = new Gate();
    @SocketGateway('/slow')
    class SlowGateway {
      @OnEvent('slow')
      async slow() {
        session['slow'] = 1;
        session['both'] = 'slow';
        await gate.opened;
      }

      @OnEvent('fast')
      fast() {
        session['fast'] = 1;
        session['both'] = 'fast';
      }
    }
    const { browser } = await startSessions({ options: { manageSession: false }, providers: [SlowGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/slow');

    const slow = ask(client, 'slow');
    await ask(client, 'fast');
    await browser.get('set/http/1');
    gate.open();
    await slow;

    expect(await browser.get('all')).toEqual({ name: 'anna', http: '1', fast: 1, slow: 1, both: 'slow' });
  });

  it.each(['set', 'set later', 'set and throw'])(
    'K6 has what an event wrote before the client has its acknowledgement: %s',
    async (event) => {
      const { browser, store } = await startSessions({ options: { manageSession: false } });
      await browser.get('set/name/anna');
      const client = await browser.connect();
      const order = new Journal();
      const gate = new Gate();
      vi.spyOn(store, 'set').mockImplementation((_, __, done) => {
        order.add('asked');
        void gate.opened.then(() => {
          order.add('saved');
          done?.();
        });
      });

      const answered = ask(client, event, 'name', 'zoe').then(() => order.add('answered'));
      await order.has('asked');
      await flushed(client);
      gate.open();
      await answered;

      expect(order.entries).toEqual(['asked', 'saved', 'answered']);
    },
  );

  it('K6 does not get back a session that ended while an event wrote to it', async () => {
    const gate = new Gate();
    @SocketGateway('/slow')
    class SlowGateway {
      @OnEvent('slow')
      async slow() {
        session['slow'] = 1;
        await gate.opened;
      }
    }
    const options = { manageSession: false };
    const { app, browser, store } = await startSessions({ options, providers: [SlowGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/slow');

    const slow = ask(client, 'slow');
    await browser.get('logout');
    gate.open();
    await slow;

    const left = await new Promise((resolve) => store.all!((_, all) => resolve(all)));
    expect(left).toEqual({});
    expect(app.log.of('debug')).toContainEqual(expect.stringContaining("'slow'"));
  });

  it('K5 keeps what an event writes that HTTP overtook', async () => {
    const gate = new Gate();
    @SocketGateway('/slow')
    class SlowGateway {
      @OnEvent('slow')
      async slow() {
        await gate.opened;
        session['slow'] = 1;
      }

      @OnEvent('all')
      all() {
        return Object.fromEntries(Object.entries(session));
      }
    }
    const { browser } = await startSessions({ providers: [SlowGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/slow');

    const slow = ask(client, 'slow');
    await ask(client, 'all');
    await browser.get('set/name/berta');
    const overtaken = await ask(client, 'all');
    gate.open();
    await slow;

    expect([overtaken, await sessionOf(client)]).toEqual([[{ name: 'berta' }], { name: 'berta', slow: 1 }]);
  });
});

describe('a session', () => {
  it('K6 is one object in an event, however it is reached, hooks and callbacks included', async () => {
    const seen = new Journal<unknown>();
    @Injectable({ scope: Scope.REQUEST })
    class Cart {
      constructor(@Inject(SocketSession) readonly own: SocketSession) {}
    }
    @SocketGateway('/ways')
    class WaysGateway {
      constructor(@Inject(Cart) private readonly cart: Cart) {}

      @OnConnect()
      connect() {
        session['connected'] = true;
      }

      @OnEvent('x')
      x(@Session() own: SocketSession) {
        own['a'] = 1;
        this.cart.own['b'] = 2;
        request.session['c'] = 3;
        session['d'] = 4;
        emit('question', undefined, {
          callback: () => {
            session['answered'] = true;
          },
        });
      }

      @OnDisconnect()
      leave() {
        seen.add(session['answered']);
        session['left'] = true;
      }
    }
    const options = { manageSession: false };
    const { browser } = await startSessions({ options, providers: [Cart, WaysGateway] });
    await browser.get('set/name/anna');
    const client = await browser.connect('/ways');
    const answered = new Promise<void>((resolve) => {
      client.on('question', (answer: () => void) => {
        answer();
        resolve();
      });
    });

    await ask(client, 'x');
    await answered;
    client.disconnect();

    const all = { name: 'anna', connected: true, a: 1, b: 2, c: 3, d: 4, answered: true, left: true };
    expect(await seen.reached(1)).toEqual([true]);
    await vi.waitFor(async () => expect(await browser.get('all')).toEqual(all));
  });

  it('K6 keeps what a refused @OnConnect and error handlers have written', async () => {
    @SocketGateway('/closed')
    class ClosedGateway {
      @OnConnect()
      connect() {
        session['tries'] = 1;
        throw new Error('closed');
      }

      @OnError()
      failed() {
        session['failed'] = true;
      }
    }
    const { app, browser } = await startSessions({
      options: { manageSession: false },
      providers: [ClosedGateway],
    });
    await browser.get('set/name/anna');

    await refusal(app.open('/closed', { extraHeaders: { Cookie: browser.cookie! } }));

    expect(await browser.get('all')).toEqual({ name: 'anna', tries: 1, failed: true });
  });

  it('K6 keeps what an @OnConnect has written that refused by itself', async () => {
    @SocketGateway('/closed')
    class ClosedGateway {
      @OnConnect()
      connect() {
        session['tries'] = 1;
        throw new ConnectionRefusedError('closed');
      }
    }
    const options = { manageSession: false };
    const { app, browser } = await startSessions({ options, providers: [ClosedGateway] });
    await browser.get('set/name/anna');

    await refusal(app.open('/closed', { extraHeaders: { Cookie: browser.cookie! } }));

    await vi.waitFor(async () => expect(await browser.get('all')).toEqual({ name: 'anna', tries: 1 }));
  });

  it('K5 is the connection’s own where none is configured', async () => {
    const app = await startApp({ providers: [sessionGateway('/'), sessionGateway('/chat')] });
    const [client, other] = [await app.connect(), await app.connect()];
    const chat = await app.also(client, '/chat');

    await ask(client, 'set', 'name', 'anna');

    expect([await sessionOf(chat), await sessionOf(other)]).toEqual([{ name: 'anna' }, {}]);
  });

  it('K5 that no cookie brought is said once, in one debug line', async () => {
    const { app, browser } = await startSessions();
    await browser.get('set/name/anna');

    await browser.connect();
    const before = app.log.of('debug').length;
    await app.connect();
    await app.connect();

    expect([before, app.log.of('debug')]).toEqual([0, [expect.stringMatching(/127\.0\.0\.1.*localhost/)]]);
  });

  it('K5 is waited for by the test client', async () => {
    const { app, browser } = await startSessions({ options: { manageSession: false } });
    await browser.get('set/name/anna');
    const client = await createTestClient(app.app, { http: browser.cookie! });

    await client.emit('set', args('name', 'zoe'));

    expect(await browser.get('all')).toEqual({ name: 'zoe' });
    await client.disconnect();
  });

  it('K5 of one application is unknown to another in the same process', async () => {
    const [one, other] = [await startSessions(), await startSessions()];
    await one.browser.get('set/name/anna');
    const stranger = new Browser(other.app);
    stranger.cookie = one.browser.cookie;

    expect(await sessionOf(await stranger.connect())).toEqual({});
  });
});

/** From now on the store fails, until what is returned is called. */
function breakDown(store: Store): () => void {
  const get = vi.spyOn(store, 'get').mockImplementation((_, done) => done(new Error('the store is down')));
  return () => get.mockRestore();
}
