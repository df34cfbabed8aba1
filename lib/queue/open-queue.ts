import { failure } from '../common/errors.js';
import { demand } from '../common/optional-package.js';
import type { Backend, Parts } from './back-end.js';
import { backendOf } from './back-ends.js';
import { BrokerLink } from './broker-link.js';
import { clusterMessage, topicOf } from './cluster-message.js';
import { encode } from './codec.js';
import { type Fleet, fleetOn } from './fleet.js';
import { Peers } from './peers.js';
import type { portable as Portable } from './portable.js';
import { withHost, withoutPassword } from './queue-url.js';
import type { AdapterFactory, RemoteCaller, Command, QueueOptions, QueueState, Written } from './queue.js';

/** A message queue as a server uses it. */
export interface Queue {
  /** Its URL without a password. */
  readonly name: string;
  readonly state: QueueState;
  /** Whether the broker is there, and does not let this process in. */
  readonly isRefused: boolean;
  /** How many messages were lost on the way out, and refused on the way in. */
  readonly counts: { readonly lost: number; readonly refused: number };
  /** What socket.io's server gets as option `adapter`. */
  readonly adapter: AdapterFactory;
  /** The other processes of the application. */
  readonly peers: Peers;
  /** All of them, as those among whom one is chosen. */
  readonly fleet: Fleet;
  /** Asks clients of processes that are none of ours. Only with a protocol of theirs. */
  readonly call?: RemoteCaller['call'] | undefined;
  /** What is sent to clients of other processes, in a form in which it means the same to them. */
  readonly portable: typeof Portable;
  /** Speaks to other processes' clients of a namespace that has no adapter here. */
  send(command: Command): void;
  /** Ends within `timeout` milliseconds, whatever the broker does. */
  close(timeout: number): Promise<void>;
}

/** Opens a message queue. Does not wait for the broker; rejects what the configuration got wrong. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const { link, adapter, remoteCaller, write } = await openBrokerLink(options, { isServer: true });
  const factory = adapter
    ? await adapter(link)
    : (await import('./broker-link-adapter.js')).linkAdapter(link);
  const { portable } = await import('./portable.js'); // what an emitter does without, as without socket.io-parser
  const isOurs = options.protocol !== 'flask-socketio'; // which has a form of its own for what is sent
  const peers = new Peers(link);
  link.open();
  return {
    name: withoutPassword(options.url),
    adapter: factory,
    portable: isOurs ? portable : (_, data) => ({ data }),
    peers,
    fleet: fleetOn(link),
    call: remoteCaller && ((question) => remoteCaller.call(question)),
    get state() {
      return link.state;
    },
    get isRefused() {
      return link.isRefused;
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

const NOT_SIGNED =
  "cannot be used with protocol 'flask-socketio': Python's processes sign nothing. Leave it out";

/** A way to a broker, not yet opened, with what its back end brings. */
export interface OpenBrokerLink {
  link: BrokerLink;
  adapter?: Parts['adapter'];
  remoteCaller?: Parts['remoteCaller'];
  /** A command as the adapters of the processes take it. */
  write: (command: Command) => Written;
}

/** Loads the back end of a URL. Rejects for an unknown scheme, a missing package, or a URL that makes no sense. */
export async function openBrokerLink(
  options: QueueOptions,
  { isServer = false }: { isServer?: boolean } = {},
): Promise<OpenBrokerLink> {
  if (options.protocol === 'flask-socketio' && options.secret !== undefined)
    throw failure('FSK_INVALID_OPTION', 'queueSecret', NOT_SIGNED);
  const backend = await backendOf(options);
  const name = withoutPassword(options.url);
  demand(packagesOf(backend, isServer), `the message queue ${name}`);
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

function writerOf(channel: string): (command: Command) => Written {
  return (command) => ({
    topic: topicOf(channel, command.to.nsp),
    payload: encode(clusterMessage(command)),
  });
}
