import cluster from 'node:cluster';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { BEAT, idOfWorker, isFromPrimary, type FromWorker } from './messages.js';

/** Whether this process is a worker of `run({ workers })`. */
export const isWorker = (): boolean => cluster.isWorker && process.env['FLASK_SOCKET_WORKER'] === '1';

/** What the workers' environment says. */
export const WORKER_ENVIRONMENT = { FLASK_SOCKET_WORKER: '1' };

/** This process's connections, which the primary process takes from the port and hands over. */
export class WorkerConnections {
  readonly #open = new Set<Socket>();
  #beat: NodeJS.Timeout | undefined;

  constructor(private readonly httpServer: HttpServer) {}

  /** Takes connections from now on. `drain` is called when the primary process wants this one to end, or is gone. */
  start(drain: () => void): void {
    this.httpServer.prependListener('request', oneRequestOnly);
    process.on('message', (message: unknown, socket: Socket | undefined) => {
      if (!isFromPrimary(message)) return;
      if (message.fsk === 'connection' && socket) this.#take(socket, message.head);
      else if (message.fsk === 'drain') drain();
    });
    process.on('disconnect', drain);
    this.#beat = setInterval(() => tell({ fsk: 'beat', open: this.#open.size }), BEAT).unref();
    tell({ fsk: 'ready' });
  }

  /** Ends what is still open. */
  close(): void {
    clearInterval(this.#beat);
    for (const socket of this.#open) socket.destroy();
  }

  #take(socket: Socket, head: Uint8Array): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    this.httpServer.emit('connection', socket);
    socket.unshift(Buffer.from(head));
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
