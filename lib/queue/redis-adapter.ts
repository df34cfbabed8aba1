import { load } from './optional-package.js';
import type { AdapterFactory } from './queue.js';
import type { Link } from './link.js';
import { guardRedisAdapter, redisParser } from './redis-adapter-guard.js';
import { redisClientView } from './redis-client-view.js';
import type { RedisDriver } from './redis-driver.js';

/** socket.io's adapter, guarded. */
export async function redisAdapter(link: Link, driver: RedisDriver): Promise<AdapterFactory> {
  const { createAdapter } = await load<typeof import('@socket.io/redis-adapter')>(
    '@socket.io/redis-adapter',
    'a Redis message queue',
  );
  const client = redisClientView(link, driver);
  const create = createAdapter(client, client, { key: link.channel, parser: redisParser });
  return function factory(namespace: never) {
    return guardRedisAdapter(create(namespace), link);
  };
}
