import type { Recipients } from '../common/address.js';
import type { DeliveryOptions } from './deliver.js';

/** Called with what the client's acknowledgement carried. */
export type EmitCallback = (...values: never[]) => unknown;

/** The options of `emit` and `SocketIO.emit`. */
export interface EmitOptions extends Recipients, DeliveryOptions {
  /**
   * Called when the client acknowledges, in the context of the handler that emitted. For one client only: the sender,
   * or `to` one sid; for a broadcast or a room it is not called.
   * @see docs/getting-started.md#asking-the-client
   */
  callback?: EmitCallback;
}

/** The options of `send` and `SocketIO.send`. */
export interface SendOptions extends EmitOptions {
  /** Send a `json` event instead of a `message` event. Default: false. */
  json?: boolean;
}

/** The options of `call` and `SocketIO.call`. */
export interface CallOptions
  extends Pick<Recipients, 'namespace' | 'to' | 'room' | 'broadcast'>, DeliveryOptions {
  /** Milliseconds to wait for the acknowledgement. Default: 60,000. */
  timeout?: number;
}

/** Another client, another namespace: for `joinRoom`, `leaveRoom`, `rooms` and `disconnect`. */
export interface ClientOptions {
  /** A client other than the one whose event is handled. */
  sid?: string;
  /** A namespace other than the event's; without `sid` it is the same connection there. */
  namespace?: string;
}
