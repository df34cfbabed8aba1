import { DEFAULT_NAMESPACE } from './constants.js';
import { failure } from './errors.js';
import { checkConcreteNamespace } from './namespace.js';
import { printableValue } from './printable.js';
import { isUserRoom, UserRoom } from './user-room.js';

/** The name of a room, 7 and '7' are the same; or the room of a user, made by `user(id)`. */
export type Room = string | number | UserRoom;

/** Whom an emit is for. */
export interface Recipients {
  /** A namespace other than the event's own (outside a handler: other than `/`). */
  namespace?: string;
  /** A room, a client's sid, `user(id)`, or several of them; a client in several is reached once. */
  to?: Room | readonly Room[];
  /** The older name of `to`; `to` wins. */
  room?: Room | readonly Room[];
  /** Everybody in the namespace, the sender included. `to` wins. */
  broadcast?: boolean;
  /** `false` leaves the sender out. Default: true. */
  includeSelf?: boolean;
  /** A sid, or several, to leave out. */
  skipSid?: string | readonly string[];
}

/** Where an emit comes from, if it comes from a handler. */
export interface Origin {
  namespace: string;
  sid: string;
}

/** An emit's recipients with the blanks filled in. */
export interface Address {
  namespace: string;
  /** `self`: the sender's own connection. `everybody`: the namespace. `rooms`: those in `rooms`. */
  kind: 'self' | 'everybody' | 'rooms';
  rooms: readonly string[];
  except: readonly string[];
}

/**
 * What `namespace`, `to`, `room`, `broadcast`, `includeSelf` and `skipSid` mean together (promises B3 to B5, E2,
 * E3): the same for a handler's `emit`, for `SocketIO` and for an external emitter. Without an origin broadcast
 * is assumed.
 */
export function resolveAddress(recipients: Recipients, origin?: Origin): Address {
  const { namespace, broadcast, includeSelf } = recipients;
  const to = recipients.to ?? recipients.room;
  const except = listOf(recipients.skipSid);
  if (includeSelf === false && origin) except.push(origin.sid);
  return {
    namespace:
      namespace === undefined
        ? (origin?.namespace ?? DEFAULT_NAMESPACE)
        : checkConcreteNamespace(namespace, 'emit()'),
    kind: to !== undefined ? 'rooms' : origin && !broadcast ? 'self' : 'everybody',
    rooms: to === undefined ? [] : listOf(to).map(roomName),
    except,
  };
}

/**
 * The room's name on the wire, or an error: a room named by an object would be a room of nobody, and a name may come
 * from a client, who must not get at a user's room.
 */
export function roomName(room: unknown): string {
  if (room instanceof UserRoom) return room.toString();
  if (typeof room === 'string' && isUserRoom(room)) throw failure('FSK_RESERVED_ROOM', printableValue(room));
  if (typeof room === 'string') return room;
  if (typeof room === 'number') return String(room);
  throw failure('FSK_INVALID_ROOM', printableValue(room));
}

function listOf<T>(value: T | readonly T[] | undefined): T[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? [...(value as readonly T[])] : [value as T];
}
