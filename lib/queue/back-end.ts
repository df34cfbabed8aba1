import type { BrokerLink } from './broker-link.js';
import type { AdapterFactory, RemoteCaller, Command, Driver, QueueOptions, Written } from './queue.js';

/** What a back end brings: a driver, and where it differs from the common form, how it is spoken to. */
export interface Parts {
  driver: Driver;
  /** socket.io's adapter over the link. Default: ours, `linkAdapter`. Not asked for by a process that only emits. */
  adapter?: (link: BrokerLink) => AdapterFactory | Promise<AdapterFactory>;
  /** A command as the adapters of other processes take it. Default: as `linkAdapter` does. */
  write?: (command: Command) => Written;
  /** Asks clients of processes that are none of ours. */
  remoteCaller?: RemoteCaller;
}

/** A back end, loaded when its scheme is asked for. Loads its driver's package. */
export interface Backend {
  /** The name of the broker, for the documentation. */
  name: string;
  /** What has to be installed for its driver, and for a server's adapter on top. */
  packages?: { driver: string; adapter?: string };
  open(options: QueueOptions): Parts;
}
