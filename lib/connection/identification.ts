import { toArguments } from '../common/args.js';
import {
  EXCEPTION_EVENT,
  EXPIRED,
  EXPIRED_REASON,
  IDENTIFY_TIMEOUT,
  INTERNAL_ERROR,
  LONGEST_TIMER,
} from '../common/constants.js';
import { ConnectionRefusedError, failure } from '../common/errors.js';
import type { Log } from '../common/logger.js';
import type { Identify } from '../common/options.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { chain, guarded, isThenable, withTimeout } from '../common/thenable.js';
import { user, USER_ID, type UserId } from '../common/address.js';
import { type ClientState, type Connection, isExpired } from '../context/connection.js';
import { authOf } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { disconnectSocket } from '../messaging/clients.js';
import { connectionOf, disconnectFor, sendUnrecoverable, socketsOf } from '../socketio/socket-internals.js';

/** Calls option `identify` and keeps each connection in the room of its user (promise A3). */
export class Identification {
  constructor(private readonly parts: { identify: () => Identify | undefined; logger: Log }) {}

  /** Calls option `identify`. If it throws, the error is logged and the client is refused. */
  identify(connection: Connection): void | PromiseLike<void> {
    const identify = this.parts.identify();
    if (!identify) return;
    const identity: Connection['identity'] = (connection.identity = {});
    const asked = guarded<void>(
      () => {
        const answer = callIdentify(identify, connection);
        if (isThenable(answer)) leaveUserRoom(connection); // the user may have changed
        return chain(answer, (id) => {
          if (connection.identity === identity) joinUserRoom(connection, id); // else it was called again since
        });
      },
      (thrown) => (connection.identity === identity ? this.#refuse(connection, thrown) : undefined),
    );
    if (isThenable(asked)) identity.pending = asked;
    return asked;
  }

  /** Waits for a pending `identify`, or calls it if it was not called yet. */
  ensureIdentified(connection: Connection): void | PromiseLike<void> {
    return connection.identity ? connection.identity.pending : this.identify(connection);
  }

  /** Calls `identify` again for all namespaces of a client, and disconnects it from those where that throws. */
  identifyAgain(connection: Connection): void {
    if (!this.parts.identify()) return;
    for (const socket of new Set([connection.socket, ...socketsOf(connection.socket.client)])) {
      const other = connectionOf(socket);
      if (!other?.identity) continue; // a connecting one calls it later
      void guarded<void>(
        () => this.identify(other),
        () => disconnectSocket(socket),
      );
    }
  }

  #refuse({ socket }: Connection, thrown: unknown): never {
    this.parts.logger.error(
      `Error in option "identify" for ${printable(socket.nsp.name)}, sid ${socket.id}: ${describeThrown(thrown)}`,
      `identify ${nameOfThrown(thrown)}`,
    );
    throw new ConnectionRefusedError(INTERNAL_ERROR);
  }
}

const timeoutError = () => failure('FSK_IDENTIFY_TIMEOUT', IDENTIFY_TIMEOUT);

type Answer = UserId | null | undefined;

/** Calls it in a context of its own, so that `request` and `session` belong to this connection. */
function callIdentify(identify: Identify, connection: Connection): Answer | PromiseLike<Answer> {
  const args = toArguments(authOf(connection));
  const request = new EventRequest(connection, { message: 'connect', args });
  request.isIdentifying = true;
  const answer = storage.run(request, identify, request);
  return isThenable(answer) ? withTimeout(answer, IDENTIFY_TIMEOUT, timeoutError) : answer;
}

/** Stores the user's id in `socket.data`, which other processes can read. */
function joinUserRoom(connection: Connection, id: Answer): void {
  const room = id === undefined || id === null ? undefined : String(user(id));
  leaveUserRoom(connection, room);
  if (room === undefined) return;
  const { socket } = connection;
  (socket.data as Record<string, unknown>)[USER_ID] = id;
  void socket.join(room);
}

function leaveUserRoom({ socket }: Connection, except?: string): void {
  const data = socket.data as Record<string, unknown>;
  const id = data[USER_ID] as UserId | undefined;
  if (id === undefined) return;
  delete data[USER_ID];
  const room = String(user(id));
  if (room !== except) void socket.leave(room);
}

/** Disconnects an expired client, or sets the timer that will. All namespaces of a client share one timer. */
export function watchExpiry(client: Connection['socket']['client']): void {
  const sockets = socketsOf(client);
  const state = sockets[0] && connectionOf(sockets[0])?.client;
  if (!state) return; // admission checks a client that is still connecting
  clearExpiryTimer(state);
  if (state.expiresAt === undefined) return;
  if (isExpired(state)) return sockets.forEach(expire);
  const left = Math.min(Number(state.expiresAt) - Date.now(), LONGEST_TIMER);
  state.expiryTimer = setTimeout(watchExpiry, left, client).unref();
}

/** Clears the timer when the client disconnects from its last namespace. */
export function stopExpiryTimer({ socket, client }: Connection): void {
  if (client.expiryTimer && socketsOf(socket.client).every((other) => other === socket))
    clearExpiryTimer(client);
}

function clearExpiryTimer(state: ClientState): void {
  clearTimeout(state.expiryTimer);
  state.expiryTimer = undefined;
}

/** Sends the reason as an exception event, then disconnects. */
function expire(socket: Connection['socket']): void {
  sendUnrecoverable(socket, [EXCEPTION_EVENT, EXPIRED]);
  disconnectFor(socket, EXPIRED_REASON);
}
