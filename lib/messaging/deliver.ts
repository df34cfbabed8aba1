import type { Namespace, Socket } from 'socket.io';
import { type Address, type EmitFlags, flagsOf, type Origin, type Recipients } from '../common/address.js';
import type { Outgoing } from '../common/args.js';
import { failureFrom, type FlaskSocketErrorCode } from '../common/errors.js';
import { CALL_TIMEOUT, LONGEST_TIMER } from '../common/constants.js';
import { printable } from '../common/printable.js';
import type { Connection, Runtime } from '../context/connection.js';
import { sendWithAck } from '../socketio/acknowledgements.js';
import {
  connectionOf,
  existingNamespace,
  sendRecoverable,
  sendEvent,
  siblingOf,
} from '../socketio/socket-internals.js';

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
  /** Milliseconds to wait for the acknowledgement that `callback` is called with. Default: 60,000. */
  timeout?: number;
  /**
   * Called instead of `callback` if the client does not acknowledge in time, in the same context. Not called if the
   * client leaves.
   */
  onTimeout?: () => unknown;
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

/** Which client `joinRoom`, `leaveRoom`, `rooms` and `disconnect` are for. Default: the sender. */
export interface ClientOptions {
  /** A client other than the one whose event is handled. */
  sid?: string;
  /** A namespace other than the event's; without `sid` it is the same connection there. */
  namespace?: string;
}

/** An event's name, data and options, as `emit` and `call` take them. */
export interface Message<Options> {
  event: string;
  data?: unknown;
  options: Options;
}

/** The origin of an emit: the sender's namespace, and its sid in the namespace `to`. */
export function originOf({ socket }: Connection, to = socket.nsp.name): Origin {
  const { id: sid } = siblingOf(socket, to) ?? socket;
  return { namespace: socket.nsp.name, sid };
}

/** Why no acknowledgement has come. */
export type NoAck = Extract<
  FlaskSocketErrorCode,
  'FSK_CALL_TIMEOUT' | 'FSK_CALL_DISCONNECTED' | 'FSK_CALL_ANSWER_TOO_LARGE' | 'FSK_CALL_EVICTED'
>;

/** How waiting for an acknowledgement ends: by one of the two. */
export interface AckOutcome {
  acknowledged(values: readonly unknown[]): void;
  failed(code: NoAck): void;
}

/** Sends an event to one client and waits for its acknowledgement, for `timeout` milliseconds at most. */
export function emitWithAck(
  connection: Connection,
  { outgoing, options }: { outgoing: Outgoing; options: CallOptions },
  outcome: AckOutcome,
): void {
  const end = () => {
    clearTimeout(timer);
    connection.pendingCalls.delete(left);
    stopWaiting();
  };
  const fail = (code: NoAck) => {
    end();
    outcome.failed(code);
  };
  const left = () => fail('FSK_CALL_DISCONNECTED');
  const pending = {
    acknowledged: (values: readonly unknown[]) => {
      end();
      outcome.acknowledged(values);
    },
    refused: () => fail('FSK_CALL_ANSWER_TOO_LARGE'),
    evicted: () => fail('FSK_CALL_EVICTED'),
  };
  const stopWaiting = send(connection.socket, outgoing, { ...options, pending });
  const timer = setTimeout(
    fail,
    Math.min(options.timeout ?? CALL_TIMEOUT, LONGEST_TIMER),
    'FSK_CALL_TIMEOUT',
  );
  connection.pendingCalls.add(left);
}

function send(socket: Socket, outgoing: Outgoing, options: Parameters<typeof sendWithAck>[2]): () => void {
  try {
    return sendWithAck(socket, outgoing, options);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', printable(outgoing[0]));
  }
}

/** How an emit is delivered, and to which processes. */
export interface DeliveryOptions extends EmitFlags {
  /** Only to clients of this process. Default: false. */
  ignoreQueue?: boolean;
}

/** Sends an event to an address. `sender` is the connection whose handler emits, if there is one. */
export function deliver(
  runtime: Runtime,
  { address, outgoing, options = {} }: { address: Address; outgoing: Outgoing; options?: DeliveryOptions },
  sender?: Connection,
): void {
  try {
    if (address.kind === 'self') return replyTo(sender, { address, outgoing, options });
    if (address.kind === 'rooms' && address.rooms.length === 0) return;
    const namespace = existingNamespace(runtime.server, address.namespace);
    if (namespace) broadcast(namespace, { address, outgoing, options });
    else if (!options.ignoreQueue) broadcastRemotely(runtime, { address, outgoing, options });
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', printable(outgoing[0]));
  }
}

interface Delivery {
  address: Address;
  outgoing: Outgoing;
  options: DeliveryOptions;
}

/** Sends to the sender itself, in the namespace of the address. */
function replyTo(sender: Connection | undefined, { address, outgoing, options }: Delivery): void {
  const socket = sender && writableSibling(sender, address.namespace);
  if (socket && !address.except.includes(socket.id)) sendEvent(socket, outgoing, options);
  else if (sender?.state === 'disconnected' && sender.socket.nsp.name === address.namespace)
    sendRecoverable(sender.socket, outgoing, options); // for connection state recovery
}

/** The sender's socket in a namespace, if it is connecting or connected. */
export function writableSibling(sender: Connection, namespace: string): Socket | undefined {
  const socket = siblingOf(sender.socket, namespace);
  const state = socket && connectionOf(socket)?.state;
  return state === 'connected' || state === 'connecting' ? socket : undefined;
}

function broadcast(namespace: Namespace, { address, outgoing, options }: Delivery): void {
  let operator = namespace.to([...address.rooms]); // each modifier creates an operator, so only those needed
  if (address.except.length > 0) operator = operator.except([...address.except]);
  if (options.compress === false) operator = operator.compress(false);
  if (options.volatile) operator = operator.volatile;
  if (options.ignoreQueue) operator = operator.local;
  operator.emit(...(outgoing as [string, ...unknown[]]));
}

/** A namespace that does not exist here may have clients on other processes. */
function broadcastRemotely({ remoteClients }: Runtime, { address, outgoing, options }: Delivery): void {
  const { namespace: nsp, rooms, except } = address;
  remoteClients?.send({
    kind: 'emit',
    to: { nsp, rooms, except, flags: flagsOf(options) },
    values: outgoing,
  });
}
