import type { RedisClientOptions, RedisClientType } from 'redis';
import { failureFrom } from '../common/errors.js';
import { withoutPassword } from './back-ends.js';
import { backoff } from './backoff.js';
import { load } from './optional-package.js';
import { RedisDriver } from './redis-driver.js';

/** A broker that is silent for so long is away, in milliseconds; it is asked for a sign three times as often. */
const SILENCE = 9_000;

/**
 * Settings under which an outage ends nothing: nothing waits in the client (the link keeps what may wait), the
 * connection is looked for without end, and a broker that hangs is noticed.
 */
const SAFE = {
  disableOfflineQueue: true,
  pingInterval: SILENCE / 3,
  socket: { socketTimeout: SILENCE, connectTimeout: SILENCE, reconnectStrategy: backoff },
} as const satisfies RedisClientOptions;

/** A driver on two connections to one Redis. */
export async function redisDriver(url: string): Promise<RedisDriver> {
  const { createClient } = await load<typeof import('redis')>('redis', 'a Redis message queue');
  try {
    const publisher = createClient({ ...SAFE, url }) as unknown as RedisClientType;
    return new RedisDriver(publisher, publisher.duplicate());
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no Redis URL');
  }
}
