import {
  type EmitFlags,
  flagsOf,
  isSid,
  type Recipients,
  resolveAddress,
  type Room,
  roomName,
} from '../common/address.js';
import { type Outgoing, outgoingOf, toArguments } from '../common/args.js';
import { plain } from '../common/copies.js';
import { failure, failureFrom } from '../common/errors.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import { printable } from '../common/printable.js';
import type { Command } from '../common/remote-clients.js';
import { ABSENT, BYTES, BEYOND_MSGPACK, traitsOf } from '../queue/codec.js';

/** An event, as an emitter's `emit` and `send` take it. */
export interface OutgoingEvent {
  event: string;
  data: unknown;
  options: Recipients & EmitFlags & { callback?: unknown };
}

/** The command of `emit` or `send`; `undefined` if it has no recipients (an empty list of rooms). */
export function emitCommand(
  { event, data, options }: OutgoingEvent,
  method: string,
  namespace: string,
): Command | undefined {
  if (hasCallback(options, data)) throw failure('FSK_EMITTER_CALLBACK', `${method}()`);
  const recipients = { ...options, namespace: options.namespace ?? namespace };
  const { namespace: nsp, kind, rooms, except } = resolveAddress(recipients);
  const values = asJson(outgoingOf({ event, data }, `${method}()`), `${method}()`);
  if (kind === 'rooms' && rooms.length === 0) return undefined;
  return { kind: 'emit', to: { nsp, rooms, except, flags: flagsOf(options) }, values };
}

/** An emitter does not know the servers' serializer, so its values are encoded as JSON on every queue. */
function asJson(outgoing: Outgoing, what: string): Outgoing {
  try {
    return (traitsOf(outgoing) & ~(BYTES | BEYOND_MSGPACK | ABSENT)) === 0
      ? outgoing
      : (plain(outgoing) as Outgoing);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}

/** A callback may be an option, stand in place of the options, or be one of the values, as with socket.io. */
function hasCallback(options: unknown, data: unknown): boolean {
  const { callback } = options as { callback?: unknown };
  const isCallable = (value: unknown) => typeof value === 'function';
  return (callback ?? undefined) !== undefined || isCallable(options) || toArguments(data).some(isCallable);
}

/** All clients leave a room. */
export function closeCommand(room: Room, namespace: string): Command {
  const name = roomName(room);
  return { kind: 'leave', to: { nsp: checked(namespace), rooms: [name], except: [] }, rooms: [name] };
}

/** One client enters or leaves a room. */
export function roomCommand(
  kind: 'join' | 'leave',
  room: Room,
  { sid, namespace }: { sid: string; namespace: string },
): Command {
  const name = roomName(room);
  if (kind === 'join' && isSid(name) && name !== sid) throw failure('FSK_ROOM_OF_ANOTHER', printable(name));
  return { kind, to: singleClient(sid, namespace), rooms: [name] };
}

/** One client's connection to a namespace ends. */
export function disconnectCommand(sid: string, namespace: string): Command {
  return { kind: 'disconnect', to: singleClient(sid, namespace), close: false };
}

/** Checks the sid: no room at all would mean all clients. */
function singleClient(sid: string, namespace: string) {
  return { nsp: checked(namespace), rooms: [roomName(sid)], except: [] };
}

const checked = (namespace: string) => checkConcreteNamespace(namespace, 'a namespace option');
