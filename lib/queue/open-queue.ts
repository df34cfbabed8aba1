import { fleetOn, type Fleet } from './fleet.js';
import { openLink } from './open-broker-link.js';
import { Peers } from './peers.js';
import { portable } from './portable.js';
import type { AdapterFactory, Asker, Command, QueueOptions, QueueState } from './queue.js';
import { withoutPassword } from './without-password.js';

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
  readonly ask?: Asker['ask'] | undefined;
  /** What is sent to clients of other processes, in a form in which it means the same to them. */
  readonly portable: typeof portable;
  /** Speaks to other processes' clients of a namespace that has no adapter here. */
  send(command: Command): void;
  /** Ends within `timeout` milliseconds, whatever the broker does. */
  close(timeout: number): Promise<void>;
}

/** Opens a message queue. Does not wait for the broker; rejects what the configuration got wrong. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const { link, adapter, asker, write } = await openLink(options, { isServer: true });
  const factory = adapter
    ? await adapter(link)
    : (await import('./broker-link-adapter.js')).linkAdapter(link);
  const isOurs = options.protocol !== 'flask-socketio'; // which has a form of its own for what is sent
  const peers = new Peers(link);
  link.open();
  return {
    name: withoutPassword(options.url),
    adapter: factory,
    portable: isOurs ? portable : (_, data) => ({ data }),
    peers,
    fleet: fleetOn(link),
    ask: asker && ((question) => asker.ask(question)),
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
      asker?.close();
      await link.close(timeout);
    },
  };
}
