import type { RedisClientOptions, RedisClientType } from 'redis';
import { failureFrom } from '../../common/errors.js';
import { load } from '../../common/optional-package.js';
import { withoutPassword } from '../without-password.js';
import type { Connect } from './redis-cluster.js';
import { RedisDriver } from './redis-driver.js';
import { redisSession, SAFE } from './redis-session.js';

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
