import { isUtf8 } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisClientOptions, RedisClientType } from 'redis';
import { failureFrom } from '../../common/errors.js';
import { loadPackage } from '../../common/optional-package.js';
import { withTimeout } from '../../common/thenable.js';
import { withoutPassword } from '../queue-url.js';
import type { Listener } from '../queue.js';
import {
  type Broker,
  type BrokerConnection,
  ConnectionDriver,
  type ConnectionEvents,
  pingRegularly,
} from '../connection-driver.js';

/** Redis's PUBLISH and SUBSCRIBE, or SPUBLISH and SSUBSCRIBE, through the package `redis`. */
export class RedisDriver extends ConnectionDriver<RedisConnection> {
  constructor(
    connect: Broker<RedisConnection>['connect'],
    private readonly defaultSubscription: 'exact' | 'sharded' = 'exact',
  ) {
    super({ connect, address: (topic) => topic });
  }

  override subscribe(topic: string, listener: Listener, as: Subscription = this.defaultSubscription): void {
    super.subscribe(addressOf(topic, as), listener);
  }

  override unsubscribe(topic: string, as: Subscription = this.defaultSubscription): void {
    super.unsubscribe(addressOf(topic, as));
  }

  /** How many processes have subscribed to a topic. */
  async countSubscribers(topic: string, as: Subscription): Promise<number> {
    const numSub = as === 'sharded' ? 'SHARDNUMSUB' : 'NUMSUB';
    const reply = await this.connection.withClients(topic, ({ publisher }) =>
      publisher.sendCommand<[string, number | string]>(['PUBSUB', numSub, topic]),
    );
    return Number(reply[1]);
  }
}

/** Creates a client that is not connected yet. */
export type CreateClient = (options: RedisClientOptions) => RedisClientType;

export function clientFactory(): CreateClient {
  const { createClient } = loadPackage('redis') as typeof import('redis');
  return (options) =>
    createClient({ ...CLIENT_OPTIONS, ...options, socket: { ...CLIENT_OPTIONS.socket, ...options.socket } });
}

/** Makes a function that connects to any node of the Redis at `url`; with `reads`, adds a client for blocking reads. */
export function connector(url: string, as: 'exact' | 'sharded', { reads = false } = {}): Connect {
  const make = clientFactory();
  checkUrl(make, url);
  return (node, events, signal) => {
    const client = () => make({ url: node });
    const clients = { publisher: client(), subscriber: client(), ...(reads && { reader: client() }) };
    return connectRedis(clients, as, { events, signal });
  };
}

/** A driver on one Redis. */
export function redisDriver(url: string): RedisDriver {
  const connect = connector(url, 'exact');
  return new RedisDriver((events, signal) => connect(url, events, signal));
}

/** Throws `FSK_INVALID_QUEUE` for a URL that the client refuses. */
function checkUrl(make: CreateClient, url: string): void {
  try {
    make({ url }).destroy();
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no Redis URL');
  }
}

/** Connects to the one Redis at a URL. */
export type Connect = (
  url: string,
  events: ConnectionEvents,
  signal: AbortSignal,
) => Promise<RedisConnection>;

/** How a topic is subscribed to: `PSUBSCRIBE` for a pattern, `SSUBSCRIBE` for a shard's. */
export type Subscription = 'exact' | 'pattern' | 'sharded';

const CONNECT_TIMEOUT = 5_000;

/** In bytes. */
const SHORT_PAYLOAD = 16 * 1024;

/**
 * The client does not queue commands (the link has the backlog), and does not reconnect by itself: it would keep a
 * connection that hangs, or one to a server that is no longer the master.
 */
export const CLIENT_OPTIONS = {
  disableOfflineQueue: true,
  socket: { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false },
  commandOptions: { timeout: 0 }, // a timer costs more than a command; `pingRegularly` detects a hang
} as const satisfies RedisClientOptions;

/** The clients of one connection: Redis does not let a subscriber publish. */
export interface RedisClients {
  publisher: RedisClientType;
  subscriber: RedisClientType;
  /** For blocking reads. */
  reader?: RedisClientType;
}

export interface RedisConnection extends BrokerConnection {
  /** Runs commands on the node that has a key. */
  withClients<T>(key: string, what: (clients: RedisClients) => Promise<T>): Promise<T>;
}

/** Connects clients; `as` is how messages are published. */
export async function connectRedis(
  clients: RedisClients,
  as: 'exact' | 'sharded',
  { events, signal }: { events: ConnectionEvents; signal: AbortSignal },
): Promise<RedisConnection> {
  const { publisher, subscriber } = clients;
  const all = Object.values(clients) as RedisClientType[];
  const destroy = () => all.forEach((client) => client.destroy());
  for (const client of all) client.on('error', () => {}); // `connect` rejects with it
  await connectAll(all, signal).catch((error: unknown) => {
    destroy();
    // `destroy()` misses a socket that is still connecting; it would keep the process alive.
    for (const client of all) client.once('connect', () => client.destroy());
    throw error;
  });
  for (const client of all) client.on('error', events.lost);
  subscriber.on('sharded-channel-moved', () => events.lost(new Error('slots of the cluster have moved')));
  const stopPinging = pingRegularly(() => Promise.all([publisher.ping(), subscriber.ping()]), events.lost);
  return {
    withClients: (_, what) => what(clients),
    publish: (topic, payload) =>
      as === 'sharded'
        ? publisher.sPublish(topic, fastestForm(payload))
        : publisher.publish(topic, fastestForm(payload)),
    subscribe: (address) => subscribe(subscriber, address, events),
    unsubscribe: (address) => unsubscribe(subscriber, address),
    async close() {
      stopPinging();
      await Promise.all([publisher.close(), subscriber.close()]);
    },
    destroy() {
      stopPinging();
      destroy();
    },
  };
}

/** The client writes a short text and its command at once, but bytes separately. */
function fastestForm(payload: Buffer): Buffer | string {
  return payload.length < SHORT_PAYLOAD && isUtf8(payload) ? payload.toString() : payload;
}

async function connectAll(clients: RedisClientType[], signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const tooLate = delay(CONNECT_TIMEOUT, undefined, { signal: AbortSignal.any([signal, ended.signal]) }).then(
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

export const addressOf = (topic: string, as: Subscription) => `${as} ${topic}`;

export const topicOfAddress = (address: string) => address.slice(address.indexOf(' ') + 1);

function parseAddress(address: string): [as: Subscription, topic: string] {
  return [address.slice(0, address.indexOf(' ')) as Subscription, topicOfAddress(address)];
}

async function subscribe(
  client: RedisClientType,
  address: string,
  { received }: ConnectionEvents,
): Promise<void> {
  const [as, topic] = parseAddress(address);
  const listener = (payload: Buffer, from: Buffer) => received(address, payload, from.toString());
  if (as === 'exact') await client.subscribe(topic, listener, true);
  else if (as === 'pattern') await client.pSubscribe(topic, listener, true);
  else await client.sSubscribe(topic, listener, true);
}

async function unsubscribe(client: RedisClientType, address: string): Promise<void> {
  const [as, topic] = parseAddress(address);
  if (as === 'exact') await client.unsubscribe(topic);
  else if (as === 'pattern') await client.pUnsubscribe(topic);
  else await client.sUnsubscribe(topic);
}

/** How long Redis may take to reply, in milliseconds. */
const COMMAND_TIMEOUT = 2_000;

export function withCommandTimeout<T>(reply: Promise<T>): Promise<T> {
  return withTimeout(reply, COMMAND_TIMEOUT, () => new Error('the broker did not answer in time'));
}
