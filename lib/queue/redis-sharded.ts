import type { Adapter } from 'socket.io-adapter';
import { checkClusterMessage, type ClusterMessage } from './cluster-message.js';
import { decode } from './codec.js';
import type { Link } from './link.js';
import { localFirst } from './local-first.js';
import { load } from './optional-package.js';
import type { Backend } from './back-end.js';
import type { AdapterFactory } from './queue.js';
import { redisClientView } from './redis-client-view.js';
import { redisDriver } from './redis-clients.js';
import type { RedisDriver } from './redis-driver.js';

/** Redis 7 and later, through socket.io's own adapter on SPUBLISH and SSUBSCRIBE. */
export const backend: Backend = {
  name: 'Redis, sharded',
  async open({ url }) {
    const driver = await redisDriver(url.replace('-sharded', ''), 'sharded');
    return { driver, adapter: (link) => shardedAdapter(link, driver) };
  },
};

/** The part of socket.io's sharded adapter that its types keep private. */
interface Receiving {
  onRawMessage(payload: Buffer): void;
  onMessage(message: ClusterMessage): void;
}

async function shardedAdapter(link: Link, driver: RedisDriver): Promise<AdapterFactory> {
  const { createShardedAdapter } = await load<typeof import('@socket.io/redis-adapter')>(
    '@socket.io/redis-adapter',
    'a Redis message queue',
  );
  const client = redisClientView(link, driver);
  const create = createShardedAdapter(client, client, {
    channelPrefix: link.channel,
    // A channel for each room would be subscribed to after the join: what is sent in between would be lost.
    subscriptionMode: 'static',
  });
  return function factory(namespace: never) {
    return guarded(localFirst(create(namespace)));
  };
}

/** Makes the adapter take only what it can bear; the link counts the rest. */
function guarded(adapter: Adapter): Adapter {
  const own: Pick<Receiving, 'onRawMessage'> = {
    onRawMessage: (payload) =>
      // Its types keep it private.
      (adapter as unknown as Receiving).onMessage(checkClusterMessage(decode(payload))),
  };
  return Object.assign(adapter, own);
}
