import type { Broker, ConnectionEvents } from '../connection-driver.js';
import {
  type Connect,
  withCommandTimeout,
  type RedisConnection,
  topicOfAddress,
} from './redis-connection.js';

/** A range of a cluster's slots, and the URL of its master. */
interface Shard {
  url: string;
  from: number;
  to: number;
}

/** `CLUSTER SLOTS`: the master comes before its replicas. */
type Slots = [from: number, to: number, master: [host: string | null, port: number]][];

const NO_CLUSTER = /cluster support disabled|unknown command|NOPERM/i;

/** The errors of a node that does not serve the slot, or not yet. */
const WRONG_NODE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY)\b/;

/**
 * Connects to the Redis at a URL, or if that is a node of a Redis Cluster, to all masters as one connection. When slots
 * move the connection is lost; the next one reads the slots anew, from any known node.
 */
export function clusterOrSingle(url: string, connect: Connect): Broker<RedisConnection>['connect'] {
  let known = [url];
  return async (events, signal) => {
    const { first, at } = await connectFirst(known, (node) => connect(node, events, signal));
    const shards = await shardsOf(first, at).catch((error: unknown) => {
      first.destroy();
      throw error;
    });
    if (!shards) return first;
    first.destroy();
    checkAllSlots(shards);
    known = [...new Set([url, ...shards.map((shard) => shard.url)])];
    return connectCluster(shards, (node) => connect(node, events, signal), events);
  };
}

/** Connects to the first node that can be reached; rejects with the last error. */
async function connectFirst(urls: string[], connect: (url: string) => Promise<RedisConnection>) {
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

/** `undefined` if Redis is no cluster, or does not allow the command. */
async function shardsOf(session: RedisConnection, url: string): Promise<Shard[] | undefined> {
  try {
    const slots = await withCommandTimeout(
      session.withClients('', ({ publisher }) => publisher.sendCommand<Slots>(['CLUSTER', 'SLOTS'])),
    );
    return slots.map(([from, to, [host, port]]) => ({ from, to, url: nodeUrl(url, host, port) }));
  } catch (error) {
    if (error instanceof Error && NO_CLUSTER.test(error.message)) return undefined;
    throw error;
  }
}

/** A cluster without all slots (in the making, or with a shard down) is treated as disconnected. */
function checkAllSlots(shards: Shard[]): void {
  const count = shards.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (count < SLOTS) throw new Error(`the cluster has ${count} of ${SLOTS} slots`);
}

/** `host` is null for the node that was asked if it does not know its own. */
function nodeUrl(asked: string, host: string | null, port: number): string {
  const url = new URL(asked);
  if (host) url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = `${port}`;
  return url.href;
}

async function connectCluster(
  shards: Shard[],
  connect: (url: string) => Promise<RedisConnection>,
  { lost }: ConnectionEvents,
): Promise<RedisConnection> {
  const sessions = await connectAll(new Set(shards.map(({ url }) => url)), connect);
  const nodes = Array.from<RedisConnection>({ length: SLOTS });
  for (const { url, from, to } of shards) nodes.fill(sessions.get(url)!, from, to + 1);
  const nodeOf = (key: string) => nodes[slotOf(key)]!;
  const renew = (error: unknown): never => {
    if (error instanceof Error && WRONG_NODE.test(error.message)) lost(error);
    throw error;
  };
  const all = [...sessions.values()];
  return {
    publish: (topic, payload) => nodeOf(topic).publish(topic, payload).catch(renew),
    withClients: (key, what) => nodeOf(key).withClients(key, what).catch(renew),
    subscribe: (address) => nodeOf(topicOfAddress(address)).subscribe(address),
    unsubscribe: (address) => nodeOf(topicOfAddress(address)).unsubscribe(address),
    close: async () => void (await Promise.all(all.map((session) => session.close()))),
    destroy: () => all.forEach((session) => session.destroy()),
  };
}

/** Connects to all nodes; if one fails, closes the others and rejects. */
async function connectAll(urls: ReadonlySet<string>, connect: (url: string) => Promise<RedisConnection>) {
  const sessions = new Map<string, RedisConnection>();
  const attempts = await Promise.allSettled(
    [...urls].map(async (url) => sessions.set(url, await connect(url))),
  );
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (!failed) return sessions;
  for (const session of sessions.values()) session.destroy();
  throw failed.reason;
}

/** The number of slots in a cluster. */
export const SLOTS = 16_384;

/** The polynomial of CRC-16/XMODEM. */
const POLYNOMIAL = 0x10_21;

const REMAINDERS = Uint16Array.from({ length: 256 }, (_, byte) => remainderOf(byte));

/** The slot of a key: from its hash, or from that of the text in its first `{…}` if it is not empty. */
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
