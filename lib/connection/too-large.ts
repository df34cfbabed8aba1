import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import type { Log } from '../common/logger.js';
import { printable } from '../common/printable.js';
import { failTransport, sizeOfRefused } from '../socketio/engine-internals.js';

/** What ws, and we, say of a message that is larger than option `maxHttpBufferSize`. */
const TOO_LARGE = 'Max payload size exceeded';

/** HTTP's "Content Too Large". */
const STATUS = 413;

/** Sees to clients that send a message of more bytes than are taken: they are disconnected, and the log says why. */
export class TooLarge {
  /** The errors that have been told: a client that is in several namespaces leaves each of them for the same. */
  readonly #told = new WeakSet<object>();

  constructor(private readonly logger: Log) {}

  /**
   * Over polling engine.io refuses the request and keeps the client, whose message is lost: it would be noticed, and
   * its disconnect handler run, when it misses its heartbeat. Here it ends at once, as over WebSocket.
   */
  watch({ engine }: { engine?: Server['engine'] }): void {
    if (!engine) return; // no HTTP server, no clients
    const handle = engine.handleRequest.bind(engine);
    engine.handleRequest = (request: Parameters<typeof handle>[0], response: ServerResponse) => {
      if (request.method === 'POST') response.once('finish', () => this.#answered(engine, request, response));
      handle(request, response);
    };
  }

  #answered(engine: Server['engine'], request: IncomingMessage, { statusCode }: ServerResponse): void {
    if (statusCode !== STATUS) return;
    const { sid = '' } = (request as { _query?: { sid?: string } })._query ?? {};
    failTransport(engine, sid, { message: TOO_LARGE, size: Number(request.headers['content-length']) });
  }

  /** A socket closes; `description` is the error that ended its transport, if one did. */
  closed(socket: Socket, description: unknown): void {
    if (!(description instanceof Error) || !description.message.includes(TOO_LARGE)) return;
    if (this.#told.has(description)) return;
    this.#told.add(description);
    const limit = socket.nsp.server.engine.opts.maxHttpBufferSize;
    const size = sizeOfRefused(socket.conn, description);
    const bytes = size && size > (limit ?? 0) ? `${size} bytes` : `more than ${limit} bytes`;
    this.logger.warn(
      `A client sent a message of ${bytes}, where option maxHttpBufferSize takes ${limit}. It is disconnected: ` +
        `${printable(socket.nsp.name)}, sid ${socket.id}`,
      'maxHttpBufferSize',
    );
  }
}
