import type { FlaskSocketLogger } from '../common/logger.js';
import type { QueueAddress } from '../common/options.js';
import type { RemoteCall } from '../common/remote-clients.js';

/** Takes what arrived on a topic. */
export type Listener = (payload: Buffer, topic: string) => void;

/**
 * A broker's client, and all that a back end has to bring: topics that carry bytes, and a connection that is looked
 * for again for as long as it takes. A topic is any string; the driver escapes what its broker cannot take.
 */
export interface Driver {
  /** Begins to connect, at once and for good; says how it goes, as often as it changes. */
  open(events: DriverEvents): void;
  /** Hands bytes to the broker, in the order of the calls. Rejects what was not handed over. */
  publish(topic: string, payload: Buffer): Promise<unknown>;
  /** From now on, and after each return of the broker. Never throws, never rejects. */
  subscribe(topic: string, listener: Listener): void;
  unsubscribe(topic: string): void;
  /** Has what this process publishes on a topic arrive here, too: for a driver where it does not anyway. */
  hearOwn?(topic: string): void;
  /** Ends within `timeout` milliseconds, whatever the broker does. */
  close(timeout: number): Promise<void>;
}

/** What a driver says of its connection. `up` comes after all subscriptions have been made again. */
export interface DriverEvents {
  up(): void;
  away(reason: unknown): void;
}

/** `connecting` until the broker was there once; `away` when it is gone again; `closed` is final. */
export type QueueState = 'connecting' | 'up' | 'away' | 'closed';

/** What a back end is opened with. */
export interface QueueOptions {
  /** The URL of the broker. */
  url: string;
  /** The prefix of all topics: services with other prefixes hear nothing of each other. */
  channel: string;
  /** Signs what is published; what is not signed with it is dropped. */
  secret?: string | undefined;
  /** Whose messages they are: those of our own processes, or python-socketio's. Default: ours. */
  protocol?: QueueAddress['protocol'];
  logger: FlaskSocketLogger;
}

/** Calls clients of processes that cannot say which clients they have. */
export interface RemoteCaller {
  /** What the client acknowledges with. Rejects with `FSK_CALL_TIMEOUT` or `FSK_QUEUE_AWAY`. */
  call(question: RemoteCall): Promise<readonly unknown[]>;
  close(): void;
}

/** What is published where. */
export interface Written {
  topic: string;
  payload: Buffer;
}

export type { Audience, Command, RemoteCall } from '../common/remote-clients.js';
export type { AdapterFactory } from '../common/options.js';
