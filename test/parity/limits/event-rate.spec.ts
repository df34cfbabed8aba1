import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  call,
  OnDisconnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ask, next, startApp, type RunningApp } from '../../support/app.js';
import { Gate, Journal } from '../../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE, type Dialect } from '../../support/raw-client.js';

const RATE = 200;
const BURST = 20;
const LIMITS = { eventRate: RATE, eventBurst: BURST };
const TOO_MANY = { status: 'error', message: 'Too many events' };

interface Handled {
  value: unknown;
  at: number;
}

async function start({ limits = LIMITS, ...options }: FlaskSocketOptions = {}) {
  const handled = new Journal<Handled>();
  const left = new Journal();
  const note = (value: unknown) => {
    handled.add({ value, at: performance.now() });
    return value;
  };

  @SocketGateway()
  class OwnGateway {
    @OnEvent()
    take(value: unknown) {
      return note(value);
    }

    @OnEvent('ask')
    async askClient(times: number) {
      for (let index = 0; index < times; index++) await call('question', index);
      return 'asked';
    }

    @OnDisconnect()
    disconnect(reason: string) {
      left.add(reason);
    }
  }

  @WebSocketGateway({ namespace: '/nest' })
  class NestGateway {
    @SubscribeMessage('take')
    take(@MessageBody() value: unknown) {
      return note(value);
    }
  }
  const app = await startApp({ providers: [OwnGateway, NestGateway], options: { limits, ...options } });
  const socketio = app.get(SocketIO);
  socketio.server.of('/raw').on('connection', (socket) => socket.on('take', note));
  return { app, handled, left, reached: () => socketio.limits.reached };
}

const take = (value: unknown, nsp = '/', id?: number) => ({
  type: TYPE.event,
  nsp,
  data: ['take', value],
  ...(id === undefined ? {} : { id }),
});
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The fewest milliseconds in which so many events may be handled. */
const least = (count: number) => ((count - BURST) / RATE) * 1_000 - 30;

/** What came, in its order, and whether it came no faster than it may. */
function seen({ entries }: Journal<Handled>, from: number) {
  const isSlow = entries.at(-1)!.at - from >= least(entries.length);
  return { values: entries.map(({ value }) => value), isSlow };
}

/** Sends as long as the connection is open. */
async function flood(client: RawClient, packet: (index: number) => Parameters<RawClient['send']>[0]) {
  for (let index = 0; client.socket.readyState === WebSocket.OPEN; index++) {
    client.send(packet(index));
    if (index % 10 === 0) await nextTurn();
  }
}

interface Engine {
  clients: Record<string, { transport: { socket: { isPaused: boolean; pause?: unknown } } }>;
}

const webSocketsOf = (app: RunningApp) =>
  Object.values((app.get(SocketIO).server.engine as unknown as Engine).clients).map(
    ({ transport }) => transport.socket,
  );

/** Resolves when a server reads no more from one of its clients. */
async function paused(app: RunningApp): Promise<void> {
  while (!webSocketsOf(app).some((socket) => socket?.isPaused)) await nextTurn();
}

describe.each(DIALECTS)('a client of %s', (dialect: Dialect) => {
  const options = optionsFor(dialect);

  it.each(['/', '/nest', '/raw'])(
    'L1 that sends more at once than eventBurst is slowed down, and loses nothing: %s',
    async (nsp) => {
      const { app, handled, reached } = await start(options);
      const client = await RawClient.connect(app.port, dialect, nsp);

      const from = performance.now();
      for (const value of upTo(100)) client.send(take(value, nsp));
      await handled.reached(100);

      expect(seen(handled, from)).toEqual({ values: upTo(100), isSlow: true });
      expect(reached().eventRate).toBe(1);
    },
  );

  it('L1 that stays above eventRate for rateTimeout is told, and disconnected', async () => {
    const { app, left, reached } = await start({ ...options, limits: { ...LIMITS, rateTimeout: 300 } });
    const client = await RawClient.connect(app.port, dialect);

    const flooded = flood(client, take);
    const told = await client.dataOf('exception');
    await client.received.find(({ type }) => type === TYPE.disconnect);
    await client.closed();
    await flooded;

    expect({ told, left: await left.reached(1) }).toEqual({
      told: ['exception', TOO_MANY],
      left: ['rate limited'],
    });
    expect({ eventRate: reached().eventRate, rateTimeout: reached().rateTimeout }).toEqual({
      eventRate: 1,
      rateTimeout: 1,
    });
    expect(app.log.of('warn')).toEqual([
      expect.stringContaining('sends too many events (limits.eventRate: 200)'),
      expect.stringContaining('is disconnected (limits.rateTimeout: 300)'),
    ]);
  });

  it('L1 that sends packets for namespaces that there are not is slowed down as well', async () => {
    const { app } = await start(options);
    const client = await RawClient.connect(app.port, dialect);
    const from = performance.now();

    for (const value of upTo(60)) client.send({ type: TYPE.connect, nsp: `/no-${value}` });
    await client.received.find(({ nsp }) => nsp === '/no-59');

    expect(performance.now() - from).toBeGreaterThanOrEqual(least(60));
  });

  it('L1 has events above the rate refused with `eventPolicy: refuse`, and is told once a second', async () => {
    const limits = { ...LIMITS, eventRate: 1, eventPolicy: 'refuse' } as const;
    const { app, handled } = await start({ ...options, limits });
    const client = await RawClient.connect(app.port, dialect);

    for (const value of upTo(40)) client.send(take(value, '/', value));
    const answers = await Promise.all(upTo(40).map((id) => client.dataOf(id)));
    const told = client.received.entries.filter(({ data }) => (data as unknown[])?.[0] === 'exception');

    const refused = answers.filter(([answer]) => typeof answer === 'object');
    expect(refused).toEqual(refused.map(() => [TOO_MANY]));
    expect([handled.entries.length + refused.length, told.length]).toEqual([40, 1]);
    expect(handled.entries.length).toBeLessThanOrEqual(BURST);
    expect(app.log.of('warn').length).toBe(1);
  });
});

