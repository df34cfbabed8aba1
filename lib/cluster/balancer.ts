import { createServer, type Server, type Socket } from 'node:net';
import { workerOf } from './messages.js';

/** A request line that is longer is none, and one that takes longer is not waited for. */
const LONGEST_LINE = 16 * 1024;
const SLOWEST_LINE = 10_000;

/** How long a connection waits for a worker, in milliseconds. */
const PATIENCE = 5_000;

const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Who can take a connection. */
export interface Taker {
  take(socket: Socket, head: Buffer): void;
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
      const end = head.indexOf('\r\n');
      if (end < 0) return void (head.length > LONGEST_LINE && socket.destroy());
      clearTimeout(late);
      socket.pause(); // what comes now is for the worker to read
      socket.removeAllListeners('data');
      this.#assign(socket, { head, worker: workerOf(head.toString('latin1', 0, end)) });
    });
  }

  #assign(socket: Socket, { head, worker }: { head: Buffer; worker: number | undefined }): void {
    const taker = this.takerFor(worker);
    if (this.#isDraining && (worker === undefined || !taker)) return sendAway(socket);
    if (taker) return taker.take(socket, head);
    const end = () => {
      clearTimeout(late);
      this.#waiting.delete(again);
    };
    const again = () => {
      end();
      if (!socket.destroyed) this.#assign(socket, { head, worker });
    };
    const late = setTimeout(() => {
      end();
      sendAway(socket);
    }, PATIENCE).unref();
    this.#waiting.add(again);
  }
}

/** Nobody reads what it still sends, so that it would not close by itself. */
function sendAway(socket: Socket): void {
  socket.end(BUSY, () => socket.destroy());
}
