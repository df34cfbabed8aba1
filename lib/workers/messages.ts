import type { Published, QueueMessage } from '../queue/workers.js';

/** A message from a worker to the primary process. */
export type FromWorker =
  /** It accepts connections; `shutdownTimeout` is how long it may take to end, in milliseconds. */
  | { fsk: 'ready'; shutdownTimeout: number }
  /** It has received a connection; sent in the order of `connection` messages. */
  | { fsk: 'taken' }
  /** A heartbeat, with the number of open connections. */
  | { fsk: 'beat'; open: number }
  /** The application wants all processes to end. */
  | { fsk: 'stop' }
  | QueueMessage;

/** A message from the primary process to a worker. */
export type FromPrimary =
  /** A connection, with the bytes already read. */
  | { fsk: 'connection'; head: Uint8Array }
  /** Accept the clients that are connecting, then end gracefully: another worker has taken over. */
  | { fsk: 'retire' }
  /** End gracefully. */
  | { fsk: 'drain' }
  | Published;

const isOurs = (message: unknown) => typeof message === 'object' && message !== null && 'fsk' in message;

/** Whether a message is the library's; the application may send messages of its own. */
export const isFromWorker = (message: unknown): message is FromWorker => isOurs(message);

/** The same, in a worker. */
export const isFromPrimary = (message: unknown): message is FromPrimary => isOurs(message);

/** How often a worker sends a heartbeat, in milliseconds. */
export const HEARTBEAT = 1_000;

/** An engine id with the worker's number, so that later requests can be assigned to it. */
export const idOfWorker = (worker: number, id: string) => `w${worker.toString(36)}-${id}`;

/** The first line of a request; `undefined` while it is incomplete. */
export function requestLineOf(head: Buffer): string | undefined {
  const end = head.indexOf('\r\n');
  return end < 0 ? undefined : head.toString('latin1', 0, end);
}

const OF_WORKER = /^w([0-9a-z]+)-/;

/** The worker of a request; `undefined` for a new client. As in engine.io, the last `sid` counts. */
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
    return undefined; // the worker's HTTP server refuses it
  }
}
