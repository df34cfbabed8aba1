import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import type { Adapter } from 'socket.io-adapter';
import { expect } from 'vitest';
import { until, type Bench } from './bench.js';
import { call, callsOf, inside, replace, type PrivateMember } from './private-member.js';

type Hear = (payload: Buffer, topic: string) => void;

/** The commands that lib's clients have; an adapter that calls another one fails. */
class FakeRedis {
  readonly calls: unknown[][] = [];
  readonly heard = new Map<string, Hear>();
  readonly #stored = new Map<string, string>();

  publish = this.#noted('publish', () => Promise.resolve(1));
  sPublish = this.#noted('sPublish', () => Promise.resolve(1));
  subscribe = (topics: string | string[], hear: Hear) =>
    [topics].flat().forEach((each) => this.heard.set(each, hear));
  pSubscribe = (pattern: string, hear: Hear) => void this.heard.set(pattern, hear);
  sSubscribe = this.subscribe;
  unsubscribe = (topics: string | string[]) => [topics].flat().forEach((each) => this.heard.delete(each));
  pUnsubscribe = this.unsubscribe;
  sUnsubscribe = this.unsubscribe;
  sendCommand = this.#noted('sendCommand', ([, , topic]: string[]) => Promise.resolve([topic, 2]));
  on = () => {};
  off = () => {};
  duplicate = () => this;
  connect = () => Promise.resolve();
  disconnect = () => {};
  xAdd = this.#noted('xAdd', () => Promise.resolve('7-0'));
  xRead = () => new Promise(() => {});
  xRange = this.#noted('xRange', (_: string, from: string, to: string) =>
    Promise.resolve(to === '+' ? [] : [{ id: from, message: {} }]),
  );
  set = this.#noted('set', (key: string, value: string) => Promise.resolve(this.#stored.set(key, value)));
  multi = () => ({ get: (key: string) => ({ del: () => ({ exec: async () => [this.#stored.get(key)] }) }) });

  of(name: string): unknown[][] {
    return this.calls.filter(([called]) => called === name).map(([, ...values]) => values);
  }

  #noted<Values extends never[], Result>(name: string, method: (...values: Values) => Result) {
    return (...values: Values): Result => {
      this.calls.push([name, ...values]);
      return method(...values);
    };
  }
}

function usual({ main }: Bench) {
  const redis = new FakeRedis();
  const adapter = createAdapter(redis, redis, { key: 'key' })(main) as Adapter;
  main.adapter = adapter; // before its clients come
  return { redis, adapter };
}

function sharded({ main }: Bench) {
  const redis = new FakeRedis();
  const options = { channelPrefix: 'key', subscriptionMode: 'static' } as const;
  const adapter = createShardedAdapter(redis, redis, options)(main) as Adapter;
  return { redis, adapter };
}

/** The parts of socket.io's Redis adapters. */
export const redisAdapter: PrivateMember[] = [
  {
    member: 'Adapter.uid',
    kind: 'property',
    serves: 'tells the requests of this process from those of others',
    instead: 'there is none',
    check: (bench) => expect(inside(usual(bench).adapter, 'uid')).toHaveLength(6),
  },
  {
    member: 'Adapter.requestChannel',
    kind: 'property',
    serves: 'tells other processes what has been done to the clients of this one already',
    instead: '`addSockets()` and its like wait until Redis has brought the request back',
    check(bench) {
      const { redis, adapter } = usual(bench);
      const channel = inside<string>(adapter, 'requestChannel');
      expect(channel).toBe('key-request#/#');
      expect([...redis.heard.keys()]).toContain(channel);
    },
  },
  {
    member: 'Adapter.onrequest',
    kind: 'method',
    serves: 'a request is checked before the adapter takes it, and its rejection is heard',
    instead: 'there is none: it leaves rejections unhandled, which end the process',
    async check(bench) {
      const { redis, adapter } = usual(bench);
      const { socket } = await bench.pair();
      const channel = inside<string>(adapter, 'requestChannel');
      const requests = callsOf(adapter, 'onrequest');
      const request = {
        uid: 'other',
        requestId: 'r',
        type: 2,
        opts: { rooms: [], except: [] },
        rooms: ['a'],
      };
      redis.heard.get(channel)!(Buffer.from(JSON.stringify(request)), channel);
      expect(requests).toEqual([[channel, Buffer.from(JSON.stringify(request))]]);
      expect([...socket.rooms]).toEqual([socket.id, 'a']);
    },
  },
  {
    member: 'Adapter.publishResponse',
    kind: 'method',
    serves: 'answers a request that the adapter has failed to answer',
    instead: 'there is none',
    check(bench) {
      const { redis, adapter } = usual(bench);
      call(adapter, 'publishResponse', { uid: 'other', requestId: 'r' }, '{}');
      expect(redis.of('publish')).toEqual([['key-response#/#', '{}']]);
    },
  },
  {
    member: 'createAdapter(client)',
    kind: 'behaviour',
    serves: 'each message passes the broker link, so that an outage ends nothing',
    instead: 'a client of the package `redis`; which of its commands the adapter calls is documented nowhere',
    usedBy: ['lib/queue/redis/redis-adapter.ts'],
    async check(bench) {
      const { redis, adapter } = usual(bench);
      expect([...redis.heard.keys()].length).toBe(4);
      adapter.broadcast({ type: 2, data: ['news'] }, { rooms: new Set(['a']), except: new Set() });
      expect(redis.of('publish')).toEqual([['key#/#a#', expect.any(Buffer)]]);
      expect(await adapter.serverCount()).toBe(2);
      void adapter.close();
      expect(redis.heard.size).toBe(0);
    },
  },
  {
    member: 'ClusterAdapter.encode',
    kind: 'method',
    serves: 'bytes of all kinds are sent, by the codec of the package',
    instead: 'there is none: the sharded adapter takes no parser',
    async check(bench) {
      const { redis, adapter } = sharded(bench);
      replace(adapter, 'encode', (_, message: { type: number }) => `type ${message.type}`);
      adapter.serverSideEmit(['told']);
      await until(() => redis.calls.length > 0);
      expect(redis.of('sPublish')).toEqual([['key#/#', 'type 9']]);
    },
  },
  {
    member: 'ClusterAdapter.onRawMessage',
    kind: 'method',
    serves: 'a message is checked before the adapter takes it',
    instead: 'there is none: a malformed one ends the process',
    check(bench) {
      const { redis, adapter } = sharded(bench);
      const messages = callsOf(adapter, 'onRawMessage');
      redis.heard.get('key#/#')!(Buffer.from('{}'), 'key#/#');
      expect(messages).toEqual([[Buffer.from('{}'), 'key#/#']]);
    },
  },
  {
    member: 'createShardedAdapter(client)',
    kind: 'behaviour',
    serves: 'each message passes the broker link, so that an outage ends nothing',
    instead: 'a client of the package `redis`; which of its commands the adapter calls is documented nowhere',
    usedBy: ['lib/queue/redis/redis-adapter.ts', 'lib/queue/redis/redis-sharded.ts'],
    async check(bench) {
      const { redis, adapter } = sharded(bench);
      expect([...redis.heard.keys()]).toEqual(['key#/#', `key#/#${inside<string>(adapter, 'uid')}#`]);
      expect(await adapter.serverCount()).toBe(2);
      await adapter.close();
      expect(redis.heard.size).toBe(0);
    },
  },
];

function streams(bench: Bench) {
  const { main } = bench.another({ connectionStateRecovery: {} });
  const redis = new FakeRedis();
  const options = { streamName: 'stream', channelPrefix: 'key', sessionKeyPrefix: 'session:' };
  const adapter = createStreamsAdapter(redis, options)(main) as Adapter;
  return { redis, adapter };
}

/** The parts of socket.io's adapter for Redis streams. */
export const streamsAdapter: PrivateMember[] = [
  {
    member: 'createAdapter(client) for streams',
    kind: 'behaviour',
    serves: 'each message passes the broker link, so that an outage ends nothing',
    instead: 'a client of the package `redis`; which of its commands the adapter calls is documented nowhere',
    usedBy: ['lib/queue/redis/redis-stream-view.ts', 'lib/queue/redis/redis-streams.ts'],
    async check(bench) {
      const { redis, adapter } = streams(bench);
      await until(() => redis.heard.size === 2);
      adapter.addSockets({ rooms: new Set(), except: new Set() }, ['a']);
      await until(() => redis.of('xAdd').length > 0);
      expect(redis.of('xAdd')[0]).toMatchObject(['stream', '*', { nsp: '/', type: '4' }, { TRIM: {} }]);
      expect(await adapter.serverCount()).toBe(2);
      expect([...redis.heard.keys()]).toEqual(['key#/#', `key#/#${inside<string>(adapter, 'uid')}#`]);
      void adapter.close();
    },
  },
  {
    member: 'sessions in Redis',
    kind: 'behaviour',
    serves: 'what is kept for a client that may come back is looked at before it is given, and signed',
    instead: 'there is none: where and how the adapter keeps it is documented nowhere',
    usedBy: ['lib/queue/redis/redis-stream-view.ts', 'lib/queue/redis/redis-streams.ts'],
    async check(bench) {
      const { redis, adapter } = streams(bench);
      const kept = { sid: 'sid', pid: 'pid', rooms: ['sid'], data: { a: 1 } };
      adapter.persistSession(kept);
      expect(redis.of('set')).toEqual([['session:pid', expect.any(String), { PX: 120_000 }]]);
      expect(await adapter.restoreSession('pid', '7-0')).toEqual({ ...kept, missedPackets: [] });
      expect(redis.of('xRange')).toEqual([
        ['stream', '7-0', '7-0'],
        ['stream', '7-1', '+'],
      ]);
      void adapter.close();
    },
  },
];
