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
import { chain, guarded, isThenable, withinTime } from '../common/thenable.js';
import { user, USER_ID, type UserId } from '../common/address.js';
import { type ClientState, type Connection, isExpired } from '../context/connection.js';
import { authOf } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { endHere } from '../messaging/clients.js';
import { connectionOf, disconnectFor, sendLast, socketsOf } from '../socketio/socket-internals.js';

/** Finds out whose a connection is, and keeps it in that user's room (promise A3). */
export class Identification {
  constructor(private readonly parts: { identify: () => Identify | undefined; logger: Log }) {}

  /** Asks option `identify`. What it throws is logged, and refuses the client. */
  ask(connection: Connection): void | PromiseLike<void> {
    const identify = this.parts.identify();
    if (!identify) return;
    const identity: Connection['identity'] = (connection.identity = {});
    const asked = guarded<void>(
      () => {
        const answer = answerOf(identify, connection);
        if (isThenable(answer)) leave(connection); // it may be somebody else's by now
        return chain(answer, (id) => {
          if (connection.identity === identity) enter(connection, id); // else it has been asked again since
        });
      },
      (thrown) => (connection.identity === identity ? this.#refuse(connection, thrown) : undefined),
    );
    if (isThenable(asked)) identity.pending = asked;
    return asked;
  }

  /** Waits for an answer, or asks if nobody has: a client is never connected without. */
  settle(connection: Connection): void | PromiseLike<void> {
    return connection.identity ? connection.identity.pending : this.ask(connection);
  }

  /** Asks again for all namespaces of a client. One that cannot be identified is disconnected. */
  askAgain(connection: Connection): void {
    if (!this.parts.identify()) return;
    for (const socket of new Set([connection.socket, ...socketsOf(connection.socket.client)])) {
      const other = connectionOf(socket);
      if (!other?.identity) continue; // one that is being decided about is asked in its turn
      void guarded<void>(
        () => this.ask(other),
        () => endHere(socket),
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

const late = () => failure('FSK_IDENTIFY_TIMEOUT', IDENTIFY_TIMEOUT);

type Answer = UserId | null | undefined;

/** In a context of its own, so that `request` and `session` mean this connection. */
function answerOf(identify: Identify, connection: Connection): Answer | PromiseLike<Answer> {
  const args = toArguments(authOf(connection));
  const request = new EventRequest(connection, { message: 'connect', args });
  request.identifies = true;
  const answer = storage.run(request, identify, request);
  return isThenable(answer) ? withinTime(answer, IDENTIFY_TIMEOUT, late) : answer;
}

/** The socket's data travel with it to other processes. */
function enter(connection: Connection, id: Answer): void {
  const room = id === undefined || id === null ? undefined : String(user(id));
  leave(connection, room);
  if (room === undefined) return;
  const { socket } = connection;
  (socket.data as Record<string, unknown>)[USER_ID] = id;
  void socket.join(room);
}

function leave({ socket }: Connection, except?: string): void {
  const data = socket.data as Record<string, unknown>;
  const id = data[USER_ID] as UserId | undefined;
  if (id === undefined) return;
  delete data[USER_ID];
  const room = String(user(id));
  if (room !== except) void socket.leave(room);
}

/** Ends the connection if its time has come, else looks again then. One timer, whatever the namespaces. */
export function watchExpiry(client: Connection['socket']['client']): void {
  const sockets = socketsOf(client);
  const state = sockets[0] && connectionOf(sockets[0])?.client;
  if (!state) return; // a client that is still connecting is looked at when it has been decided about
  forgetExpiry(state);
  if (state.expiresAt === undefined) return;
  if (isExpired(state)) return sockets.forEach(expire);
  const left = Math.min(Number(state.expiresAt) - Date.now(), LONGEST_TIMER);
  state.expiryTimer = setTimeout(watchExpiry, left, client).unref();
}

/** A client leaves a namespace: with the last one goes the timer. */
export function leaveExpiry({ socket, client }: Connection): void {
  if (client.expiryTimer && socketsOf(socket.client).every((other) => other === socket)) forgetExpiry(client);
}

function forgetExpiry(state: ClientState): void {
  clearTimeout(state.expiryTimer);
  state.expiryTimer = undefined;
}

/** The client learns why, then that it is disconnected. */
function expire(socket: Connection['socket']): void {
  sendLast(socket, [EXCEPTION_EVENT, EXPIRED]);
  disconnectFor(socket, EXPIRED_REASON);
}
