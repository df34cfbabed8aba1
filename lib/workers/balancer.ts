import { createServer, type Server, type Socket } from 'node:net';
import { requestLineOf, workerOf } from './messages.js';

/** A request line that is longer is none, and one that takes longer is not waited for. */
const LONGEST_LINE = 16 * 1024;
const SLOWEST_LINE = 10_000;

/** How long a connection waits for a worker, in milliseconds. */
const PATIENCE = 5_000;

const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Who can take a connection, with what was read from it; `again` is for one that goes without having taken it. */
export interface Taker {
  take(socket: Socket, parts: { head: Buffer; again: () => void }): void;
}

/**
 * The one port of all workers. Reads the request line of each connection: who comes back (`sid`) goes to the worker
 * that knows the client, who is new to the one with the fewest connections.
 */
export class Balancer {
  readonly server: Server;
  readonly #waiting = new Set<() => void>();
  #isDraining = false;

  constructor(private readonly takerFor: (worker: number | undefined) => Taker | undefined) {
    this.server = createServer((socket) => this.#read(socket));
  }

  /** From now on only clients that a worker knows are let in: one that polls needs a connection for each answer. */
  drain(): void {
    this.#isDraining = true;
    this.retry();
  }

  /** A worker is there: those who waited for one go on. */
  retry(): void {
    const waiting = [...this.#waiting]; // who is not served waits again
    for (const again of waiting) again();
  }

  #read(socket: Socket): void {
    const chunks: Buffer[] = [];
    const late = setTimeout(() => socket.destroy(), SLOWEST_LINE).unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => clearTimeout(late));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const head = Buffer.concat(chunks);
      const line = requestLineOf(head);
      if (line === undefined) return void (head.length > LONGEST_LINE && socket.destroy());
      clearTimeout(late);
      stopReading(socket);
      socket.removeAllListeners('data');
      this.#assign(socket, { head, worker: workerOf(line) });
    });
  }

  #assign(socket: Socket, request: { head: Buffer; worker: number | undefined }): void {
    if (socket.destroyed) return;
    const { head, worker } = request;
    const taker = this.takerFor(worker);
    if (this.#isDraining && (worker === undefined || !taker)) return sendAway(socket);
    if (taker) return taker.take(socket, { head, again: () => this.#assign(socket, request) });
    this.#wait(socket, request);
  }

  #wait(socket: Socket, request: { head: Buffer; worker: number | undefined }): void {
    const end = () => {
      clearTimeout(late);
      this.#waiting.delete(again);
    };
    const again = () => {
      end();
      this.#assign(socket, request);
    };
    const late = setTimeout(() => {
      end();
      sendAway(socket);
    }, PATIENCE).unref();
    this.#waiting.add(again);
  }
}

/**
 * What comes from now on is for the worker to read. `pause()` is not enough: Node reads on into the stream's buffer,
 * and a body that came a moment after its headers would be lost.
 */
function stopReading(socket: Socket): void {
  socket.pause();
  const { _handle: handle } = socket as unknown as { _handle: { readStop(): void } | null }; // not public in Node
  handle?.readStop();
}

/** Nobody reads what it still sends, so that it would not close by itself. */
function sendAway(socket: Socket): void {
  socket.end(BUSY, () => socket.destroy());
}
