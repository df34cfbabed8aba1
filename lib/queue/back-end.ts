import type { BrokerLink } from './broker-link.js';
import type { AdapterFactory, RemoteCaller, Command, Driver, QueueOptions, TopicMessage } from './queue.js';

/** What a back end provides: a driver, and where it differs from the default, an adapter and a message format. */
export interface BackendParts {
  driver: Driver;
  /** Makes socket.io's adapter. Default: `linkAdapter`. Not called in a process that only emits. */
  adapter?: (link: BrokerLink) => AdapterFactory | Promise<AdapterFactory>;
  /** Encodes a command for the adapters of other processes. Default: for `linkAdapter`. */
  write?: (command: Command) => TopicMessage;
  /** Calls clients of python-socketio's processes. */
  remoteCaller?: RemoteCaller;
}

/** A back end. Its file is imported for its scheme only, and its packages are loaded in `open()`. */
export interface Backend {
  /** The name of the broker, for the documentation. */
  name: string;
  /** The packages that the driver needs, and a server's adapter. */
  packages?: { driver: string; adapter?: string };
  open(options: QueueOptions): BackendParts;
}
