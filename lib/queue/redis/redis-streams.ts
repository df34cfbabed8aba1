import type { Namespace } from 'socket.io';
import type { ClusterAdapter } from 'socket.io-adapter';
import { plain } from '../../common/copies.js';
import { loadPackage } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import type { BrokerLink } from '../broker-link.js';
import { withEncodableResponses, localFirst } from '../cluster-adapters.js';
import { checkClusterMessage, clusterMessage } from '../cluster-message.js';
import { hasBytes, msgpack, withoutRepairs } from '../codec.js';
import { fromPortable, toPortable, mapData } from '../portable.js';
import type { AdapterFactory, Command, TopicMessage } from '../queue.js';
import { clusterOrSingle } from './redis-cluster.js';
import { connector } from './redis-connection.js';
import { StreamDriver, writeFields } from './redis-stream-driver.js';
import { streamClientView, type StreamClientView } from './redis-stream-view.js';

/** Redis, through socket.io's own adapter on a stream, from which clients recover missed events. */
export const backend: Backend = {
  name: 'Redis Streams',
  packages: { driver: 'redis', adapter: '@socket.io/redis-streams-adapter' },
  open({ url: given, channel, secret }) {
    const url = given.replace('-streams', '');
    const stream = `${channel}#stream`;
    const connect = clusterOrSingle(url, connector(url, 'exact', { reads: true }));
    const driver = new StreamDriver(connect, { stream, isText: secret === undefined });
    return {
      driver,
      adapter: (link) => streamsAdapter(link, driver, secret),
      write: (command) => write(stream, command),
    };
  },
};

/** The methods of an adapter for each message that it receives or publishes. */
interface Internals {
  onMessage(message: unknown, offset?: string): void;
  doPublish(message: { data?: unknown }): Promise<string>;
}

/** The part of a server that says whether clients are recovered; typed private by socket.io. */
interface RecoveryOption {
  opts: { connectionStateRecovery?: unknown };
}

function streamsAdapter(link: BrokerLink, driver: StreamDriver, secret: string | undefined): AdapterFactory {
  const { createAdapter } = loadPackage(
    '@socket.io/redis-streams-adapter',
  ) as typeof import('@socket.io/redis-streams-adapter');
  const view = streamClientView(link, driver, secret);
  const sessions = `${link.channel}#session:`;
  const create = createAdapter(view.client, {
    streamName: driver.stream,
    channelPrefix: link.channel,
    sessionKeyPrefix: sessions,
  }) as (namespace: unknown) => ClusterAdapter;
  return function factory(namespace: Namespace) {
    const adapter = unsubscribingOnClose(
      withEncodableResponses(withChecks(create(namespace), link), link),
      link,
    );
    const { opts } = namespace.server as unknown as RecoveryOption; // typed private
    if (!opts.connectionStateRecovery) return localFirst(adapter);
    // Each event carries the id of its entry, so that a client can name the last one that it received.
    view.waitForOffsets();
    return Object.assign(adapter, { peekSession: (pid: string) => peek(view, `${sessions}${pid}`) });
  };
}

/** The stored state of a client that may reconnect; `undefined` during an outage. */
async function peek(view: StreamClientView, key: string): Promise<unknown> {
  const encoded = await view.get(key).catch(() => undefined);
  return encoded === undefined ? undefined : msgpack.decode(Buffer.from(encoded, 'base64'));
}

/**
 * Checks the messages that the adapter receives; the link counts malformed ones. Published data is made plain first,
 * because the adapter's codec does not call `toJSON()`.
 */
function withChecks(adapter: ClusterAdapter, link: BrokerLink): ClusterAdapter {
  const { server } = adapter.nsp;
  const internals = adapter as unknown as Internals; // typed protected
  const take = internals.onMessage.bind(adapter);
  const give = internals.doPublish.bind(adapter);
  const own: Internals = {
    onMessage(message, offset) {
      try {
        const { data } = message as { data?: unknown };
        const whole = checkClusterMessage({ ...(message as object), data: withoutRepairs(data) });
        take(mapData(server, whole, fromPortable), offset);
      } catch (error) {
        link.countRefused(error);
      }
    },
    doPublish(message) {
      return give({ ...message, data: plain(toPortable(server, message.data)) });
    },
  };
  return Object.assign(adapter, own);
}

/** Unsubscribes from the adapter's channels when its namespace closes; socket.io's adapter does not. */
function unsubscribingOnClose(adapter: ClusterAdapter, link: BrokerLink): ClusterAdapter {
  const { uid } = adapter as unknown as { uid: string }; // typed protected
  const channel = `${link.channel}#${adapter.nsp.name}#`;
  const close = adapter.close.bind(adapter);
  adapter.close = () => {
    link.unsubscribe(channel);
    link.unsubscribe(`${channel}${uid}#`);
    return close();
  };
  return adapter;
}

/** A command in the format of socket.io's streams adapter. */
function write(stream: string, command: Command): TopicMessage {
  const { uid, nsp, type, data } = clusterMessage(command);
  const text = hasBytes(data) ? msgpack.encode(data).toString('base64') : JSON.stringify(data);
  return { topic: stream, payload: writeFields({ uid, nsp, type: `${type}`, data: text }) };
}
