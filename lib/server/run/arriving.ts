import { setTimeout as delay } from 'node:timers/promises';
import type { Server } from 'socket.io';
import { clientsOf } from '../../connection/disconnect-all.js';

/** How long those who are connecting are waited for at most, and how often it is looked; in milliseconds. */
const LONGEST = 2_000;
const PAUSE = 20;

/**
 * Resolves when all clients that are connecting are in a namespace, or after two seconds. `isAsked` says whether there
 * is one that the server does not know yet. Source: promise P2.
 */
export async function allHaveArrived(server: Server, isAsked: () => boolean): Promise<void> {
  const until = Date.now() + LONGEST;
  while ((isAsked() || isSomebodyArriving(server)) && Date.now() < until) await delay(PAUSE);
}

function isSomebodyArriving(server: Server): boolean {
  return server.engine.clientsCount > clientsOf(server).size;
}
