import { setImmediate as nextTurn } from 'node:timers/promises';
import { OnDisconnect, OnEvent, SocketGateway, SocketIO, type FlaskSocketOptions } from 'nestjs-flask-socket';
import { expect, it } from 'vitest';
import { FlaskSocketRuntime } from '../../lib/server/flask-socket.runtime.js';
import { startApp, type RunningApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE } from '../support/raw-client.js';

/** A gateway whose first event takes until the test says so; the others of its client wait for it. */
async function start(options: FlaskSocketOptions = {}) {
  const gate = new Gate();
  const journal = new Journal<unknown>();
  const dropped: string[] = [];

  @SocketGateway()
  class SlowGateway {
    @OnEvent('wait')
    async wait(value: unknown) {
      if (value === 0) await gate.opened;
      journal.add(value);
    }

    @OnEvent('quick', '/', { ordering: 'concurrent' })
    quick() {
      return 'quick';
    }

    @OnDisconnect()
    disconnect() {
      journal.add('left');
    }
  }
  const app = await startApp({
    providers: [SlowGateway],
    options: { asyncHandlers: false, limits: { eventRate: false }, ...options },
  });
  const nothing = () => {};
  app.get(FlaskSocketRuntime).observe({
    serverCreated: nothing,
    eventReceived: nothing,
    handlerEnded: nothing,
    handlerFailed: nothing,
    limitReached: nothing,
    eventDropped: (reason) => void dropped.push(reason),
  });
  return { app, gate, journal, dropped };
}

const wait = (value: number, text = '') => ({ type: TYPE.event, nsp: '/', data: ['wait', value, text] });
const TEXT = 'x'.repeat(2_000);

interface Engine {
  clients: Record<string, object>;
}

/** Resolves when a server reads no more from its only client. */
async function paused(app: RunningApp): Promise<void> {
  const { clients } = app.get(SocketIO).server.engine as unknown as Engine;
  const isPaused = () =>
    Object.values(clients).some((connection) => Object.hasOwn(connection, 'resetPingTimeout'));
  while (!isPaused()) await nextTurn();
}

it.each(DIALECTS)(
  'N2 C7 what waits when its client of %s leaves is thrown away, and counted',
  async (dialect) => {
    const { app, gate, journal, dropped } = await start(optionsFor(dialect));
    const client = await RawClient.connect(app.port, dialect);

    for (let value = 0; value < 500; value++) client.send(wait(value));
    client.send({ type: TYPE.event, nsp: '/', data: ['quick'], id: 1 });
    await client.dataOf(1);
    client.socket.terminate();
    await journal.has('left');
    gate.open();
    await journal.has(0);
    await nextTurn();

    expect({ handled: journal.entries, dropped }).toEqual({
      handled: ['left', 0],
      dropped: Array.from({ length: 499 }, () => 'client_gone'),
    });
  },
);

it.each(DIALECTS)(
  'N2 a client of %s that sends more than waits for its turn is slowed down, and loses nothing',
  async (dialect) => {
    const { app, gate, journal } = await start(optionsFor(dialect));
    const client = await RawClient.connect(app.port, dialect);
    const other = await RawClient.connect(app.port, dialect);
    const count = 6_000;

    for (let value = 0; value < count; value++) client.send(wait(value, TEXT));
    await paused(app);
    const unread = client.socket.bufferedAmount;
    other.send({ type: TYPE.event, nsp: '/', data: ['quick'], id: 1 });
    const quick = await other.dataOf(1);
    gate.open();
    await journal.has(count - 1);

    expect({ isSlowedDown: unread > 0, quick, handled: journal.entries }).toEqual({
      isSlowedDown: true,
      quick: ['quick'],
      handled: Array.from({ length: count }, (_, value) => value),
    });
  },
);

it('N2 a client that is not read from is not taken for dead', async () => {
  const { app, gate, journal } = await start({ pingInterval: 300, pingTimeout: 2_000 });
  const client = await RawClient.connect(app.port);

  for (let value = 0; value < 3_000; value++) client.send(wait(value, TEXT));
  await paused(app);
  setTimeout(gate.open, 3_000); // more than a silent client is given
  await journal.has(2_999);
  client.send({ type: TYPE.event, nsp: '/', data: ['quick'], id: 1 });

  expect(await client.dataOf(1)).toEqual(['quick']);
});

it('N2 a client that is read from again and stays silent is taken for dead', async () => {
  const { app, gate, journal } = await start({ pingInterval: 300, pingTimeout: 2_000 });
  const client = await RawClient.connect(app.port);

  for (let value = 0; value < 3_000; value++) client.send(wait(value));
  await paused(app);
  client.socket.removeAllListeners('message'); // it answers no ping
  gate.open();

  expect(await journal.has('left')).toContain('left');
});

/** A client that polls, without a library: `post` resolves with the response. */
async function polling(app: RunningApp) {
  const url = `${app.url}/socket.io/?EIO=4&transport=polling`;
  const opened = await (await fetch(url)).text();
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string };
  const post = async (...packets: string[]) => {
    const response = await fetch(`${url}&sid=${sid}`, { method: 'POST', body: packets.join('\x1e') });
    return response.text();
  };
  await post('40');
  return post;
}

const waits = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `42["wait",${from + index}]`);

it('N2 a client that polls is slowed down as well, within one POST', async () => {
  const { app, gate, journal } = await start();
  const post = await polling(app);
  const order: string[] = [];

  const posted = post(...waits(0, 3_000)).then((answer) => order.push(answer));
  await paused(app);
  order.push('opened');
  gate.open();
  await journal.has(2_999);
  await posted;

  expect({ order, handled: journal.entries }).toEqual({
    order: ['opened', 'ok'],
    handled: Array.from({ length: 3_000 }, (_, value) => value),
  });
});

it('N2 a client that polls is slowed down by waiting for its next POST', async () => {
  const { app, gate, journal } = await start({ limits: false }); // a POST is taken as a whole
  const post = await polling(app);
  const order: string[] = [];

  await post(...waits(0, 1_500));
  await paused(app);
  const second = post(...waits(1_500, 1_500)).then((answer) => order.push(answer));
  await journal.reached(0);
  order.push('opened');
  gate.open();
  await journal.has(2_999);
  await second;

  expect({ order, handled: journal.entries }).toEqual({
    order: ['opened', 'ok'],
    handled: Array.from({ length: 3_000 }, (_, value) => value),
  });
});
