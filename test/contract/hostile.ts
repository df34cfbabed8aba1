import { msgpack } from '../../lib/queue/codec.js';
import type { TopicMessage } from '../../lib/queue/queue.js';

/** Random, but the same each time. */
export class Chance {
  #state = 42;

  next(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.next(256)));
  }
}

const everybody = { rooms: [], except: [], flags: {} };
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Values that no message has in its place. */
const odd = [undefined, null, 0, 1.5, true, '', 'x', [], [1], {}, { length: 1e9 }, Number.MAX_VALUE];

/** What would cut clients off, or reach them, if it were passed on. */
const packets = [
  ...odd,
  ...[0, 1, 3, 4, 5, 6, 7, '2', -1, null].map((type) => ({ type, data: ['forged'], nsp: '/' })),
  ...['connect', 'disconnect', 'connect_error', 'disconnecting', 'newListener'].map((event) => ({
    type: 2,
    data: [event],
    nsp: '/',
  })),
  ...odd.filter((data) => data !== undefined).map((data) => ({ type: 2, data, nsp: '/' })),
  ...odd.map((event) => ({ type: 2, data: [event === 'x' ? null : event, 'forged'].slice(0, 1), nsp: '/' })).filter(({ data }) => data[0] !== ''),
  ...['x', -1, 1.5, null, {}, 2 ** 60].map((id) => ({ type: 2, data: ['forged'], id, nsp: '/' })),
]; // prettier-ignore

const recipients = [
  ...odd,
  { rooms: [1] },
  { rooms: 'x' },
  { rooms: {} },
  { rooms: [null] },
  { rooms: [['x']] },
  { rooms: [], except: [7] },
  { rooms: [], except: 'x' },
  { rooms: [], flags: 'x' },
  { rooms: [], flags: 1 },
];

/** Everything with something wrong in it. */
function wrongShapes(): unknown[] {
  const good = { type: 2, data: ['forged'], nsp: '/' };
  const arrays = [
    ...packets.map((packet) => ['x', packet, everybody]),
    ...recipients.map((opts) => ['x', good, opts]),
    [],
    ['x'],
    [null, null, null],
  ];
  const data = [
    ...odd,
    ...packets.map((packet) => ({ packet, opts: everybody })),
    ...recipients.map((opts) => ({ packet: good, opts })),
    ...recipients.map((opts) => ({ opts, rooms: ['forged'], close: true })),
    ...odd.filter((rooms) => !Array.isArray(rooms) || rooms.length > 0).map((rooms) => ({ rooms, requestId: 1, sockets: 'x' })),
    ...['connection', 'connect', 'new_namespace'].map((event) => ({ packet: [event, {}] })),
  ]; // prettier-ignore
  const types = [-1, 0, 1.5, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, 'x', null];
  const cluster = data.flatMap((value, index) => {
    const type = types[index % types.length];
    return [3, type].map((kind) => ({ uid: 'x', nsp: '/', type: kind, data: value }));
  });
  const requests = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((type) =>
    recipients
      .filter((opts) => opts !== undefined)
      .map((opts) => ({ uid: 'x', type, requestId: 'r', opts, rooms: ['forged'], packet: good, data: [1], close: true })),
  ); // prettier-ignore
  const events = ['connection', 'connect', 'new_namespace', 7, null].map((event) => ({ uid: 'x', type: 6, data: [event, {}] })); // prettier-ignore
  return [...odd, ...arrays, ...cluster, ...requests, ...events];
}

/** What processes say to each other, with something wrong in it. */
function wrongPeers(): unknown[] {
  const ids = [...odd, 'x'.repeat(1_000), '../..', '#', '*', '>', 'a b'];
  const from = '00000000-0000-4000-8000-000000000000';
  return [
    ...['hello', 'here', 'bye', 'question', 'answer', 'x', 7].flatMap((is) => ids.map((id) => ({ is, from: id, id }))),
    ...ids.map((id) => ({ is: 'answer', from, id, mine: true, given: 'forged' })),
    ...['call', 'members', 'x'].flatMap((kind) => odd.map((question) => ({ is: 'question', from, id: 'q', kind, question }))),
    ...packets.map((packet) => ({ is: 'question', from, id: 'q', kind: 'call', question: { namespace: '/', sid: 'x', outgoing: packet, timeout: 'x' } })),
  ].filter((message) => !(typeof message.is === 'string' && message.is === 'here' && message.from === 'x')); // prettier-ignore
}

