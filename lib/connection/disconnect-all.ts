import { setTimeout as delay } from 'node:timers/promises';
import type { Server, Socket } from 'socket.io';
import { sendHome } from '../socketio/engine-internals.js';
import { closeForShutdown, socketsOf } from '../socketio/socket-internals.js';

type Client = Socket['client'];

/** At least so many clients are told at a time, and so long is waited then, in milliseconds, on average. */
const BATCH = 100;
const PAUSE = 100;

/**
 * Ends the connections of all clients: a few at a time, so that they do not all come back to the other processes at
 * once. Takes no longer than `budget` milliseconds. Source: promise P7.
 */
export async function bidFarewell(server: Server, budget: number): Promise<void> {
  const clients = [...clientsOf(server)];
  const pauses = Math.max(1, Math.floor(budget / (1.5 * PAUSE)));
  const size = Math.max(BATCH, Math.ceil(clients.length / pauses));
  for (let start = 0; start < clients.length; start += size) {
    if (start > 0) await delay(PAUSE * (0.5 + Math.random()));
    for (const client of clients.slice(start, start + size)) end(client);
  }
}

/** The clients that are in a namespace. */
export function clientsOf(server: Server): Set<Client> {
  const sockets = [...server._nsps.values()].flatMap((namespace) => [...namespace.sockets.values()]);
  return new Set(sockets.map(({ client }) => client));
}

/** Its disconnect handlers run; what it is still to get is sent; it will come back by itself. */
function end(client: Client): void {
  for (const socket of socketsOf(client)) closeForShutdown(socket);
  sendHome(client.conn);
}
