import type { Namespace } from 'socket.io';
import type { ClusterAdapter } from 'socket.io-adapter';
import { load } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import type { BrokerLink } from '../broker-link.js';
import { answeringAlways, localFirst } from '../cluster-adapters.js';
import { checkClusterMessage, type ClusterMessage } from '../cluster-message.js';
import { decode, encode } from '../codec.js';
import { arriving, leaving, passing } from '../portable.js';
import type { AdapterFactory } from '../queue.js';
import { redisClientView } from './redis-adapter.js';
import { orCluster } from './redis-cluster.js';
import { connector, RedisDriver } from './redis-session.js';

/** Redis 7 and later, through socket.io's own adapter on SPUBLISH and SSUBSCRIBE. */
export const backend: Backend = {
  name: 'Redis, sharded',
  packages: { driver: 'redis', adapter: '@socket.io/redis-adapter' },
  open({ url }) {
    const node = url.replace('-sharded', '');
    const driver = new RedisDriver(orCluster(node, connector(node, 'sharded')), 'sharded');
    return { driver, adapter: (link) => shardedAdapter(link, driver) };
  },
};

/** The part of socket.io's sharded adapter that its types keep private. */
interface Internals {
  encode(message: object): Buffer;
  onRawMessage(payload: Buffer): void;
  onMessage(message: ClusterMessage): void;
}

function shardedAdapter(link: BrokerLink, driver: RedisDriver): AdapterFactory {
  const { createShardedAdapter } = load(
    '@socket.io/redis-adapter',
  ) as typeof import('@socket.io/redis-adapter');
  const client = redisClientView(link, driver);
  const create = createShardedAdapter(client, client, {
    channelPrefix: link.channel,
    // A channel for each room would be subscribed to after the join: what is sent in between would be lost.
    subscriptionMode: 'static',
  });
  return function factory(namespace: Namespace) {
    return answeringAlways(guarded(localFirst(create(namespace) as ClusterAdapter)), link);
  };
}

/** Makes the adapter take only what it can bear, and give bytes of all kinds; the link counts the rest. */
function guarded(adapter: ClusterAdapter): ClusterAdapter {
  const { server } = adapter.nsp;
  const internals = adapter as unknown as Internals; // typed private
  const own: Pick<Internals, 'encode' | 'onRawMessage'> = {
    encode: (message) => encode(passing(server, message, leaving)),
    onRawMessage: (payload) =>
      internals.onMessage(passing(server, checkClusterMessage(decode(payload)), arriving)),
  };
  return Object.assign(adapter, own);
}