const texts = [
  '',
  'hello world',
  '{',
  '{}',
  '[]',
  'null',
  '"text"',
  '{"method":"emit","event":"forged","data":[1],"namespace":"/","room":null}',
  '\u0080\u0004\u0095pickle.',
  '{"__proto__":{"polluted":true},"uid":"x","nsp":"/","type":3}',
  '{"uid":"x","nsp":"/","type":3,"data":{"__proto__":{"polluted":true},"opts":{"rooms":[],"__proto__":{"polluted":true}},"packet":{"type":2,"data":["forged"],"__proto__":{"polluted":true},"id":"x"}}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  deep(100_000),
  `{"is":"question","from":"00000000-0000-4000-8000-000000000000","id":"q","kind":"members","question":${deep(100_000)}}`,
  `{"uid":"x","nsp":"/","type":3,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"packet":{"type":2,"nsp":"/","data":["forged",${deep(100_000)}]}}}`,
  `{"uid":"x","type":7,"requestId":"r","opts":{"rooms":[],"except":[],"flags":{}},"packet":{"type":2,"nsp":"/","data":["forged",${deep(100_000)}]}}`,
];

/** Real ones, for a room that is empty: cut short, or with bytes changed. */
const real = [
  Buffer.from(JSON.stringify({ uid: 'x', nsp: '/', type: 3, data: { opts: { rooms: ['nobody'], except: [], flags: {} }, packet: { type: 2, nsp: '/', data: ['forged', 1] } } })),
  Buffer.from(JSON.stringify({ uid: 'x', type: 2, opts: { rooms: ['nobody'], except: [], flags: {} }, rooms: ['forged'] })),
  Buffer.from(JSON.stringify({ is: 'question', from: '00000000-0000-4000-8000-000000000000', id: 'q', kind: 'members', question: { namespace: '/', room: 'nobody' } })),
  msgpack.encode(['x', { type: 2, nsp: '/', data: ['forged', 1] }, { rooms: ['nobody'], except: [], flags: {} }]),
]; // prettier-ignore

function mutations(chance: Chance): Buffer[] {
  return Array.from({ length: 240 }, (_, index) => {
    const copy = Buffer.from(real[index % real.length]!);
    if (index % 3 === 0) return copy.subarray(0, chance.next(copy.length));
    for (let change = 0; change <= index % 4; change++) copy[chance.next(copy.length)] = chance.next(256);
    return copy;
  });
}

/** Messages that nobody of ours has sent, for each of the topics. */
export function hostileMessages(topics: readonly string[], peers: string): TopicMessage[] {
  const chance = new Chance();
  const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '');
  const shapes = wrongShapes().map((value, index) => (index % 3 && !Array.isArray(value) ? json(value) : msgpack.encode(value))); // prettier-ignore
  const any = [
    ...Array.from({ length: 200 }, (_, length) => chance.bytes(length)),
    ...texts.map((text) => Buffer.from(text)),
    ...mutations(chance),
  ];
  const perTopic = [...topics, peers].flatMap((topic) => any.map((payload) => ({ topic, payload })));
  const shaped = topics.flatMap((topic) => shapes.map((payload) => ({ topic, payload })));
  const peerShaped = wrongPeers().map((value) => ({ topic: peers, payload: json(value) }));
  return [...perTopic, ...shaped, ...peerShaped];
}

/** Ten megabytes: of nothing, and of an event for everybody. */
export function hugeMessages(topic: string): TopicMessage[] {
  const text = 'x'.repeat(10_000_000);
  const packet = { type: 2, nsp: '/', data: ['forged', text] };
  return [
    { topic, payload: Buffer.from(text) },
    { topic, payload: Buffer.from(JSON.stringify({ uid: 'x', nsp: '/', type: 3, data: { opts: everybody, packet } })) },
    { topic, payload: msgpack.encode(['x', packet, everybody]) },
  ]; // prettier-ignore
}
