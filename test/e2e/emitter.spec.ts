import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket as TcpSocket } from 'node:net';
import { createEmitter, type EmitterOptions } from 'nestjs-flask-socket/emitter';
import { createClient } from 'redis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inbox, next, startApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

/** A Redis, perhaps not started yet; it ends with the test. */
async function redis(): Promise<Broker> {
  const broker = await redisBroker();
  onTestFinished(() => broker.kill());
  return broker;
}

function emitterTo(url: string, options?: EmitterOptions) {
  const emitter = createEmitter(url, options);
  onTestFinished(() => emitter.close());
  return emitter;
}

/** A broker that takes connections and says nothing. */
async function silentBroker() {
  const connections: TcpSocket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, connections };
}

const unsent = (problem: RegExp) =>
  expect.objectContaining({
    code: 'FSK_NOT_SENT',
    message: expect.stringMatching(problem) as string,
  }) as Error;

describe('an emitter whose broker is not there', () => {
  it('rejects in time where nobody listens, and says why', async () => {
    const emitter = emitterTo('redis://:secret@127.0.0.1:1', { timeout: 1_000 });

    await expect(emitter.emit('my event')).rejects.toEqual(
      unsent(
        /emit\('my event'\) .*redis:\/\/:\*\*\*@127\.0\.0\.1:1 did not take it within 1000 ms .*ECONNREFUSED/,
      ),
    );
  });

  it('rejects in time where nobody answers, and closes in time', async () => {
    const { url } = await silentBroker();
    const emitter = emitterTo(url, { timeout: 500 });
    const started = performance.now();

    await expect(emitter.closeRoom('lobby')).rejects.toEqual(unsent(/closeRoom\('lobby'\) .* within 500 ms/));
    await emitter.close();

    expect(performance.now() - started).toBeLessThan(9_000);
  });

  it('connects with the first call and not before', async () => {
    const { url, connections } = await silentBroker();
    const emitter = emitterTo(url, { timeout: 500 });
    await emitterTo(url).close();
    expect(connections).toEqual([]);

    await emitter.emit('my event').catch(() => {});

    expect(connections).not.toEqual([]);
  });

  it('ends nothing when nobody waits for the promise', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    const emitter = emitterTo('redis://127.0.0.1:1', { timeout: 100 });

    void emitter.emit('my event');
    await emitter.close();
    await new Promise((resolve) => setImmediate(resolve));

    expect(unhandled).toEqual([]);
  });

  it.each([
    ['a scheme that there is none of', 'carrier-pigeon://loft', {}, 'FSK_UNKNOWN_QUEUE'],
    ['no URL', 'localhost', {}, 'FSK_INVALID_OPTION'],
    ['an option that is misspelled', 'redis://localhost', { chanel: 'a' }, 'FSK_UNKNOWN_OPTION'],
    ['a namespace that is none', 'redis://localhost', { namespace: 'test' }, 'FSK_INVALID_NAMESPACE'],
    ['a timeout that is none', 'redis://localhost', { timeout: -1 }, 'FSK_INVALID_OPTION'],
    ['a timeout that no timer can wait for', 'redis://localhost', { timeout: 2 ** 31 }, 'FSK_INVALID_OPTION'],
    ['a secret that is too short', 'redis://localhost', { queueSecret: 'short' }, 'FSK_INVALID_OPTION'],
  ])('is not made at all of %s', (_, url, options, code) => {
    expect(() => createEmitter(url, options as EmitterOptions)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });
});

