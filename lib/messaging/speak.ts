import type { Server, Socket } from 'socket.io';
import { resolveAddress, type Address, type Origin } from '../common/address.js';
import { fromArguments, toArguments } from '../common/args.js';
import { CALL_TIMEOUT } from '../common/constants.js';
import { failure, failureFrom, type FlaskSocketError } from '../common/errors.js';
import { checkEventName } from '../common/event-name.js';
import { printable } from '../common/printable.js';
import type { Connection, Runtime } from '../context/connection.js';
import { connectionOf, existingNamespace, sendForAnswer, siblingOf } from '../context/socket-internals.js';
import { deliver, recipient, type Outgoing } from './deliver.js';
import type { CallOptions, EmitOptions } from './emit-options.js';

const CALLBACK_FOR_MANY =
  'emit() with a callback asks one client: for a broadcast or a room the callback is never called. ' +
  'Use call() to ask one client, and members(room) to ask each.';

/** An event's name, data and options, as `emit` and `call` take them. */
export interface Message<Options> {
  event: string;
  data?: unknown;
  options: Options;
}

/** Emits; `sender` is the connection whose handler speaks. The one implementation of every `emit`. */
export function speak(runtime: Runtime, message: Message<EmitOptions>, sender?: Connection): void {
  const { server } = runtime;
  const { options } = message;
  const address = resolveAddress(options, sender && originOf(sender, options.namespace));
  const outgoing = outgoingOf(message, 'emit()');
  if (!options.callback) return deliver(server, { address, outgoing, options }, sender);

  const socket = singleClient(server, address, sender);
  if (socket) return speakForCallback(socket, { outgoing, options, sender });
  if (address.kind !== 'self') {
    runtime.warnOnce('callback', CALLBACK_FOR_MANY);
  }
  deliver(server, { address, outgoing, options }, sender);
}

function speakForCallback(
  socket: Socket,
  { outgoing, options, sender }: { outgoing: Outgoing; options: EmitOptions; sender: Connection | undefined },
): void {
  const { callback } = options;
  const owner = sender ?? connectionOf(socket);
  if (!callback || !owner) return;
  const answered = (...values: unknown[]) => owner.runtime.callBack(owner, values, callback);
  askSocket(socket, outgoing, { ...options, answered });
}

/** Asks one client and waits for its acknowledgement. The one implementation of every `call`. */
export async function ask(
  server: Server,
  message: Message<CallOptions>,
  sender?: Connection,
): Promise<unknown> {
  const { options } = message;
  const shown = printable(message.event);
  const address = resolveAddress(options, sender && originOf(sender, options.namespace));
  const outgoing = outgoingOf(message, 'call()');
  if (address.kind === 'everybody' || address.rooms.length > 1)
    throw failure('FSK_CALL_MANY_RECIPIENTS', shown);
  const socket = singleClient(server, address, sender);
  const connection = socket && connectionOf(socket);
  if (!connection)
    throw failure(isRoom(server, address) ? 'FSK_CALL_MANY_RECIPIENTS' : 'FSK_CALL_NO_RECIPIENT', shown);
  if (connection.held) throw failure('FSK_CALL_BEFORE_CONNECT', shown);
  return await answerOf(connection, outgoing, options);
}

function answerOf(connection: Connection, outgoing: Outgoing, options: CallOptions): Promise<unknown> {
  const { timeout = CALL_TIMEOUT } = options;
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      connection.calls.delete(left);
      forget();
    };
    const give = (error: FlaskSocketError) => {
      end();
      reject(error);
    };
    const left = () => give(failure('FSK_CALL_DISCONNECTED', printable(outgoing[0])));
    const late = () => give(failure('FSK_CALL_TIMEOUT', printable(outgoing[0]), timeout));
    const answered = (...values: unknown[]) => {
      end();
      resolve(fromArguments(values));
    };
    const forget = askSocket(connection.socket, outgoing, { ...options, answered });
    const timer = setTimeout(late, timeout);
    connection.calls.add(left);
  });
}

/** The client that an address names, if it names one that is here. */
function singleClient(server: Server, address: Address, sender?: Connection): Socket | undefined {
  const socket = namedClient(server, address, sender);
  return socket && !address.except.includes(socket.id) ? socket : undefined;
}

function namedClient(server: Server, address: Address, sender?: Connection): Socket | undefined {
  if (address.kind === 'self') return sender && recipient(sender, address.namespace);
  const [sid, ...more] = address.rooms;
  if (sid === undefined || more.length > 0) return undefined;
  const { namespace } = address;
  if (sender && sid === sender.socket.id && namespace === sender.socket.nsp.name)
    return recipient(sender, namespace);
  return existingNamespace(server, namespace)?.sockets.get(sid);
}

function isRoom(server: Server, { kind, namespace, rooms: [room = ''] }: Address): boolean {
  return kind === 'rooms' && existingNamespace(server, namespace)?.adapter.rooms.has(room) === true;
}

function askSocket(
  socket: Socket,
  outgoing: Outgoing,
  options: Parameters<typeof sendForAnswer>[2],
): () => void {
  try {
    return sendForAnswer(socket, outgoing, options);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', printable(outgoing[0]));
  }
}

/** A function among the values is refused: socket.io would take it for the callback of a broadcast. */
function outgoingOf({ event, data }: Message<unknown>, place: string): Outgoing {
  const values = toArguments(data);
  if (values.some((value) => typeof value === 'function'))
    throw failure('FSK_NOT_SERIALIZABLE', printable(event));
  return [checkEventName(event, place), ...values];
}

/** Where a sender speaks from; its sid is the one that it has where it speaks to. */
function originOf({ socket }: Connection, to = socket.nsp.name): Origin {
  const { id: sid } = siblingOf(socket, to) ?? socket;
  return { namespace: socket.nsp.name, sid };
}
