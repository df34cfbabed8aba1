import { createServer, type Server, type Socket } from 'node:net';
import { requestLineOf, workerOf } from './messages.js';

/** The longest request line, in bytes, and how long it may take, in milliseconds. */
const MAX_LINE = 16 * 1024;
const LINE_TIMEOUT = 10_000;

/** How long a connection waits for a worker, in milliseconds. */
const ASSIGN_TIMEOUT = 5_000;

const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Takes connections, with the bytes already read. `reassign` is called if it ends before it has taken one. */
export interface ConnectionTarget {
  assign(socket: Socket, parts: { head: Buffer; reassign: () => void }): void;
}

/**
 * Listens on the workers' port and reads the request line of each connection. A connection with a `sid` is assigned to
 * the worker that has the client, a new one to the worker with the fewest connections.
 */
export class Balancer {
  readonly server: Server;
  readonly #waiting = new Set<() => void>();
  #isDraining = false;

  constructor(private readonly targetFor: (worker: number | undefined) => ConnectionTarget | undefined) {
    this.server = createServer((socket) => this.#read(socket));
  }

  /** From now on refuses new clients. Known ones that poll still need a connection for each request. */
  drain(): void {
    this.#isDraining = true;
    this.retry();
  }

  /** Assigns the connections that wait for a worker. */
  retry(): void {
    const waiting = [...this.#waiting]; // one that is not assigned waits again
    for (const again of waiting) again();
  }

  #read(socket: Socket): void {
    const chunks: Buffer[] = [];
    const late = setTimeout(() => socket.destroy(), LINE_TIMEOUT).unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => clearTimeout(late));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const head = Buffer.concat(chunks);
      const line = requestLineOf(head);
      if (line === undefined) return void (head.length > MAX_LINE && socket.destroy());
      clearTimeout(late);
      stopReading(socket);
      socket.removeAllListeners('data');
      this.#assign(socket, { head, worker: workerOf(line) });
    });
  }

  #assign(socket: Socket, request: { head: Buffer; worker: number | undefined }): void {
    if (socket.destroyed) return;
    const { head, worker } = request;
    const target = this.targetFor(worker);
    if (this.#isDraining && (worker === undefined || !target)) return refuse(socket);
    if (target) return target.assign(socket, { head, reassign: () => this.#assign(socket, request) });
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
      refuse(socket);
    }, ASSIGN_TIMEOUT).unref();
    this.#waiting.add(again);
  }
}

/**
 * The worker reads the rest. `pause()` is not enough: Node would go on reading into the stream's buffer, and a body that
 * arrives just after its headers would be lost.
 */
function stopReading(socket: Socket): void {
  socket.pause();
  const { _handle: handle } = socket as unknown as { _handle: { readStop(): void } | null }; // not public in Node
  handle?.readStop();
}

/** Destroys the socket after the response: nothing reads from it, so it would not close by itself. */
function refuse(socket: Socket): void {
  socket.end(UNAVAILABLE, () => socket.destroy());
}