describe.skipIf(!have('redis-server'))('an emitter', () => {
  it('waits for a broker that comes in time, and has told nobody of calls that were too late', async () => {
    const broker = await redis();
    const early = emitterTo(broker.url, { timeout: 200 });
    const patient = emitterTo(broker.url, { timeout: 15_000 });

    await expect(early.emit('too late')).rejects.toEqual(unsent(/within 200 ms/));
    const sent = patient.emit('in time');
    await broker.start();
    const app = await startApp({ options: { messageQueue: broker.url } });
    await sent;
    const client = await app.connect('/');
    const received = inbox(client);
    const last = next(client, 'last');
    await early.emit('last').catch(() => patient.emit('last'));
    await last;

    expect(received).toEqual([['last']]);
  });

  it('goes on when its broker was away', async () => {
    const broker = await redis();
    await broker.start();
    const app = await startApp({ options: { messageQueue: broker.url } });
    const client = await app.connect('/');
    const emitter = emitterTo(broker.url, { timeout: 15_000 });
    await emitter.emit('before');

    await broker.kill();
    await broker.start();
    const received = next(client, 'after');
    let count = 0;
    const again = setInterval(() => void emitter.emit('after', ++count), 50);
    onTestFinished(() => clearInterval(again));

    await expect(received).resolves.toHaveLength(1);
  });

  it.each([
    ['before there is a connection', 'cold'],
    ['when there is one', 'warm'],
  ])('sends what it was given as it was then, %s', async (_, state) => {
    const broker = await redis();
    await broker.start();
    const app = await startApp({ options: { messageQueue: broker.url } });
    const client = await app.connect('/');
    const event = next(client, 'my event');
    const emitter = emitterTo(broker.url);
    if (state === 'warm') await emitter.emit('first');
    const bytes = Buffer.from('then');
    const data = { when: 'then', list: ['then'], date: new Date(0), bytes, left: undefined };

    const sent = emitter.emit('my event', data);
    data.when = 'now';
    data.list.push('now');
    bytes.fill('x');
    await sent;

    expect(await event).toEqual([
      { when: 'then', list: ['then'], date: '1970-01-01T00:00:00.000Z', bytes: Buffer.from('then') },
    ]);
  });

  it('throws at once for what cannot be sent, with a connection and without', async () => {
    const broker = await redis();
    await broker.start();
    const emitter = emitterTo(broker.url);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const refused = expect.objectContaining({ code: 'FSK_NOT_SERIALIZABLE' }) as Error;
    const tryAll = () => {
      expect(() => emitter.emit('my event', cyclic)).toThrow(refused);
      expect(() => emitter.emit('my event', { deep: [10n] })).toThrow(refused);
    };

    tryAll();
    await emitter.emit('first');
    tryAll();
  });

  it.each([
    ['a reserved event', 'FSK_RESERVED_EVENT', (to: Emitting) => to.emit('connect')],
    ['an event without a name', 'FSK_INVALID_EVENT', (to: Emitting) => to.emit('')],
    ['a namespace that is none', 'FSK_INVALID_NAMESPACE', (to: Emitting) => to.send(1, { namespace: 'a' })],
    ['a room that is none', 'FSK_INVALID_ROOM', (to: Emitting) => to.closeRoom({} as never)],
    ['a client that is not named', 'FSK_INVALID_ROOM', (to: Emitting) => to.disconnect({} as never)],
    ['nobody to enter', 'FSK_INVALID_ROOM', (to: Emitting) => to.joinRoom('a', {} as never)],
  ])('throws at once for %s', (_, code, use) => {
    expect(() => use(emitterTo('redis://localhost'))).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('rejects what is too large, and goes on', async () => {
    const broker = await redis();
    await broker.start();
    const emitter = emitterTo(broker.url);

    const large = emitter.emit('my event', Buffer.alloc(9 * 1024 * 1024));

    await expect(large).rejects.toMatchObject({ code: 'FSK_MESSAGE_TOO_LARGE' });
    await expect(emitter.emit('my event')).resolves.toBeUndefined();
  });

  it('shares one connection among calls, and ends it when those are done', async () => {
    const broker = await redis();
    await broker.start();
    const observer = createClient({ url: broker.url });
    await observer.connect();
    onTestFinished(() => observer.close());
    const others = async () => (await observer.clientList()).length - 1;
    const emitter = emitterTo(broker.url);

    await Promise.all(Array.from({ length: 50 }, (_, index) => emitter.emit('number', index)));
    expect(await others()).toBeLessThanOrEqual(2); // Redis wants one for each direction
    const last = emitter.emit('last');
    await emitter.close();

    await expect(last).resolves.toBeUndefined();
    await expect.poll(others).toBe(0);
  });

  it('is closed for good, twice if need be', async () => {
    const emitter = emitterTo('redis://localhost');

    await Promise.all([emitter.close(), emitter.close()]);

    expect(() => emitter.emit('my event')).toThrow(
      expect.objectContaining({ code: 'FSK_EMITTER_CLOSED' }) as Error,
    );
  });
});

type Emitting = ReturnType<typeof createEmitter>;
