import cluster from 'node:cluster';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { BEAT, idOfWorker, isFromPrimary, requestLineOf, workerOf, type FromWorker } from './messages.js';

/** Whether this process is a worker of `run({ workers })`. */
export const isWorker = (): boolean => cluster.isWorker && process.env['FLASK_SOCKET_WORKER'] === '1';

/** What the workers' environment says, where the primary process listens. */
export const workerEnvironment = ({ address, family, port }: AddressInfo) => ({
  FLASK_SOCKET_WORKER: '1',
  FLASK_SOCKET_URL: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
});

/** Where a worker's clients find it. */
export const workerUrl = () => process.env['FLASK_SOCKET_URL'] ?? '';

/** What becomes of a worker when the primary process says so. */
interface Orders {
  drain: () => void;
  retire: () => void;
  shutdownTimeout: number;
}

/** This process's connections, which the primary process takes from the port and hands over. */
export class WorkerConnections {
  readonly #open = new Set<Socket>();
  /** Of these, the ones whose client had not connected yet. */
  readonly #new = new Set<Socket>();
  #beat: NodeJS.Timeout | undefined;

  constructor(private readonly httpServer: HttpServer) {}

  /**
   * Takes connections from now on. `drain` is called when the primary process wants this one to end, or is gone;
   * `retire` when it is to end as soon as nobody is arriving any more; that may take `shutdownTimeout` milliseconds.
   */
  start({ drain, retire, shutdownTimeout }: Orders): void {
    this.httpServer.prependListener('request', oneRequestOnly);
    process.on('message', (message: unknown, socket: Socket | undefined) => {
      if (!isFromPrimary(message)) return;
      if (message.fsk === 'connection') this.#take(socket, message.head);
      else if (message.fsk === 'retire') retire();
      else if (message.fsk === 'drain') drain();
    });
    process.on('disconnect', drain);
    this.#beat = setInterval(() => tell({ fsk: 'beat', open: this.#open.size }), BEAT).unref();
    tell({ fsk: 'ready', shutdownTimeout });
  }

  /** Ends what is still open. */
  close(): void {
    clearInterval(this.#beat);
    for (const socket of this.#open) socket.destroy();
  }

  /** Whether somebody waits for the first answer. */
  get isAsked(): boolean {
    for (const socket of this.#new) if (socket.bytesWritten > 0) this.#new.delete(socket);
    return this.#new.size > 0;
  }

  /** Without a socket, when its client has gone meanwhile. */
  #take(socket: Socket | undefined, head: Uint8Array): void {
    tell({ fsk: 'taken' });
    if (!socket) return;
    const bytes = Buffer.from(head);
    this.#open.add(socket);
    if (workerOf(requestLineOf(bytes) ?? '') === undefined) this.#new.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#new.delete(socket);
    });
    this.httpServer.emit('connection', socket);
    socket.unshift(bytes);
    socket.resume();
  }
}

/** The id of a new connection, which says whose it is. */
export function workerConnectionId(id: string): string {
  return cluster.worker ? idOfWorker(cluster.worker.id, id) : id;
}

/** Tells the primary process. */
export function tell(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}

/** A browser would use the connection for another client, too, who may belong to another worker. */
function oneRequestOnly(_request: unknown, response: ServerResponse): void {
  response.setHeader('Connection', 'close');
}
