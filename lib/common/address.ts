import { DEFAULT_NAMESPACE } from './constants.js';
import { failure } from './errors.js';
import { checkConcreteNamespace } from './namespace.js';
import { printableValue } from './printable.js';

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

/** How an emit travels. */
export interface EmitFlags {
  /** Drop it for clients that cannot take it right now. Default: false. */
  volatile?: boolean | undefined;
  /** Whether it may be compressed. Default: true. */
  compress?: boolean | undefined;
}

/** A copy of the flags among the options of an emit: socket.io writes into what it is given. */
export function flagsOf({ volatile, compress }: EmitFlags): EmitFlags {
  return { volatile, compress };
}

/** Where an emit comes from, if it comes from a handler. */
export interface Origin {
  namespace: string;
  sid: string;
}

/** An emit's recipients with all defaults resolved. */
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
 * The room's name on the wire. Throws for an object, and for the name of a user's room: a name may come from a client,
 * which must not reach a user's room.
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

/** The random characters of a sid, and those of their checksum; 20 in all, as in socket.io. */
const RANDOM_LENGTH = 16;
const CHECKSUM_LENGTH = 4;
const FORM = /^[\w-]{20}$/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * A client's id in a namespace, made from socket.io's. Its last characters, a counter in socket.io's, are a checksum of
 * the random ones, so that every process can tell a sid from other names.
 */
export function sidFrom(id: string): string {
  return id.slice(0, RANDOM_LENGTH) + checksumOf(id);
}

/** Whether a name is a sid; one in 16 million other names of that form is mistaken for one. */
export function isSid(name: string): boolean {
  return (
    name.length === RANDOM_LENGTH + CHECKSUM_LENGTH &&
    FORM.test(name) &&
    checksumOf(name) === name.slice(RANDOM_LENGTH)
  );
}

/** FNV-1a: fast; it need not be secret. */
function checksumOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < RANDOM_LENGTH; index++)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  let check = '';
  for (let index = 0; index < CHECKSUM_LENGTH; index++)
    check += ALPHABET.charAt((hash >>> (8 + 6 * index)) & 63);
  return check;
}

/** Who a user is: not empty, finite; 7 and '7' are the same user. */
export type UserId = string | number;

/** The prefix of users' rooms; `roomName` refuses it in other names. */
const USER_PREFIX = 'flask-socket:user:';

/** The key of the user's id in a socket's `data`, which other processes can read. */
export const USER_ID = 'flask-socket:user';

/** The room of a user, made by {@link user}. An object, so that no text of a client can be one. */
export class UserRoom {
  readonly #name: string;

  constructor(id: UserId) {
    const isId = typeof id === 'string' ? id !== '' : typeof id === 'number' && Number.isFinite(id);
    if (!isId) throw failure('FSK_INVALID_USER', printableValue(id));
    this.#name = `${USER_PREFIX}${id}`;
  }

  /** The room's name on the wire. */
  toString(): string {
    return this.#name;
  }
}

/**
 * The room of a user: every connection that option `identify` says is the user's is in it, in every namespace. For
 * `to`, `members()`, `closeRoom()` and wherever a room is named.
 *
 * @throws FSK_INVALID_USER for an id that is no text and no finite number
 * @see docs/authentication.md#the-room-of-a-user
 * @example
 * ```ts
 * import { emit, OnEvent, SocketGateway, user } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class MailGateway {
 *   @OnEvent('mail')
 *   mail(to: number, text: string) {
 *     emit('mail', text, { to: user(to) }); // on all devices of the user
 *   }
 * }
 * ```
 */
export function user(id: UserId): UserRoom {
  return new UserRoom(id);
}

/** Whether a room of this name is that of a user. */
export function isUserRoom(name: string): boolean {
  return name.startsWith(USER_PREFIX);
}
