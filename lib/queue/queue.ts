import type { FlaskSocketLogger } from '../common/logger.js';
import type { QueueAddress } from '../common/options.js';
import type { RemoteCall } from '../common/remote-clients.js';

/** Is called for each message of a topic. */
export type Listener = (payload: Buffer, topic: string) => void;

/**
 * A broker's client: all that a back end has to implement. It publishes bytes on topics and reconnects for as long as
 * it takes. A topic is any string; the driver escapes what its broker does not allow.
 */
export interface Driver {
  /** Connects, and reconnects until `close()`. Reports each change of the connection. */
  connect(events: DriverEvents): void;
  /** Publishes in the order of the calls. Rejects if the broker did not get the message. */
  publish(topic: string, payload: Buffer): Promise<unknown>;
  /** Subscribes now and after each reconnection. Never throws. */
  subscribe(topic: string, listener: Listener): void;
  unsubscribe(topic: string): void;
  /** Lets this process receive its own messages on a topic. Only for drivers where it does not anyway. */
  receiveOwn?(topic: string): void;
  /** Ends within `timeout` milliseconds, whatever the broker does. */
  close(timeout: number): Promise<void>;
}

/** The events of a driver's connection. `connected` is emitted after all subscriptions have been renewed. */
export interface DriverEvents {
  connected(): void;
  disconnected(reason: unknown): void;
}

/** `connecting` until the first connection; `away` after it was lost; `closed` is final. */
export type QueueState = 'connecting' | 'up' | 'away' | 'closed';

export interface QueueOptions {
  /** The URL of the broker. */
  url: string;
  /** The prefix of all topics: services with different ones do not receive each other's messages. */
  channel: string;
  /** Signs published messages; received ones without its signature are dropped. */
  secret?: string | undefined;
  /** The format of the messages: this library's, or python-socketio's. Default: `socket.io`. */
  protocol?: QueueAddress['protocol'];
  logger: FlaskSocketLogger;
}

/** Calls clients of python-socketio's processes, which do not say which clients they have. */
export interface RemoteCaller {
  /** Resolves with the client's acknowledgement. Rejects with `FSK_CALL_TIMEOUT` or `FSK_QUEUE_AWAY`. */
  call(request: RemoteCall): Promise<readonly unknown[]>;
  close(): void;
}

/** A message and the topic on which it is published. */
export interface TopicMessage {
  topic: string;
  payload: Buffer;
}

export type { Audience, Command, RemoteCall } from '../common/remote-clients.js';
export type { AdapterFactory } from '../common/options.js';
