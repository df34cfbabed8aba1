import type { Server, Socket } from 'socket.io';
import { type Address, resolveAddress } from '../common/address.js';
import { type Outgoing, outgoingOf } from '../common/args.js';
import { CALL_TIMEOUT } from '../common/constants.js';
import { failure, FlaskSocketError, type FlaskSocketErrorCode } from '../common/errors.js';
import { printable, summarizeThrown } from '../common/printable.js';
import { guarded } from '../common/thenable.js';
import type { Connection, Runtime } from '../context/connection.js';
import { findSocket } from '../socketio/adapter-internals.js';
import { connectionOf, existingNamespace } from '../socketio/socket-internals.js';
import {
  emitWithAck,
  deliver,
  type EmitOptions,
  type Message,
  type NoAck,
  originOf,
  writableSibling,
} from './deliver.js';

const CALLBACK_WARNING =
  'emit() with a callback asks one client: for a broadcast or a room the callback is never called. ' +
  'Use call() to ask one client, and members(room) to ask each.';

/** Emits an event; `sender` is the connection whose handler emits. All `emit` functions use it. */
export function emitEvent(runtime: Runtime, message: Message<EmitOptions>, sender?: Connection): void {
  const { options } = message;
  const address = resolveAddress(options, sender && originOf(sender, options.namespace));
  const outgoing = outgoingOf(message, 'emit()');
  if (!options.callback) return deliver(runtime, { address, outgoing, options }, sender);

  const socket = singleClient(runtime.server, address, sender);
  if (socket) return emitWithCallback(socket, { outgoing, options, sender });
  if (mayBeRemoteClient(runtime, address, options))
    return void callRemoteClient(runtime, { address, outgoing, options }, sender);
  if (address.kind !== 'self') runtime.warnOnce('callback', CALLBACK_WARNING);
  deliver(runtime, { address, outgoing, options }, sender);
}

interface Emission {
  outgoing: Outgoing;
  options: EmitOptions;
}

function emitWithCallback(
  socket: Socket,
  { outgoing, options, sender }: Emission & { sender: Connection | undefined },
): void {
  const { callback } = options;
  const connection = connectionOf(socket);
  if (!callback || !connection) return;
  const owner = sender ?? connection;
  const { runtime } = owner;
  const acknowledged = (values: readonly unknown[]) => runtime.runCallback(owner, values, callback);
  const failed = (code: NoAck) => {
    if (code !== 'FSK_CALL_DISCONNECTED') noAcknowledgement({ runtime, owner, options, outgoing }, code);
  };
  emitWithAck(connection, { outgoing, options }, { acknowledged, failed });
}

/** Calls `onTimeout` of an emit, or logs why its callback is not called. */
function noAcknowledgement(
  { runtime, owner, options, outgoing }: Emission & { runtime: Runtime; owner: Connection | undefined },
  code: NoAck,
): void {
  const { onTimeout, timeout = CALL_TIMEOUT } = options;
  const isLate = code === 'FSK_CALL_TIMEOUT' || code === 'FSK_CALL_EVICTED';
  if (isLate && onTimeout) runtime.runCallback(owner, [], onTimeout);
  else logNoCallback(runtime, outgoing, failure(code, printable(outgoing[0]), timeout));
}

/** A single name that is not a room of this process may be the sid of a client of another one. */
function mayBeRemoteClient(
  { server, remoteClients }: Runtime,
  address: Address,
  { ignoreQueue }: EmitOptions,
): boolean {
  const isOne = address.kind === 'rooms' && address.rooms.length === 1 && address.except.length === 0;
  return remoteClients !== undefined && !ignoreQueue && isOne && !isRoom(server, address);
}

/** Emits with a callback to a client of another process. If no process has that sid, it is a room: no callback then. */
async function callRemoteClient(
  runtime: Runtime,
  { address, outgoing, options }: Emission & { address: Address },
  sender: Connection | undefined,
): Promise<void> {
  const { namespace, rooms } = address;
  const [sid = ''] = rooms;
  const { timeout = CALL_TIMEOUT } = options;
  const event = () => deliver(runtime, { address, outgoing, options }, sender);
  try {
    const values = await runtime.remoteClients?.call({ namespace, sid, outgoing, timeout });
    if (values) return runtime.runCallback(sender, values, options.callback ?? (() => {}));
    runtime.warnOnce('callback', CALLBACK_WARNING);
    event();
  } catch (error) {
    if (isFailure(error, 'FSK_CALL_TIMEOUT'))
      return noAcknowledgement({ runtime, owner: sender, options, outgoing }, 'FSK_CALL_TIMEOUT');
    logNoCallback(runtime, outgoing, error);
    if (isFailure(error, 'FSK_QUEUE_AWAY'))
      guarded(event, (thrown) => logNoCallback(runtime, outgoing, thrown));
  }
}

const isFailure = (error: unknown, code: FlaskSocketErrorCode) =>
  error instanceof FlaskSocketError && error.code === code;

function logNoCallback({ logger }: Runtime, [event]: Outgoing, why: unknown): void {
  logger.debug?.(`No callback of ${printable(event)}: ${summarizeThrown(why)}`, 'callback');
}

/** The client of this process that an address names, if it names a single one. */
export function singleClient(server: Server, address: Address, sender?: Connection): Socket | undefined {
  const socket = namedClient(server, address, sender);
  return socket && !address.except.includes(socket.id) ? socket : undefined;
}

function namedClient(server: Server, address: Address, sender?: Connection): Socket | undefined {
  if (address.kind === 'self') return sender && writableSibling(sender, address.namespace);
  const [sid, ...more] = address.rooms;
  if (sid === undefined || more.length > 0) return undefined;
  const { namespace } = address;
  if (sender && sid === sender.socket.id && namespace === sender.socket.nsp.name)
    return writableSibling(sender, namespace);
  return findSocket(existingNamespace(server, namespace), sid);
}

/** Whether an address names a room that has clients on this process. */
export function isRoom(server: Server, { kind, namespace, rooms: [room = ''] }: Address): boolean {
  const { adapter } = existingNamespace(server, namespace) ?? {};
  return kind === 'rooms' && adapter?.rooms.has(room) === true && !adapter.sids.has(room);
}