it('L1 other clients are answered while one is not read from, and TCP slows that one down', async () => {
  const { app, handled } = await start({ limits: { ...LIMITS, eventRate: 1 } });
  const client = await RawClient.connect(app.port);
  const other = await app.connect();

  for (let value = 0; value < 10_000; value++) client.send(take('x'.repeat(2_000)));
  await paused(app);
  await nextTurn();
  const unsent = client.socket.bufferedAmount;

  expect(await ask(other, 'take', 'other')).toEqual(['other']);
  expect(unsent).toBeGreaterThan(0);
  expect(handled.entries.length).toBeLessThanOrEqual(BURST + 5);
});

it('L1 a client that is not read from for longer than pingTimeout stays', async () => {
  const limits = { ...LIMITS, eventRate: 50, eventBurst: 5 };
  const { app, handled, left } = await start({ limits, pingInterval: 100, pingTimeout: 300 });
  const client = await RawClient.connect(app.port);

  for (const value of upTo(80)) client.send(take(value));
  await handled.reached(80);
  client.send(take('last', '/', 1));

  expect(await client.dataOf(1)).toEqual(['last']);
  expect(left.entries).toEqual([]);
});

it('L1 acknowledgements that the server waits for do not count', async () => {
  const { app, reached } = await start({ limits: { ...LIMITS, eventRate: 1 } });
  const client = await app.connect();
  client.on('question', (value: number, answer: (value: number) => void) => answer(value));

  expect(await ask(client, 'ask', 3 * BURST)).toEqual(['asked']);
  expect(reached().eventRate).toBe(0);
});

it('L1 acknowledgements that nobody waits for count', async () => {
  const { app, reached } = await start();
  const client = await RawClient.connect(app.port);

  for (const id of upTo(60)) client.send({ type: TYPE.ack, nsp: '/', data: [], id });
  client.send(take('last', '/', 1));

  expect(await client.dataOf(1)).toEqual(['last']);
  expect(reached().eventRate).toBe(1);
});

it('L1 heartbeats count: a client that floods with them is not read from', async () => {
  const { app, reached } = await start({ limits: { ...LIMITS, rateTimeout: 300 } });
  const client = await RawClient.connect(app.port);

  while (client.socket.readyState === WebSocket.OPEN) {
    for (let index = 0; index < 50; index++) client.socket.send('3');
    await nextTurn();
  }

  expect([reached().eventRate, reached().rateTimeout]).toEqual([1, 1]);
});

it('L1 the next request of a client that polls waits until it is below eventRate', async () => {
  const { app, handled } = await start();
  const client = app.open('/', { transports: ['polling'] });
  await next(client, 'connect');

  const from = performance.now();
  for (const value of upTo(50)) client.emit('take', value);
  await handled.reached(1);
  for (const value of upTo(50)) client.emit('take', 50 + value);
  await handled.reached(100);

  expect(seen(handled, from)).toEqual({ values: upTo(100), isSlow: true });
});

it('L1 a client that polls and stays above eventRate is told, and disconnected', async () => {
  const { app, left } = await start({ limits: { ...LIMITS, rateTimeout: 300 } });
  const client = app.open('/', { transports: ['polling'] });
  await next(client, 'connect');
  const told = next(client, 'exception');
  const gone = next(client, 'disconnect');

  for (const value of upTo(1_000)) client.emit('take', value);

  expect([await told, (await gone)[0]]).toEqual([[TOO_MANY], 'io server disconnect']);
  expect(await left.reached(1)).toEqual(['rate limited']);
});

it('L1 where reading cannot be paused, so much waits and no more', async () => {
  const { app, handled, left } = await start({
    limits: { ...LIMITS, eventRate: 1 },
    maxHttpBufferSize: 5_000,
  });
  const client = await RawClient.connect(app.port);
  for (const socket of webSocketsOf(app)) socket.pause = undefined;

  await flood(client, take);

  expect(await left.reached(1)).toEqual(['rate limited']);
  expect(handled.entries.length).toBeLessThanOrEqual(BURST + 5);
});

it('L1 after a pause as long as its events need, a client may send a burst again', async () => {
  const { app, reached } = await start({ limits: { eventRate: 1_000, eventBurst: 50 } });
  const client = await app.connect();
  const ended = new Gate();

  for (let round = 0; round < 5; round++) {
    await Promise.all(upTo(40).map((value) => ask(client, 'take', value)));
    setTimeout(ended.open, 60);
    await ended.opened;
  }

  expect(reached().rateTimeout).toBe(0);
});

it('L1 with `limits: false` nothing is counted', async () => {
  const { app, handled, reached } = await start({ limits: false });
  const client = await RawClient.connect(app.port);

  for (const value of upTo(5_000)) client.send(take(value));
  await handled.reached(5_000);

  expect(reached().eventRate).toBe(0);
  expect(app.get(SocketIO).server.engine.clientsCount).toBe(1);
});
