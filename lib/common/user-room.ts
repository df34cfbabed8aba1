import { failure } from './errors.js';
import { printableValue } from './printable.js';

/** Who a user is: not empty, finite; 7 and '7' are the same user. */
export type UserId = string | number;

/** How the names of users' rooms begin; no other room may be called so, whoever chooses its name. */
const PREFIX = 'flask-socket:user:';

/** Where a socket's data says whose it is, for other processes to see. */
export const USER_ID = 'flask-socket:user';

/** The room of a user, made by {@link user}. An object, so that no text of a client can be one. */
export class UserRoom {
  readonly #name: string;

  constructor(id: UserId) {
    const isId = typeof id === 'string' ? id !== '' : typeof id === 'number' && Number.isFinite(id);
    if (!isId) throw failure('FSK_INVALID_USER', printableValue(id));
    this.#name = `${PREFIX}${id}`;
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
  return name.startsWith(PREFIX);
}
