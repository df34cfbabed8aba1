import { isUtf8 } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClientOptions, RedisClientType } from 'redis';
import { failureFrom } from '../../common/errors.js';
import { load } from '../../common/optional-package.js';
import { withinTime } from '../../common/thenable.js';
import { withoutPassword } from '../queue-url.js';
import type { Listener } from '../queue.js';
import { type Broker, type Session, SessionDriver, type SessionEvents, watch } from '../session-driver.js';

/** Redis's PUBLISH and SUBSCRIBE, or SPUBLISH and SSUBSCRIBE, through the package `redis`. */
export class RedisDriver extends SessionDriver<RedisSession> {
  constructor(
    connect: Broker<RedisSession>['connect'],
    private readonly usual: 'exact' | 'sharded' = 'exact',
  ) {
    super({ connect, address: (topic) => topic });
  }

  override subscribe(topic: string, listener: Listener, as: Subscription = this.usual): void {
    super.subscribe(addressOf(topic, as), listener);
  }

  override unsubscribe(topic: string, as: Subscription = this.usual): void {
    super.unsubscribe(addressOf(topic, as));
  }

  /** How many processes have subscribed to a topic. */
  async count(topic: string, as: Subscription): Promise<number> {
    const numSub = as === 'sharded' ? 'SHARDNUMSUB' : 'NUMSUB';
    const reply = await this.session.ask(topic, ({ publisher }) =>
      publisher.sendCommand<[string, number | string]>(['PUBSUB', numSub, topic]),
    );
    return Number(reply[1]);
  }
}

/** Makes a client that is not connected yet. */
export type MakeClient = (options: RedisClientOptions) => RedisClientType;

/** What makes clients, from the package `redis`. */
export function clientMaker(): MakeClient {
  const { createClient } = load('redis') as typeof import('redis');
  return (options) => createClient({ ...SAFE, ...options, socket: { ...SAFE.socket, ...options.socket } });
}

/** Connects to whatever node of the Redis at `url`; with `reads` it has a connection for what blocks. */
export function connector(url: string, as: 'exact' | 'sharded', { reads = false } = {}): Connect {
  const make = clientMaker();
  refuseNonsense(make, url);
  return (node, events, signal) => {
    const client = () => make({ url: node });
    const clients = { publisher: client(), subscriber: client(), ...(reads && { reader: client() }) };
    return redisSession(clients, as, { events, signal });
  };
}

/** A driver on one Redis. */
export function redisDriver(url: string): RedisDriver {
  const connect = connector(url, 'exact');
  return new RedisDriver((events, signal) => connect(url, events, signal));
}

/** Throws `FSK_INVALID_QUEUE` for a URL that the client does not take. */
function refuseNonsense(make: MakeClient, url: string): void {
  try {
    make({ url }).destroy();
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no Redis URL');
  }
}

/** Connects to the one Redis at a URL. */
export type Connect = (url: string, events: SessionEvents, signal: AbortSignal) => Promise<RedisSession>;

/** How a topic is subscribed to: `PSUBSCRIBE` for a pattern, `SSUBSCRIBE` for a shard's. */
export type Subscription = 'exact' | 'pattern' | 'sharded';

const CONNECTING = 5_000;

/** In bytes. */
const SHORT = 16 * 1024;

/**
 * Settings under which an outage ends nothing: nothing waits in the client (the link keeps what may wait), and it
 * does not connect again by itself (that would keep a connection on which Redis hangs, and a server that is no
 * master any more).
 */
export const SAFE = {
  disableOfflineQueue: true,
  socket: { connectTimeout: CONNECTING, reconnectStrategy: false },
  commandOptions: { timeout: 0 }, // a timer for each command would cost more than the command; `watch` sees to it
} as const satisfies RedisClientOptions;

/** The connections of one session: a subscriber may not publish. */
export interface RedisClients {
  publisher: RedisClientType;
  subscriber: RedisClientType;
  /** For what blocks. */
  reader?: RedisClientType;
}

