import { type Address, resolveAddress } from '../common/address.js';
import { fromArguments, type Outgoing, outgoingOf } from '../common/args.js';
import { CALL_TIMEOUT } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import type { EmitParameters, EventAnswer, EventName, ServerEvents } from '../common/typed-events.js';
import type { Connection, Runtime } from '../context/connection.js';
import { currentRequest, storage } from '../context/storage.js';
import { connectionOf } from '../socketio/socket-internals.js';
import { emitWithAck, type CallOptions, type Message, type NoAck, originOf } from './deliver.js';
import { isRoom, singleClient } from './emit-event.js';

/**
 * Sends an event to the sender, or `to` one sid, and resolves with the client's acknowledgement: its value, or an array
 * of several.
 *
 * @throws FSK_CALL_TIMEOUT after `timeout` (60 s)
 * @throws FSK_CALL_DISCONNECTED when the client disconnects
 * @throws FSK_CALL_EVICTED if the client owes too many acknowledgements, and this one was the oldest
 * @throws FSK_CALL_NO_RECIPIENT if there is no such client
 * @throws FSK_CALL_MANY_RECIPIENTS for a broadcast or a room
 * @see docs/getting-started.md#asking-the-client
 * @example
 * ```ts
 * import { call, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class QuizGateway {
 *   @OnEvent('ready')
 *   async ready() {
 *     return { answer: await call('question', 'Six times seven?', { timeout: 5_000 }) };
 *   }
 * }
 * ```
 */
export async function call<E extends EventName<ServerEvents>>(
  event: E,
  ...[data, options]: EmitParameters<ServerEvents, E, CallOptions>
): Promise<EventAnswer<ServerEvents, E>> {
  const { connection } = currentRequest('call()');
  const answer = await callClient(connection.runtime, { event, data, options: options ?? {} }, connection);
  return answer as EventAnswer<ServerEvents, E>;
}

/** Sends an event to one client and waits for its acknowledgement. All `call` functions use it. */
export async function callClient(
  runtime: Runtime,
  message: Message<CallOptions>,
  sender?: Connection,
): Promise<unknown> {
  const { options } = message;
  const address = resolveAddress(options, sender && originOf(sender, options.namespace));
  const outgoing = outgoingOf(message, 'call()');
  if (address.kind === 'everybody' || address.rooms.length > 1)
    throw failure('FSK_CALL_MANY_RECIPIENTS', printable(message.event));
  const socket = singleClient(runtime.server, address, sender);
  const connection = socket && connectionOf(socket);
  if (connection) return fromArguments(await callLocalClient(connection, outgoing, options));
  return fromArguments(await callRemoteClient(runtime, { address, outgoing }, options));
}

/** Calls a client of this process; resolves with the values of its acknowledgement. */
export function callLocalClient(
  connection: Connection,
  outgoing: Outgoing,
  options: CallOptions,
): Promise<readonly unknown[]> {
  if (isConnectingItself(connection)) throw failure('FSK_CALL_BEFORE_CONNECT', printable(outgoing[0]));
  const { timeout = CALL_TIMEOUT } = options;
  return new Promise((resolve, reject) => {
    const failed = (code: NoAck) => reject(failure(code, printable(outgoing[0]), timeout));
    emitWithAck(connection, { outgoing, options }, { acknowledged: resolve, failed });
  });
}

/** A call from a client's own `@OnConnect()` would deadlock: its packets are held until that has ended. */
function isConnectingItself(connection: Connection): boolean {
  return connection.heldPackets !== undefined && storage.getStore()?.connection === connection;
}

/** Calls a client of another process; resolves with the values of its acknowledgement. */
async function callRemoteClient(
  { server, remoteClients }: Runtime,
  { address, outgoing }: { address: Address; outgoing: Outgoing },
  { timeout = CALL_TIMEOUT, ignoreQueue }: CallOptions,
): Promise<readonly unknown[]> {
  const shown = printable(outgoing[0]);
  if (isRoom(server, address)) throw failure('FSK_CALL_MANY_RECIPIENTS', shown);
  const { namespace, kind, rooms } = address;
  const [sid] = rooms;
  const asked = kind === 'rooms' && sid !== undefined && !ignoreQueue;
  const values = asked ? await remoteClients?.call({ namespace, sid, outgoing, timeout }) : undefined;
  if (!values) throw failure('FSK_CALL_NO_RECIPIENT', shown);
  return values;
}
