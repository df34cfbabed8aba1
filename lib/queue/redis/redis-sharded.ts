import type { Namespace } from 'socket.io';
import type { ClusterAdapter } from 'socket.io-adapter';
import { loadPackage } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import type { BrokerLink } from '../broker-link.js';
import { withEncodableResponses, localFirst } from '../cluster-adapters.js';
import { checkClusterMessage, type ClusterMessage } from '../cluster-message.js';
import { decode, encode } from '../codec.js';
import { fromPortable, toPortable, mapData } from '../portable.js';
import type { AdapterFactory } from '../queue.js';
import { redisClientView } from './redis-adapter.js';
import { clusterOrSingle } from './redis-cluster.js';
import { connector, RedisDriver } from './redis-connection.js';

/** Redis 7 and later, through socket.io's own adapter on SPUBLISH and SSUBSCRIBE. */
export const backend: Backend = {
  name: 'Redis, sharded',
  packages: { driver: 'redis', adapter: '@socket.io/redis-adapter' },
  open({ url }) {
    const node = url.replace('-sharded', '');
    const driver = new RedisDriver(clusterOrSingle(node, connector(node, 'sharded')), 'sharded');
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
  const { createShardedAdapter } = loadPackage(
    '@socket.io/redis-adapter',
  ) as typeof import('@socket.io/redis-adapter');
  const client = redisClientView(link, driver);
  const create = createShardedAdapter(client, client, {
    channelPrefix: link.channel,
    // With a channel for each room, messages between the join and the subscription would be lost.
    subscriptionMode: 'static',
  });
  return function factory(namespace: Namespace) {
    return withEncodableResponses(withChecks(localFirst(create(namespace) as ClusterAdapter)), link);
  };
}

/** Checks the messages that the adapter receives (the link counts malformed ones), and encodes bytes of all kinds. */
function withChecks(adapter: ClusterAdapter): ClusterAdapter {
  const { server } = adapter.nsp;
  const internals = adapter as unknown as Internals; // typed private
  const own: Pick<Internals, 'encode' | 'onRawMessage'> = {
    encode: (message) => encode(mapData(server, message, toPortable)),
    onRawMessage: (payload) =>
      internals.onMessage(mapData(server, checkClusterMessage(decode(payload)), fromPortable)),
  };
  return Object.assign(adapter, own);
}
