import cluster from 'node:cluster';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  HEARTBEAT,
  idOfWorker,
  isFromPrimary,
  requestLineOf,
  workerOf,
  type FromWorker,
} from './messages.js';

/** Whether this process is a worker of `run({ workers })`. */
export const isWorker = (): boolean => cluster.isWorker && process.env['FLASK_SOCKET_WORKER'] === '1';

/** The environment of the workers. */
export const workerEnvironment = ({ address, family, port }: AddressInfo) => ({
  FLASK_SOCKET_WORKER: '1',
  FLASK_SOCKET_URL: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
});

/** The URL of the port that all workers share. */
export const workerUrl = () => process.env['FLASK_SOCKET_URL'] ?? '';

/** What runs for the primary process's messages. */
interface PrimaryCommands {
  drain: () => void;
  retire: () => void;
  shutdownTimeout: number;
}

/** The connections that the primary process has sent to this worker. */
export class WorkerConnections {
  readonly #open = new Set<Socket>();
  /** Those of new clients, until the first response. */
  readonly #new = new Set<Socket>();
  #beat: NodeJS.Timeout | undefined;

  constructor(private readonly httpServer: HttpServer) {}

  /**
   * Accepts connections from now on. `drain` is called when this process is to end, or the primary process has ended;
   * `retire` when it is to end after the clients that are connecting. Both may take `shutdownTimeout` milliseconds.
   */
  start({ drain, retire, shutdownTimeout }: PrimaryCommands): void {
    this.httpServer.prependListener('request', closeAfterResponse);
    process.on('message', (message: unknown, socket: Socket | undefined) => {
      if (!isFromPrimary(message)) return;
      if (message.fsk === 'connection') this.#take(socket, message.head);
      else if (message.fsk === 'retire') retire();
      else if (message.fsk === 'drain') drain();
    });
    process.on('disconnect', drain);
    this.#beat = setInterval(() => sendToPrimary({ fsk: 'beat', open: this.#open.size }), HEARTBEAT).unref();
    sendToPrimary({ fsk: 'ready', shutdownTimeout });
  }

  /** Destroys all open connections. */
  close(): void {
    clearInterval(this.#beat);
    for (const socket of this.#open) socket.destroy();
  }

  /** Whether a new client waits for its first response. */
  get awaitsFirstResponse(): boolean {
    for (const socket of this.#new) if (socket.bytesWritten > 0) this.#new.delete(socket);
    return this.#new.size > 0;
  }

  /** `socket` is undefined if the client has disconnected meanwhile. */
  #take(socket: Socket | undefined, head: Uint8Array): void {
    sendToPrimary({ fsk: 'taken' });
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

/** The engine id of a new client, with this worker's number. */
export function workerConnectionId(id: string): string {
  return cluster.worker ? idOfWorker(cluster.worker.id, id) : id;
}

export function sendToPrimary(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}

/** A browser would reuse the connection for another client, which may belong to another worker. */
function closeAfterResponse(_request: unknown, response: ServerResponse): void {
  response.setHeader('Connection', 'close');
}
