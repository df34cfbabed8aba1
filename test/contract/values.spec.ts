import { inspect } from 'node:util';
import { args, SocketIO, type FlaskSocketOptions } from 'nestjs-flask-socket';
import { createEmitter } from 'nestjs-flask-socket/emitter';
import type { Socket } from 'socket.io-client';
import * as msgpackParser from 'socket.io-msgpack-parser';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { next, startApp } from '../support/app.js';
import type { Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';
import { backEnds } from './back-ends.js';

class Point {
  readonly #secret = 1;
  x = 1;
  get y() {
    return this.#secret;
  }
}

class Coded {
  password = 'secret';
  toJSON(key: string) {
    return { key, is: 'coded' };
  }
}

const cyclic: Record<string, unknown> = {};
cyclic.itself = cyclic;
const cyclicList: unknown[] = [];
cyclicList.push(cyclicList);
// eslint-disable-next-line no-sparse-arrays -- a hole is what is tried
const holes = [1, , 3];
const words = new Uint16Array([1, 0x1234, 0xffff]);

/** Whatever may be given to emit(). */
const values: Record<string, unknown> = {
  'no text': '',
  text: 'Zürich 日本 💬 \u0000 \u2028',
  'a truncated emoji': '💬 and 💬'.slice(0, 8),
  'half an emoji before other text': `${'💬'[0]}abc ${'💬'[1]}def`,
  'half an emoji in a long text': `${'x'.repeat(50)}${'💬'[0]}${'y'.repeat(50)}`,
  'half an emoji in keys': { [`${'💬'[0]}`]: 1, ['\ud800']: 2, nested: [{ [`a${'💬'[1]}`]: '💬'[1] }] },
  'the replacement character': '\ufffd',
  'half an emoji beside bytes': ['💬'[0], Buffer.from('bytes'), '💬'[1]],
  'small numbers': [0, -0, 1, -1, 1.5, -32, -33, 127, 128, 255, 256, 65_535, 65_536, 5e-324],
  'large numbers': [
    2 ** 31,
    2 ** 32,
    2 ** 53,
    -(2 ** 53),
    2 ** 63,
    2 ** 64,
    -(2 ** 63),
    1e21,
    -1e300,
    1.7e308,
  ],
  NaN: Number.NaN,
  infinities: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  'NaN inside': { list: [Number.NaN], value: Number.NaN },
  'NaN beside bytes': [Number.NaN, Buffer.from([1])],
  booleans: [true, false],
  null: null,
  'a BigInt': 1n,
  'a BigInt inside': { list: [1n] },
  'a Symbol': Symbol('a'),
  'a Symbol inside': { value: Symbol('a'), list: [Symbol('b')] },
  'a Date': new Date(1_700_000_000_123),
  'a Date inside': { list: [new Date(0)], early: new Date(-1) },
  'a Date beside bytes': [new Date(0), Buffer.from([1])],
  'an invalid Date': [new Date(Number.NaN)],
  'a Map': new Map([[1, 2]]),
  'a Set': [new Set([1])],
  'undefined in a list': [1, undefined, 3],
  'undefined in an object': { a: undefined, b: { c: undefined, d: 1 } },
  holes,
  'a function inside': { fn() {}, list: [() => {}] },
  'an instance': new Point(),
  'an instance with toJSON': new Coded(),
  'toJSON inside': { coded: new Coded(), list: [new Coded()] },
  'toJSON that gives a text': { toJSON: () => 'text' },
  'toJSON that gives nothing': [{ toJSON: () => undefined }],
  'toJSON of its own beside bytes': [{ id: 1, hidden: 2, toJSON: () => ({ id: 1 }) }, Buffer.from([1])],
  wrappers: [new Number(1), new String('ab'), new Boolean(false)],
  'a RegExp and an Error': [/a/, new Error('message')],
  'no prototype': Object.assign(Object.create(null), { a: 1 }),
  'a Buffer': Buffer.from([0, 255]),
  'an empty Buffer': { bytes: Buffer.alloc(0) },
  'an ArrayBuffer': new Uint8Array([1, 2]).buffer,
  'typed arrays': [new Uint8Array([1, 2]), words, new Float64Array([1.5]), words.subarray(1)],
  'a DataView': [new DataView(new ArrayBuffer(2))],
  'a cycle': cyclic,
  'a cycle in a list': cyclicList,
};

/** What is as it is for nobody: the parser of socket.io-client for these. */
const serializers = {
  default: undefined,
  msgpack: msgpackParser,
} as const;

/** An application, and a client of it. */
async function open(serializer: keyof typeof serializers, options: FlaskSocketOptions = {}) {
  const app = await startApp({ options: { serializer, ...options } });
  const client = await app.connect('/', { parser: serializers[serializer] });
  return { socketio: app.get(SocketIO), client };
}

type Speak = (event: string, data?: unknown) => unknown;

/** What clients get of each of the values, or the error of who speaks. */
async function heard(speak: Speak, clients: Socket[]): Promise<Record<string, string>[]> {
  const all = clients.map((client) => {
    const results: Record<string, string> = {};
    client.onAny((event: string, ...got: unknown[]) => (results[event] = inspect(got, { depth: 9 })));
    return results;
  });
  for (const [name, value] of Object.entries(values)) {
    try {
      await speak(name, args(value));
    } catch (error) {
      for (const results of all) results[name] = (error as { code: string }).code;
    }
  }
  const ended = clients.map((client) => next(client, 'the end'));
  await speak('the end');
  await Promise.all(ended);
  for (const results of all) delete results['the end'];
  return all;
}

/** Resolves when all clients hear who speaks. */
async function connected(speak: Speak, clients: Socket[]): Promise<void> {
  const hello = clients.map((client) => next(client, 'hello'));
  const again = setInterval(() => void speak('hello'), 50);
  await Promise.all(hello).finally(() => clearInterval(again));
  const settled = clients.map((client) => next(client, 'settled'));
  await speak('settled');
  await Promise.all(settled);
}

describe.each(backEnds.filter(({ needs }) => have(needs)))('values on $name', ({ broker, queue }) => {
  let running: Broker;
  beforeAll(async () => {
    running = await broker();
    await running.start();
  }, 120_000);
  afterAll(() => running?.kill());

  it.each(['default', 'msgpack'] as const)(
    'P4 E8 mean the same as without it, with serializer %s',
    async (serializer) => {
      const alone = await open(serializer);
      const messageQueue = queue(running.url);
      const one = await open(serializer, { messageQueue, channel: serializer });
      const two = await open(serializer, { messageQueue, channel: serializer });
      const clients = [one.client, two.client];
      const speak: Speak = (event, data) => one.socketio.emit(event, data);
      await connected(speak, clients);
      const [reference] = await heard((event, data) => alone.socketio.emit(event, data), [alone.client]);
      const [here, there] = await heard(speak, clients);
      expect(here).toEqual(reference);
      expect(there).toEqual(reference);
    },
    60_000,
  );

  it('O1 E8 mean the same when an emitter gives them', async () => {
    const alone = await open('default');
    const server = await open('default', { messageQueue: queue(running.url), channel: 'emitter' });
    const emitter = createEmitter(queue(running.url), { channel: 'emitter' });
    onTestFinished(() => emitter.close());
    const speak: Speak = (event, data) => emitter.emit(event, data);
    await connected(speak, [server.client]);
    const [reference] = await heard((event, data) => alone.socketio.emit(event, data), [alone.client]);
    const [got] = await heard(speak, [server.client]);
    expect(got).toEqual(reference);
  }, 60_000);
});
