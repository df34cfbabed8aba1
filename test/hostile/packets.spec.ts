import {
  call,
  emit,
  OnConnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { expectNoFaults } from '../support/faults.js';
import { Journal } from '../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE, type Dialect } from '../support/raw-client.js';

expectNoFaults();

@SocketGateway()
class TargetGateway {
  readonly called = new Journal<unknown>();

  @OnEvent('ping')
  ping() {
    return 'pong';
  }

  @OnEvent('take')
  take(...values: unknown[]) {
    return values.length;
  }

  @OnEvent('callback')
  callback() {
    emit('question', 1, { callback: (...values: unknown[]) => this.called.add(values.length) });
  }

  @OnEvent('call')
  async call() {
    await call('question', 1).then(this.called.add, (error: { code: string }) => this.called.add(error.code));
  }
}

const start = (options: FlaskSocketOptions = {}) => startApp({ providers: [TargetGateway], options });

async function answers(app: RunningApp, dialect: Dialect = 'default'): Promise<unknown> {
  const client = await RawClient.connect(app.port, dialect);
  client.send({ type: TYPE.event, nsp: '/', data: ['ping'], id: 1 });
  return client.dataOf(1);
}

const ones = (count: number) => Array.from({ length: count }, () => 1);
const nested = (depth: number) => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { a: value };
  return value;
};

describe.each(DIALECTS)('the process goes on, whatever a client of %s sends:', (dialect) => {
  const options = optionsFor(dialect);

  it.each([
    ['emit() with a callback', 'callback', 120_000],
    ['call()', 'call', 499_000],
  ])('E6 E7 an answer of many values to %s', async (_, event, count) => {
    const app = await start({ ...options, maxHttpBufferSize: 2_000_000 });
    const client = await RawClient.connect(app.port, dialect);
    client.send({ type: TYPE.event, nsp: '/', data: [event] });
    const question = await client.received.find(({ data }) => (data as unknown[])?.[0] === 'question');

    client.send({ type: TYPE.ack, nsp: '/', data: ones(count), id: question.id! });
    client.send({ type: TYPE.event, nsp: '/', data: ['ping'], id: 7 });
    const next = await client.dataOf(7);

    expect({
      next,
      called: app.get(TargetGateway).called.entries,
      answer: await answers(app, dialect),
    }).toEqual({
      next: ['pong'],
      called: event === 'call' ? ['FSK_CALL_ANSWER_TOO_LARGE'] : [],
      answer: ['pong'],
    });
  });

  const REFUSED: [string, string, unknown[]][] = [
    ['many arguments', 'Too many arguments', ones(1_001)],
    ['many items', 'The data has too many keys and items', [ones(10_001)]],
    [
      'many items in many places',
      'The data has too many keys and items',
      [Array.from({ length: 110 }, () => ones(100))],
    ],
    [
      'many keys',
      'The data has too many keys and items',
      [Object.fromEntries(ones(10_001).map((_, key) => [key, 1]))],
    ],
    ['many levels', 'The data is nested too deeply', [nested(101)]],
  ];

  it.each(REFUSED)('V3 an event with %s is refused with the safe error', async (_, message, values) => {
    const app = await start(options);
    const client = await RawClient.connect(app.port, dialect);

    client.send({ type: TYPE.event, nsp: '/', data: ['take', ...values], id: 3 });
    const safe = { status: 'error', message };

    expect({ answer: await client.dataOf(3), event: await client.dataOf('exception') }).toEqual({
      answer: [safe],
      event: ['exception', safe],
    });
    expect(app.log.of('warn')).toEqual([expect.stringContaining(`${message}, in 'take' of '/'`)]);
  });

  it.each([
    ['arguments', ones(1_000)],
    ['items', [ones(9_998)]],
    ['levels', [nested(100)]],
  ])('V3 as many %s as are taken reach the handler', async (_, values) => {
    const app = await start(options);
    const client = await RawClient.connect(app.port, dialect);

    client.send({ type: TYPE.event, nsp: '/', data: ['take', ...values], id: 3 });

    expect(await client.dataOf(3)).toEqual([values.length]);
  });

  it('C4 auth that holds too much is refused before anybody sees it', async () => {
    const seen = new Journal<unknown>();
    @SocketGateway('/x')
    class AuthGateway {
      @OnConnect()
      connect(auth: unknown) {
        seen.add(auth);
      }
    }
    const app = await startApp({ providers: [AuthGateway, TargetGateway], options });
    const client = await RawClient.connect(app.port, dialect);
    const isQuery = dialect === 'protocol 3';
    const keys = Array.from({ length: 10_001 }, (_, key) => `k${key}`);

    client.send({
      type: TYPE.connect,
      nsp: isQuery ? `/x?${keys.join('&')}` : '/x',
      data: isQuery ? undefined : Object.fromEntries(keys.map((key) => [key, 1])),
    });
    const { data } = await client.received.find(({ type }) => type === TYPE.connectError);

    const message = 'The data has too many keys and items';
    expect({ data, seen: seen.entries, answer: await answers(app, dialect) }).toEqual({
      data: isQuery ? message : { message },
      seen: [],
      answer: ['pong'],
    });
  });

  it('V3 a raw acknowledgement that throws costs its own client only', async () => {
    const app = await start(options);
    app.get(SocketIO).server.on('connection', (socket) => {
      socket.emit('question', () => {
        throw new Error('broken');
      });
    });
    const client = await RawClient.connect(app.port, dialect);
    const { id } = await client.received.find(({ type }) => type === TYPE.event);

    client.send({ type: TYPE.ack, nsp: '/', data: [], id });
    await client.closed();

    expect({ answer: await answers(app, dialect), lines: app.log.of('error') }).toEqual({
      answer: ['pong'],
      lines: [expect.stringContaining('A packet failed, and its client is disconnected: Error: broken')],
    });
  });
});

