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
import { ABSENT, BYTES, FRAGILE, traitsOf } from '../queue/codec.js';

/** An event, as an emitter's `emit` and `send` take it. */
export interface Spoken {
  event: string;
  data: unknown;
  options: Recipients & EmitFlags & { callback?: unknown };
}

/** The command of a method that speaks; nothing where it is for nobody (an empty list of rooms). */
export function emitCommand(
  { event, data, options }: Spoken,
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

/** An emitter does not know the servers' serializer: its values are as JSON has them, whatever the queue. */
function asJson(outgoing: Outgoing, what: string): Outgoing {
  try {
    return (traitsOf(outgoing) & ~(BYTES | FRAGILE | ABSENT)) === 0
      ? outgoing
      : (plain(outgoing) as Outgoing);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}

/** As an option, in the place of the options, or among the values, as with socket.io. */
function hasCallback(options: unknown, data: unknown): boolean {
  const { callback } = options as { callback?: unknown };
  const isCallable = (value: unknown) => typeof value === 'function';
  return (callback ?? undefined) !== undefined || isCallable(options) || toArguments(data).some(isCallable);
}

/** Everybody leaves a room. */
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
  return { kind, to: only(sid, namespace), rooms: [name] };
}

/** One client's connection to a namespace ends. */
export function disconnectCommand(sid: string, namespace: string): Command {
  return { kind: 'disconnect', to: only(sid, namespace), close: false };
}

/** A client that is not named would be everybody. */
function only(sid: string, namespace: string) {
  return { nsp: checked(namespace), rooms: [roomName(sid)], except: [] };
}

const checked = (namespace: string) => checkConcreteNamespace(namespace, 'a namespace option');
