import type { RedisClientOptions, RedisClientType } from 'redis';
import { failureFrom } from '../../common/errors.js';
import { load } from '../../common/optional-package.js';
import { withoutPassword } from '../without-password.js';
import { orCluster } from './redis-cluster.js';
import { RedisDriver } from './redis-driver.js';
import { redisSession, SAFE } from './redis-session.js';

/** Makes a client that is not connected yet. */
export type MakeClient = (options: RedisClientOptions) => RedisClientType;

/** What makes clients, from the package `redis`. */
export function clientMaker(): MakeClient {
  const { createClient } = load('redis') as typeof import('redis');
  return (options) => createClient({ ...SAFE, ...options, socket: { ...SAFE.socket, ...options.socket } });
}

/** A driver on one Redis. */
export function redisDriver(url: string): RedisDriver {
  const make = clientMaker();
  refuseNonsense(make, url);
  return new RedisDriver((events, signal) => {
    const clients = { publisher: make({ url }), subscriber: make({ url }) };
    return redisSession(clients, 'exact', { events, signal });
  });
}

/** A driver on the shards of a cluster, or on one Redis that is all of them. */
export function shardedDriver(url: string): RedisDriver {
  const make = clientMaker();
  refuseNonsense(make, url);
  const connect = orCluster(url, (node, events, signal) => {
    const clients = { publisher: make({ url: node }), subscriber: make({ url: node }) };
    return redisSession(clients, 'sharded', { events, signal });
  });
  return new RedisDriver(connect, 'sharded');
}

/** Throws `FSK_INVALID_QUEUE` for a URL that the client does not take. */
export function refuseNonsense(make: MakeClient, url: string): void {
  try {
    make({ url }).destroy();
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no Redis URL');
  }
}