/** A session with Redis, for those who ask Redis for more. */
export interface RedisSession extends Session {
  /** Asks the Redis that has a key. */
  ask<T>(key: string, what: (clients: RedisClients) => Promise<T>): Promise<T>;
}

/** Connects clients that are not connected yet; `as` says how is published and, if an address does not say it, heard. */
export async function redisSession(
  clients: RedisClients,
  as: 'exact' | 'sharded',
  { events, signal }: { events: SessionEvents; signal: AbortSignal },
): Promise<RedisSession> {
  const { publisher, subscriber } = clients;
  const all = Object.values(clients) as RedisClientType[];
  const destroy = () => all.forEach((client) => client.destroy());
  for (const client of all) client.on('error', () => {}); // `connect` rejects with it
  await connected(all, signal).catch((error: unknown) => {
    destroy();
    // A socket that is just being connected escapes, and would keep the process alive.
    for (const client of all) client.once('connect', () => client.destroy());
    throw error;
  });
  for (const client of all) client.on('error', events.lost);
  subscriber.on('sharded-channel-moved', () => events.lost(new Error('slots of the cluster have moved')));
  const unwatch = watch(() => Promise.all([publisher.ping(), subscriber.ping()]), events.lost);
  return {
    ask: (_, what) => what(clients),
    publish: (topic, payload) =>
      as === 'sharded'
        ? publisher.sPublish(topic, leanest(payload))
        : publisher.publish(topic, leanest(payload)),
    listen: (address) => listen(subscriber, address, events),
    unlisten: (address) => unlisten(subscriber, address),
    async end() {
      unwatch();
      await Promise.all([publisher.close(), subscriber.close()]);
    },
    destroy() {
      unwatch();
      destroy();
    },
  };
}

/** The client writes a short text in one piece with its command, and bytes in a piece of their own. */
function leanest(payload: Buffer): Buffer | string {
  return payload.length < SHORT && isUtf8(payload) ? payload.toString() : payload;
}

async function connected(clients: RedisClientType[], signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const tooLate = delay(CONNECTING, undefined, { signal: AbortSignal.any([signal, ended.signal]) }).then(
    () => {
      throw new Error('Redis does not answer');
    },
  );
  try {
    await Promise.race([Promise.all(clients.map((client) => client.connect())), tooLate]);
    if (!clients.every((client) => client.isReady)) throw new Error('Redis closed a connection');
  } finally {
    ended.abort();
  }
}

/** A topic, and how it is subscribed to. */
export const addressOf = (topic: string, as: Subscription) => `${as} ${topic}`;

export const topicOfAddress = (address: string) => address.slice(address.indexOf(' ') + 1);

function parsed(address: string): [as: Subscription, topic: string] {
  return [address.slice(0, address.indexOf(' ')) as Subscription, topicOfAddress(address)];
}

async function listen(client: RedisClientType, address: string, { hear }: SessionEvents): Promise<void> {
  const [as, topic] = parsed(address);
  const listener = (payload: Buffer, from: Buffer) => hear(address, payload, from.toString());
  if (as === 'exact') await client.subscribe(topic, listener, true);
  else if (as === 'pattern') await client.pSubscribe(topic, listener, true);
  else await client.sSubscribe(topic, listener, true);
}

async function unlisten(client: RedisClientType, address: string): Promise<void> {
  const [as, topic] = parsed(address);
  if (as === 'exact') await client.unsubscribe(topic);
  else if (as === 'pattern') await client.pUnsubscribe(topic);
  else await client.sUnsubscribe(topic);
}

/** How long a broker may take to answer somebody who waits, in milliseconds. */
const PATIENCE = 2_000;

/** The same, or a rejection when it takes too long. */
export function withTimeout<T>(reply: Promise<T>): Promise<T> {
  return withinTime(reply, PATIENCE, () => new Error('the broker did not answer in time'));
}