describe('V3 the process goes on when msgpack announces what is not there:', () => {
  const header = (prefix: number, length: number) => {
    const bytes = Buffer.alloc(5, prefix);
    bytes.writeUInt32BE(length, 1);
    return bytes;
  };
  const BOMBS: [string, Buffer][] = [
    ['arrays in arrays', Buffer.concat(Array.from({ length: 60 }, () => header(0xdd, 30_000_000)))],
    ['an array as long as arrays get', header(0xdd, 0xffffffff)],
    ['maps', Buffer.concat([header(0xdf, 0xffffffff), Buffer.of(0xa1, 0x61)])],
    ['a buffer', Buffer.concat([header(0xc9, 0xffffffff), Buffer.of(0)])],
    ['a text', header(0xdb, 0xffffffff)],
    [
      'bytes behind a timestamp',
      Buffer.concat([Buffer.of(0x92, 0xc7, 0, 0xff), Buffer.alloc(12), header(0xdd, 3e7)]),
    ],
    ['nothing', Buffer.of()],
  ];

  it.each(BOMBS)('%s', async (_, bomb) => {
    const app = await start({ serializer: 'msgpack' });
    const client = await RawClient.connect(app.port, 'msgpack');
    const before = process.memoryUsage().rss;

    for (let packet = 0; packet < 10; packet++) client.sendRaw(bomb);
    await client.closed();

    expect({
      answer: await answers(app, 'msgpack'),
      grown: process.memoryUsage().rss - before > 2e8,
    }).toEqual({
      answer: ['pong'],
      grown: false,
    });
  });

  it('what stands behind a key "__proto__" counts as well', async () => {
    const app = await start({ serializer: 'msgpack' });
    const client = await RawClient.connect(app.port, 'msgpack');
    const { Encoder } = await import('socket.io-msgpack-parser');
    const hidden = JSON.parse(`{"__proto__":${JSON.stringify({ list: ones(10_001) })}}`) as object;

    const [packet] = new Encoder().encode({
      type: 2,
      nsp: '/',
      data: ['take', hidden],
      id: 3,
    }) as unknown as Buffer[];
    client.sendRaw(packet!);

    expect(await client.dataOf(3)).toEqual([
      { status: 'error', message: 'The data has too many keys and items' },
    ]);
  });
});
