import type { Broker, SessionEvents } from '../session-driver.js';
import { type Connect, withTimeout, type RedisSession, topicOfAddress } from './redis-session.js';

/** Slots of a cluster, and the master that has them. */
interface Shard {
  url: string;
  from: number;
  to: number;
}

/** `CLUSTER SLOTS`: the master comes before its replicas. */
type Slots = [from: number, to: number, master: [host: string | null, port: number]][];

const NO_CLUSTER = /cluster support disabled|unknown command|NOPERM/i;

/** What is answered by a node that is not, or not yet, the right one. */
const NOT_HERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY)\b/;

/**
 * Connects to the Redis at a URL, or where it is a node of a Redis Cluster, to all masters, which are one session. A
 * session ends when slots move; the next one asks for them anew, from any node that is known.
 */
export function orCluster(url: string, connect: Connect): Broker<RedisSession>['connect'] {
  let known = [url];
  return async (events, signal) => {
    const { first, at } = await connectFirst(known, (node) => connect(node, events, signal));
    const shards = await shardsOf(first, at).catch((error: unknown) => {
      first.destroy();
      throw error;
    });
    if (!shards) return first;
    first.destroy();
    demandAllSlots(shards);
    known = [...new Set([url, ...shards.map((shard) => shard.url)])];
    return clusterSession(shards, (node) => connect(node, events, signal), events);
  };
}

/** The first of several nodes that lets us in; the last error is the one that is told. */
async function connectFirst(urls: string[], connect: (url: string) => Promise<RedisSession>) {
  let reason: unknown;
  for (const at of urls) {
    try {
      return { first: await connect(at), at };
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}

/** Nothing where Redis is no cluster, or does not tell. */
async function shardsOf(session: RedisSession, url: string): Promise<Shard[] | undefined> {
  try {
    const slots = await withTimeout(
      session.ask('', ({ publisher }) => publisher.sendCommand<Slots>(['CLUSTER', 'SLOTS'])),
    );
    return slots.map(([from, to, [host, port]]) => ({ from, to, url: nodeUrl(url, host, port) }));
  } catch (error) {
    if (error instanceof Error && NO_CLUSTER.test(error.message)) return undefined;
    throw error;
  }
}

/** A cluster that is just being made, or has lost a part, is no more use than one that is away. */
function demandAllSlots(shards: Shard[]): void {
  const count = shards.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (count < SLOTS) throw new Error(`the cluster has ${count} of ${SLOTS} slots`);
}

/** A node that does not know its own host is the one that was asked. */
function nodeUrl(asked: string, host: string | null, port: number): string {
  const url = new URL(asked);
  if (host) url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = `${port}`;
  return url.href;
}

async function clusterSession(
  shards: Shard[],
  connect: (url: string) => Promise<RedisSession>,
  { lost }: SessionEvents,
): Promise<RedisSession> {
  const sessions = await connectAll(new Set(shards.map(({ url }) => url)), connect);
  const nodes = Array.from<RedisSession>({ length: SLOTS });
  for (const { url, from, to } of shards) nodes.fill(sessions.get(url)!, from, to + 1);
  const nodeOf = (key: string) => nodes[slotOf(key)]!;
  const renew = (error: unknown): never => {
    if (error instanceof Error && NOT_HERE.test(error.message)) lost(error);
    throw error;
  };
  const all = [...sessions.values()];
  return {
    publish: (topic, payload) => nodeOf(topic).publish(topic, payload).catch(renew),
    ask: (key, what) => nodeOf(key).ask(key, what).catch(renew),
    listen: (address) => nodeOf(topicOfAddress(address)).listen(address),
    unlisten: (address) => nodeOf(topicOfAddress(address)).unlisten(address),
    end: async () => void (await Promise.all(all.map((session) => session.end()))),
    destroy: () => all.forEach((session) => session.destroy()),
  };
}

/** All or none. */
async function connectAll(urls: ReadonlySet<string>, connect: (url: string) => Promise<RedisSession>) {
  const sessions = new Map<string, RedisSession>();
  const attempts = await Promise.allSettled(
    [...urls].map(async (url) => sessions.set(url, await connect(url))),
  );
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (!failed) return sessions;
  for (const session of sessions.values()) session.destroy();
  throw failed.reason;
}

/** How many there are. */
export const SLOTS = 16_384;

/** The polynomial of CRC-16/XMODEM. */
const POLYNOMIAL = 0x10_21;

const REMAINDERS = Uint16Array.from({ length: 256 }, (_, byte) => remainderOf(byte));

/** Where a Redis Cluster has a key: its hash, or that of what stands in its first `{…}`, if that is not empty. */
export function slotOf(key: string): number {
  const begin = key.indexOf('{');
  const end = begin === -1 ? -1 : key.indexOf('}', begin + 2);
  const isTagged = end !== -1 && key[begin + 1] !== '}';
  return hash(Buffer.from(isTagged ? key.slice(begin + 1, end) : key)) % SLOTS;
}

function hash(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) sum = ((sum << 8) & 0xff_ff) ^ (REMAINDERS[(sum >> 8) ^ byte] ?? 0);
  return sum;
}

function remainderOf(byte: number): number {
  let sum = byte << 8;
  for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum & 0x80_00 ? POLYNOMIAL : 0);
  return sum;
}
