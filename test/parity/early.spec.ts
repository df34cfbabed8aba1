import type { Socket as TcpSocket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  OnConnect,
  OnDisconnect,
  OnEvent,
  Reason,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { flushed, startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE } from '../support/raw-client.js';

/** A namespace that decides when the test says so, and one that is open. */
async function start(verdict: boolean | Error, options: FlaskSocketOptions = {}) {
  const gate = new Gate();
  const journal = new Journal<unknown>();

  @SocketGateway('/slow')
  class SlowGateway {
    @OnConnect()
    async connect() {
      journal.add('connect');
      await gate.opened;
      if (verdict instanceof Error) throw verdict;
      return verdict;
    }

    @OnDisconnect()
    disconnect(@Reason() reason: string) {
      journal.add(reason);
    }

    @OnEvent('x')
    event(value: unknown) {
      journal.add(value);
      return value;
    }

    @OnEvent('last', '/')
    last() {
      journal.add('last');
    }

    @OnDisconnect('/')
    left(@Reason() reason: string) {
      journal.add(reason);
    }

    @OnEvent('ping', '/')
    ping() {
      return 'pong';
    }
  }
  const app = await startApp({ providers: [SlowGateway], options });
  return { app, gate, journal };
}

const slow = (data: unknown[], id?: number) => ({ type: TYPE.event, nsp: '/slow', data, id });

describe.each(DIALECTS)('what a client of %s sends before it has been accepted', (dialect) => {
  it('C10 waits for @OnConnect(), in its order', async () => {
    const { app, gate, journal } = await start(true, optionsFor(dialect));
    const client = await RawClient.connect(app.port, dialect);

    client.send({ type: TYPE.connect, nsp: '/slow' });
    for (const value of [1, 2, 3]) client.send(slow(['x', value]));
    client.send(slow(['x', 4], 8));
    await journal.has('connect');
    client.send(slow(['x', 5]));
    client.send({ type: TYPE.event, nsp: '/', data: ['ping'], id: 9 });
    const open = await client.dataOf(9);
    const before = [...journal.entries];
    gate.open();

    expect({ answer: await client.dataOf(8), open, before }).toEqual({
      answer: [4],
      open: ['pong'],
      before: ['connect'],
    });
    expect(await journal.reached(6)).toEqual(['connect', 1, 2, 3, 4, 5]);
  });

  it.each([
    ['false', false],
    ['an error', new Error('no')],
  ])(
    'C2 C10 reaches no handler after a refusal by %s, and costs the client nothing else',
    async (_, verdict) => {
      const { app, gate, journal } = await start(verdict, optionsFor(dialect));
      const client = await RawClient.connect(app.port, dialect);

      client.send({ type: TYPE.connect, nsp: '/slow' });
      client.send(slow(['x', 1]));
      await journal.has('connect');
      gate.open();
      await client.received.find(({ type, nsp }) => type === TYPE.connectError && nsp === '/slow');
      client.send(slow(['x', 2], 3)); // it may have been under way when the refusal was
      client.send({ type: TYPE.event, nsp: '/', data: ['ping'], id: 9 });

      expect({ answer: await client.dataOf(9), handled: journal.entries }).toEqual({
        answer: ['pong'],
        handled: ['connect'],
      });
    },
  );

  it('C7 C10 is its goodbye: the client is accepted, heard and gone', async () => {
    const { app, gate, journal } = await start(true, optionsFor(dialect));
    const client = await RawClient.connect(app.port, dialect);

    client.send({ type: TYPE.connect, nsp: '/slow' });
    client.send(slow(['x', 1]));
    client.send({ type: TYPE.disconnect, nsp: '/slow' });
    await journal.has('connect');
    gate.open();

    expect(await journal.reached(3)).toEqual(['connect', 1, 'client namespace disconnect']);
  });

  it('C10 is more than the server keeps: it stops reading, and nothing is lost', async () => {
    const limits = { eventRate: false } as const;
    const { app, gate, journal } = await start(true, { ...optionsFor(dialect), limits });
    const client = await RawClient.connect(app.port, dialect);
    const text = 'x'.repeat(2_000);
    const count = 6_000;

    client.send({ type: TYPE.connect, nsp: '/slow' });
    for (let value = 0; value < count; value++) client.send(slow(['x', value, text]));
    await journal.has('connect');
    while (!isPaused(app)) await nextTurn();
    gate.open();
    await journal.has(count - 1);

    expect({ isPaused: isPaused(app), received: journal.entries.slice(1) }).toEqual({
      isPaused: false,
      received: Array.from({ length: count }, (_, value) => value),
    });
  });
});

/** Whether the only WebSocket of a server is not read from. */
function isPaused(app: RunningApp): boolean {
  const { clients } = app.get(SocketIO).server.engine as unknown as Engine;
  return Object.values(clients).some(({ transport }) => transport.socket.isPaused);
}

interface Engine {
  clients: Record<string, { transport: { socket: { isPaused: boolean } } }>;
}

it('C10 what arrives together with the first CONNECT waits as well', async () => {
  const { app, gate, journal } = await start(true);
  const client = await RawClient.open(app.port);
  const { _socket: tcp } = client.socket as unknown as { _socket: TcpSocket };

  tcp.cork();
  client.send({ type: TYPE.connect, nsp: '/slow', data: {} });
  client.send(slow(['x', 1], 2));
  tcp.uncork();
  await journal.has('connect');
  gate.open();

  expect(await client.dataOf(2)).toEqual([1]);
});

it('C10 a client that polls may speak before it has been accepted', async () => {
  const { app, gate, journal } = await start(true);
  const client = app.open('/slow', { transports: ['polling'] });
  client.on('connect_error', journal.add);
  await journal.has('connect');

  // what a library does that does not wait for the acceptance
  client.io.engine.write('2/slow,["x","early"]');
  await flushed(client);
  const before = [...journal.entries];
  gate.open();
  await journal.has('early');

  expect({ before, after: journal.entries }).toEqual({ before: ['connect'], after: ['connect', 'early'] });
});

it('C10 a packet for a namespace that was never asked for ends the connection, as in Socket.IO', async () => {
  const { app } = await start(true);
  const client = await RawClient.connect(app.port);

  client.send(slow(['x', 1]));

  await expect(client.closed()).resolves.toBeUndefined();
});

it.each(DIALECTS)(
  'C7 an event sent right before the goodbye of a client of %s is handled, before @OnDisconnect()',
  async (dialect) => {
    const { app, journal } = await start(true, optionsFor(dialect));
    const client = await RawClient.connect(app.port, dialect);

    client.send({ type: TYPE.event, nsp: '/', data: ['last', 1] });
    client.send({ type: TYPE.disconnect, nsp: '/' });

    expect(await journal.reached(2)).toEqual(['last', 'client namespace disconnect']);
  },
);
