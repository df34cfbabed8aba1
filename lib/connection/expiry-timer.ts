import { EXCEPTION_EVENT, EXPIRED, EXPIRED_REASON, LONGEST_TIMER } from '../common/constants.js';
import type { ClientState, Connection } from '../context/connection.js';
import { isExpired } from '../context/expiry.js';
import { connectionOf, disconnectFor, sendLast, socketsOf } from '../socketio/socket-internals.js';

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
