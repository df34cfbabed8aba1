import type { SessionData, Store } from 'express-session';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { memoryStore, platforms, redisStoreAt, sessionOf, startSessions } from '../support/session-app.js';
import { have } from '../support/system-packages.mjs';

let redis: Broker | undefined;

beforeAll(async () => {
  if (!have('redis-server')) return;
  redis = await redisBroker();
  await redis.start();
});
afterAll(() => redis?.stop());

const stores = [
  { ...memoryStore, isThere: true },
  { store: 'Redis', open: () => redisStoreAt(redis!.url), isThere: have('redis-server') },
];

const everywhere = platforms.flatMap(({ platform, adapter }) =>
  stores.flatMap(({ store, open, isThere }) => ({ platform, adapter, store, open, isThere })),
);

describe.each(everywhere)('sessions on $platform, in $store', ({ adapter, open, isThere }) => {
  const start = async (options = {}) => startSessions({ adapter, store: await open(), options });

  describe.skipIf(!isThere)('K5 managed', () => {
    it.each(['polling', 'websocket'])('K5 begins as a copy of what HTTP has (%s)', async (transport) => {
      const { browser } = await start();
      await browser.get('set/name/anna');

      const client = await browser.connect('/', { transports: [transport] });

      expect(await sessionOf(client)).toEqual({ name: 'anna' });
    });

    it('K5 sees what HTTP writes, until a handler writes', async () => {
      const { app, browser } = await start();
      await browser.get('set/name/anna');
      const client = await browser.connect();
      const chat = await app.also(client, '/chat');

      await browser.get('set/name/berta');
      const before = [await sessionOf(client), await sessionOf(chat)];
      await ask(chat, 'set', 'room', 'red');
      await browser.get('set/name/clara');
      const after = [await sessionOf(client), await sessionOf(chat)];

      const forked = { name: 'berta', room: 'red' };
      expect({ before, after }).toEqual({
        before: [{ name: 'berta' }, { name: 'berta' }],
        after: [forked, forked],
      });
    });

    it('K5 keeps what handlers write from HTTP and from other connections', async () => {
      const { browser } = await start();
      await browser.get('set/name/anna');
      const [client, other] = [await browser.connect(), await browser.connect()];

      await ask(client, 'set', 'name', 'zoe');

      expect([await sessionOf(client), await sessionOf(other), await browser.get('all')]).toEqual([
        { name: 'zoe' },
        { name: 'anna' },
        { name: 'anna' },
      ]);
    });

    it.each<[string, unknown[], object]>([
      ['a handler that threw', ['set and throw', 'name', 'zoe'], { name: 'zoe' }],
      ['an asynchronous handler', ['set later', 'name', 'zoe'], { name: 'zoe' }],
      ['the deletion of a key', ['delete', 'name'], {}],
    ])('K5 keeps the write of %s', async (_, [event, ...values], kept) => {
      const { browser } = await start();
      await browser.get('set/name/anna');
      const client = await browser.connect();

      await ask(client, event as string, ...values);
      await browser.get('set/name/berta');

      expect(await sessionOf(client)).toEqual(kept);
    });

    it('K5 takes a write deep inside a value for a write', async () => {
      const { browser, store } = await start();
      await browser.get('set/name/anna');
      await put(store, browser.sessionId, { cart: ['tea'] });
      const client = await browser.connect();

      await ask(client, 'push', 'cart', 'milk');
      await browser.get('set/name/berta');

      expect(await sessionOf(client)).toEqual({ name: 'anna', cart: ['tea', 'milk'] });
    });

    it('K5 after a login with a new id, an old connection has nothing of the new session', async () => {
      const { browser } = await start();
      await browser.get('set/name/guest');
      const old = await browser.connect();

      await browser.get('login/anna');

      expect([await sessionOf(old), await sessionOf(await browser.connect())]).toEqual([
        {},
        { user: 'anna' },
      ]);
    });

    it('K5 after a logout, a connection that has not written has nothing left, and begins its own', async () => {
      const { app, browser } = await start();
      await browser.get('set/name/anna');
      const client = await browser.connect();
      const chat = await app.also(client, '/chat');

      await browser.get('logout');
      const after = await sessionOf(client);
      await ask(chat, 'set', 'color', 'red');

      expect([after, await sessionOf(client), await browser.get('all')]).toEqual([{}, { color: 'red' }, {}]);
    });

    it('K5 after a logout, a connection that has written keeps its own', async () => {
      const { browser } = await start();
      await browser.get('set/name/anna');
      const client = await browser.connect();
      await ask(client, 'set', 'color', 'red');

      await browser.get('logout');

      expect(await sessionOf(client)).toEqual({ name: 'anna', color: 'red' });
    });

    it('K5 is never read again with sessionRefresh: Infinity', async () => {
      const { browser, store } = await start({ sessionRefresh: Infinity });
      await browser.get('set/name/anna');
      const client = await browser.connect();
      await browser.get('set/name/berta');
      const reads = vi.spyOn(store, 'get');

      const seen = await sessionOf(client);

      expect([seen, reads.mock.calls.length]).toEqual([{ name: 'anna' }, 0]);
    });

    it('K5 is not read again while it is younger than sessionRefresh', async () => {
      const { browser, store } = await start({ sessionRefresh: 3_600_000 });
      await browser.get('set/name/anna');
      const client = await browser.connect();
      await browser.get('set/name/berta');
      const reads = vi.spyOn(store, 'get');

      const seen = await sessionOf(client);

      expect([seen, reads.mock.calls.length]).toEqual([{ name: 'anna' }, 0]);
    });
  });

  describe.skipIf(!isThere)('K6 unmanaged', () => {
    const unmanaged = () => start({ manageSession: false });

    it('K6 is HTTP’s: each sees what the other writes', async () => {
      const { app, browser } = await unmanaged();
      await browser.get('set/name/anna');
      const [client, other] = [await browser.connect(), await browser.connect()];
      const chat = await app.also(client, '/chat');

      await ask(client, 'set', 'room', 'red');
      await browser.get('set/name/berta');

      const both = { name: 'berta', room: 'red' };
      const seen = [
        await sessionOf(client),
        await sessionOf(chat),
        await sessionOf(other),
        await browser.get('all'),
      ];
      expect(seen).toEqual([both, both, both, both]);
    });

    it.each<[string, unknown[], object]>([
      ['a handler, before its acknowledgement', ['set', 'name', 'zoe'], { name: 'zoe' }],
      ['an asynchronous handler', ['set later', 'name', 'zoe'], { name: 'zoe' }],
      ['a handler that threw', ['set and throw', 'name', 'zoe'], { name: 'zoe' }],
      ['the deletion of a key', ['delete', 'name'], {}],
    ])('K6 saves the write of %s', async (_, [event, ...values], saved) => {
      const { browser } = await unmanaged();
      await browser.get('set/name/anna');
      const client = await browser.connect();

      await ask(client, event as string, ...values);

      expect(await browser.get('all')).toEqual(saved);
    });

    it('K6 saves a write deep inside a value', async () => {
      const { browser, store } = await unmanaged();
      await browser.get('set/name/anna');
      await put(store, browser.sessionId, { cart: ['tea'] });
      const client = await browser.connect();

      await ask(client, 'push', 'cart', 'milk');

      expect(await browser.get('all')).toEqual({ name: 'anna', cart: ['tea', 'milk'] });
    });

    it('K6 saves nothing for an event that has written nothing', async () => {
      const { browser, store } = await unmanaged();
      await browser.get('set/name/anna');
      const client = await browser.connect();
      const writes = vi.spyOn(store, 'set');

      await sessionOf(client);
      await ask(client, 'set', 'name', 'anna');

      expect(writes).not.toHaveBeenCalled();
    });

    it('K6 loses no write of events that run at the same time', async () => {
      const { browser } = await unmanaged();
      await browser.get('set/name/anna');
      const clients = [await browser.connect(), await browser.connect()];
      const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);

      await Promise.all(keys.map((key, index) => ask(clients[index % 2]!, 'set later', key, index)));

      const all = Object.fromEntries(keys.map((key, index) => [key, index]));
      expect(await browser.get('all')).toEqual({ name: 'anna', ...all });
    });

    it('K6 does not bring back a session that has ended', async () => {
      const { browser, store } = await unmanaged();
      await browser.get('set/name/anna');
      const client = await browser.connect();
      const { sessionId } = browser;

      await browser.get('logout');
      await ask(client, 'set', 'color', 'red');

      expect([await sessionOf(client), await stored(store, sessionId)]).toEqual([{ color: 'red' }, null]);
    });

    it('K6 after a login with a new id, an old connection neither reads nor writes the new session', async () => {
      const { browser } = await unmanaged();
      await browser.get('set/name/guest');
      const old = await browser.connect();

      await browser.get('login/anna');
      await ask(old, 'set', 'user', 'mallory');

      expect([await sessionOf(old), await browser.get('all')]).toEqual([
        { user: 'mallory' },
        { user: 'anna' },
      ]);
    });
  });
});

/** What a store has of a session; nothing in its own words. */
async function stored(store: Store, id: string): Promise<SessionData | null> {
  const session = await new Promise<SessionData | null | undefined>((resolve) => {
    store.get(id, (_, found) => resolve(found));
  });
  return session ?? null;
}

/** Adds to a session in its store. */
async function put(store: Store, id: string, data: object): Promise<void> {
  const session = { ...(await stored(store, id))!, ...data };
  await new Promise<void>((resolve) => {
    store.set(id, session, () => resolve());
  });
}
