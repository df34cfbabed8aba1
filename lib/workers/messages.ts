import type { Published, QueueMessage } from '../queue/workers.js';

/** What a worker tells the primary process. */
export type FromWorker =
  /** It takes connections, and may take so many milliseconds to end. */
  | { fsk: 'ready'; shutdownTimeout: number }
  /** It has the connection that it was given; they are answered in their order. */
  | { fsk: 'taken' }
  /** It is alive, and so many connections are open. */
  | { fsk: 'beat'; open: number }
  /** The application wants all to end. */
  | { fsk: 'stop' }
  | QueueMessage;

/** What the primary process tells a worker. */
export type FromPrimary =
  /** Here is a connection, with what was read from it already. */
  | { fsk: 'connection'; head: Uint8Array }
  /** Another one has taken over: let in whoever is at the door, then end gracefully. */
  | { fsk: 'retire' }
  /** End gracefully. */
  | { fsk: 'drain' }
  | Published;

const isOurs = (message: unknown) => typeof message === 'object' && message !== null && 'fsk' in message;

/** Whether a message is one of a worker's; the application may send messages of its own. */
export const isFromWorker = (message: unknown): message is FromWorker => isOurs(message);

/** Whether a message is one of the primary process's. */
export const isFromPrimary = (message: unknown): message is FromPrimary => isOurs(message);

/** How often a worker shows that it is alive, in milliseconds. */
export const BEAT = 1_000;

/** Marks a connection's id with its worker, so that its next request finds the way. */
export const idOfWorker = (worker: number, id: string) => `w${worker.toString(36)}-${id}`;

/** The first line of a request, as soon as it is whole. */
export function requestLineOf(head: Buffer): string | undefined {
  const end = head.indexOf('\r\n');
  return end < 0 ? undefined : head.toString('latin1', 0, end);
}

const OF_WORKER = /^w([0-9a-z]+)-/;

/** The worker that a request belongs to; none for a new connection. Read as the engine reads it: the last `sid` counts. */
export function workerOf(requestLine: string): number | undefined {
  const target = requestLine.split(' ', 2)[1];
  const url = target === undefined ? undefined : urlOf(target);
  const [, worker] = OF_WORKER.exec(url?.searchParams.getAll('sid').at(-1) ?? '') ?? [];
  return worker === undefined ? undefined : parseInt(worker, 36);
}

function urlOf(target: string): URL | undefined {
  try {
    return new URL(target, 'http://localhost');
  } catch {
    return undefined; // the worker's HTTP server says so
  }
}
