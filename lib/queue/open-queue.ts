import { failure } from '../common/errors.js';
import { requirePackages } from '../common/optional-package.js';
import type { Backend, BackendParts } from './back-end.js';
import { backendOf } from './back-ends.js';
import { BrokerLink } from './broker-link.js';
import { clusterMessage, topicOf } from './cluster-message.js';
import { encode } from './codec.js';
import { type ElectionTransport, electionTransport } from './election-transport.js';
import { Peers } from './peers.js';
import type { portable as Portable } from './portable.js';
import { withHost, withoutPassword } from './queue-url.js';
import type {
  AdapterFactory,
  RemoteCaller,
  Command,
  QueueOptions,
  QueueState,
  TopicMessage,
} from './queue.js';

/** The message queue of a server. */
export interface Queue {
  /** Its URL without a password. */
  readonly name: string;
  readonly state: QueueState;
  /** Whether the broker can be reached, but refuses the login. */
  readonly isLoginRefused: boolean;
  /** How many messages were not published, and how many received ones were refused. */
  readonly counts: { readonly lost: number; readonly refused: number };
  /** For socket.io's `server.adapter()`. */
  readonly adapter: AdapterFactory;
  /** The other processes of the application. */
  readonly peers: Peers;
  /** Carries the messages of leader elections. */
  readonly election: ElectionTransport;
  /** Calls clients of python-socketio's processes. Only with protocol `flask-socketio`. */
  readonly call?: RemoteCaller['call'] | undefined;
  /** Converts the data of an event for other processes. */
  readonly portable: typeof Portable;
  /** Sends a command for a namespace that has no adapter here. */
  send(command: Command): void;
  /** Ends within `timeout` milliseconds, whatever the broker does. */
  close(timeout: number): Promise<void>;
}

/** Opens a message queue. Does not wait for the broker; rejects for a wrong configuration. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const { link, adapter, remoteCaller, write } = await openBrokerLink(options, { isServer: true });
  const factory = adapter
    ? await adapter(link)
    : (await import('./broker-link-adapter.js')).linkAdapter(link);
  const { portable } = await import('./portable.js'); // an emitter needs neither it nor socket.io-parser
  const isOurs = options.protocol !== 'flask-socketio'; // which encodes the data itself
  const peers = new Peers(link);
  link.connect();
  return {
    name: withoutPassword(options.url),
    adapter: factory,
    portable: isOurs ? portable : (_, data) => ({ data }),
    peers,
    election: electionTransport(link),
    call: remoteCaller && ((request) => remoteCaller.call(request)),
    get state() {
      return link.state;
    },
    get isLoginRefused() {
      return link.isLoginRefused;
    },
    get counts() {
      return link.counts;
    },
    send(command) {
      const { topic, payload } = write(command);
      link.publish(topic, payload);
    },
    async close(timeout) {
      peers.close();
      remoteCaller?.close();
      await link.close(timeout);
    },
  };
}

const CANNOT_SIGN =
  "cannot be used with protocol 'flask-socketio': Python's processes sign nothing. Leave it out";

/** A link that is not connected yet, with what its back end provides. */
export interface OpenBrokerLink {
  link: BrokerLink;
  adapter?: BackendParts['adapter'];
  remoteCaller?: BackendParts['remoteCaller'];
  /** Encodes a command for the adapters of other processes. */
  write: (command: Command) => TopicMessage;
}

/** Loads the back end of a URL. Rejects for an unknown scheme, a missing package or an invalid URL. */
export async function openBrokerLink(
  options: QueueOptions,
  { isServer = false }: { isServer?: boolean } = {},
): Promise<OpenBrokerLink> {
  if (options.protocol === 'flask-socketio' && options.secret !== undefined)
    throw failure('FSK_INVALID_OPTION', 'queueSecret', CANNOT_SIGN);
  const backend = await backendOf(options);
  const name = withoutPassword(options.url);
  requirePackages(packagesOf(backend, isServer), `the message queue ${name}`);
  const {
    driver,
    write = writerOf(options.channel),
    ...parts
  } = backend.open({ ...options, url: withHost(options.url) });
  return { ...parts, link: new BrokerLink(driver, { ...options, name }), write };
}

function packagesOf({ packages }: Backend, isServer: boolean): string[] {
  if (!packages) return [];
  return isServer && packages.adapter ? [packages.driver, packages.adapter] : [packages.driver];
}

function writerOf(channel: string): (command: Command) => TopicMessage {
  return (command) => ({
    topic: topicOf(channel, command.to.nsp),
    payload: encode(clusterMessage(command)),
  });
}
