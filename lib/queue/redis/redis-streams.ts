import type { Namespace } from 'socket.io';
import type { ClusterAdapter } from 'socket.io-adapter';
import { plain } from '../../common/copies.js';
import { load } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import type { BrokerLink } from '../broker-link.js';
import { answeringAlways, localFirst } from '../cluster-adapters.js';
import { checkClusterMessage, clusterMessage } from '../cluster-message.js';
import { hasBytes, msgpack, repaired } from '../codec.js';
import { arriving, leaving, passing } from '../portable.js';
import type { AdapterFactory, Command, Written } from '../queue.js';
import { orCluster } from './redis-cluster.js';
import { connector } from './redis-session.js';
import { StreamDriver, writeFields } from './redis-stream-driver.js';
import { streamClientView, type StreamClientView } from './redis-stream-view.js';

/** Redis, through socket.io's own adapter on a stream, which replays to a client what it has missed. */
export const backend: Backend = {
  name: 'Redis Streams',
  packages: { driver: 'redis', adapter: '@socket.io/redis-streams-adapter' },
  open({ url: given, channel, secret }) {
    const url = given.replace('-streams', '');
    const stream = `${channel}#stream`;
    const connect = orCluster(url, connector(url, 'exact', { reads: true }));
    const driver = new StreamDriver(connect, { stream, isText: secret === undefined });
    return {
      driver,
      adapter: (link) => streamsAdapter(link, driver, secret),
      write: (command) => write(stream, command),
    };
  },
};

/** What an adapter calls for each message that it has decoded, and for each that it is to encode. */
interface Internals {
  onMessage(message: unknown, offset?: string): void;
  doPublish(message: { data?: unknown }): Promise<string>;
}

/** The part of a server that says whether clients are to get what they missed; typed private by socket.io. */
interface Recovering {
  opts: { connectionStateRecovery?: unknown };
}

function streamsAdapter(link: BrokerLink, driver: StreamDriver, secret: string | undefined): AdapterFactory {
  const { createAdapter } = load(
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
    const adapter = leavingChannels(answeringAlways(checking(create(namespace), link), link), link);
    const { opts } = namespace.server as unknown as Recovering; // typed private
    if (!opts.connectionStateRecovery) return localFirst(adapter);
    // A client has to be told which message of the stream it gets, so that it can say which was its last.
    view.waitForOffsets();
    return Object.assign(adapter, { peekSession: (pid: string) => peek(view, `${sessions}${pid}`) });
  };
}

/** What the adapter keeps for a client that may come back. A broker that is away shows nothing. */
async function peek(view: StreamClientView, key: string): Promise<unknown> {
  const encoded = await view.look(key).catch(() => undefined);
  return encoded === undefined ? undefined : msgpack.decode(Buffer.from(encoded, 'base64'));
}

/**
 * Makes the adapter take only what it can bear, from the stream and from channels, and the link count the rest. What it
 * gives is as clients would get it: its codec knows nothing of `toJSON()`.
 */
function checking(adapter: ClusterAdapter, link: BrokerLink): ClusterAdapter {
  const { server } = adapter.nsp;
  const internals = adapter as unknown as Internals; // typed protected
  const take = internals.onMessage.bind(adapter);
  const give = internals.doPublish.bind(adapter);
  const own: Internals = {
    onMessage(message, offset) {
      try {
        const { data } = message as { data?: unknown };
        const whole = checkClusterMessage({ ...(message as object), data: repaired(data) });
        take(passing(server, whole, arriving), offset);
      } catch (error) {
        link.refuse(error);
      }
    },
    doPublish(message) {
      return give({ ...message, data: plain(leaving(server, message.data)) });
    },
  };
  return Object.assign(adapter, own);
}

/** Makes the adapter leave its channels with its namespace: socket.io's listens to them for good. */
function leavingChannels(adapter: ClusterAdapter, link: BrokerLink): ClusterAdapter {
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

/** A command as socket.io's streams adapter takes it. */
function write(stream: string, command: Command): Written {
  const { uid, nsp, type, data } = clusterMessage(command);
  const text = hasBytes(data) ? msgpack.encode(data).toString('base64') : JSON.stringify(data);
  return { topic: stream, payload: writeFields({ uid, nsp, type: `${type}`, data: text }) };
}
