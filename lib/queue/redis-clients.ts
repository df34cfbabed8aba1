import type { RedisClientOptions, RedisClientType } from 'redis';
import { failureFrom } from '../common/errors.js';
import { withoutPassword } from './without-password.js';
import { load } from './optional-package.js';
import { RedisDriver } from './redis-driver.js';
import { redisSession, SAFE } from './redis-session.js';

/** Makes a client that is not connected yet. */
export type MakeClient = (options: RedisClientOptions) => RedisClientType;

/** What makes clients, from the package `redis`. */
export async function clientMaker(): Promise<MakeClient> {
  const { createClient } = await load<typeof import('redis')>('redis', 'a Redis message queue');
  return (options) => createClient({ ...SAFE, ...options, socket: { ...SAFE.socket, ...options.socket } });
}

/** A driver on one Redis; `as` says whether it speaks to shards. */
export async function redisDriver(url: string, as: 'exact' | 'sharded' = 'exact'): Promise<RedisDriver> {
  const make = await clientMaker();
  refuseNonsense(make, url);
  return new RedisDriver((events, signal) => {
    const clients = { publisher: make({ url }), subscriber: make({ url }) };
    return redisSession(clients, as, { events, signal });
  }, as);
}

/** Throws `FSK_INVALID_QUEUE` for a URL that the client does not take. */
export function refuseNonsense(make: MakeClient, url: string): void {
  try {
    make({ url }).destroy();
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no Redis URL');
  }
}
