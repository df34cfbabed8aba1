import type { Namespace } from 'socket.io';
import { load } from '../../common/optional-package.js';
import type { Link } from '../broker-link.js';
import type { AdapterFactory } from '../queue.js';
import { guardRedisAdapter, redisParser } from './redis-adapter-guard.js';
import { redisClientView } from './redis-client-view.js';
import type { RedisDriver } from './redis-driver.js';

/** socket.io's adapter, guarded. */
export function redisAdapter(link: Link, driver: RedisDriver): AdapterFactory {
  const { createAdapter } = load('@socket.io/redis-adapter') as typeof import('@socket.io/redis-adapter');
  const client = redisClientView(link, driver);
  return function factory(namespace: never) {
    const parser = redisParser((namespace as Namespace).server);
    const create = createAdapter(client, client, { key: link.channel, parser });
    return guardRedisAdapter(create(namespace), link);
  };
}
