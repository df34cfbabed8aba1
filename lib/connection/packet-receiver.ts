import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { PacketType } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { guarded } from '../common/thenable.js';
import type { Executor } from '../dispatch/executor.js';
import { answerRefused } from '../socketio/acknowledgements.js';
import { type Arrival, handlePacket, type PacketReceiver } from '../socketio/decoder-internals.js';
import { cutOff, failTransport, sizeOfRefused } from '../socketio/engine-internals.js';

/** Takes packets from clients' decoders to their sockets. Whatever one holds, no more than its client goes. */
export class Receiver implements PacketReceiver {
  constructor(private readonly parts: { executor: Executor; logger: Log; harmlessLength: () => number }) {}

  get harmlessLength(): number {
    return (this.#harmlessLength ??= this.parts.harmlessLength());
  }

  #harmlessLength: number | undefined;

  /** A packet is handled in a tick of its own, as in socket.io, when those that came with it are decoded. */
  take(arrival: Arrival): void {
    process.nextTick(this.#deliver, arrival);
  }

  dropped(reason: string): void {
    this.parts.executor.observer?.dropped(reason);
  }

  failed(client: Socket['client'], error: unknown): void {
    this.parts.logger.error(
      `A packet failed, and its client is disconnected: ${describeThrown(error)}`,
      `packet ${nameOfThrown(error)}`,
    );
    guarded<unknown>(
      () => cutOff(client.conn),
      (second) => this.parts.logger.error(`Error while disconnecting: ${describeThrown(second)}`, 'packet'),
    );
  }

  readonly #deliver = (arrival: Arrival): void => {
    if (!arrival.connection.socket.connected) return;
    try {
      if (arrival.packet.problem === undefined) handlePacket(arrival);
      else this.#refuse(arrival, arrival.packet.problem);
    } catch (error) {
      this.failed(arrival.connection.socket.client, error);
    }
  };

  /** A packet that holds more than is taken of one. */
  #refuse(arrival: Arrival, message: string): void {
    const { connection, packet } = arrival;
    const { socket } = connection;
    const event: unknown = Array.isArray(packet.data) ? packet.data[0] : undefined;
    const what = `${message}, in ${printable(event)} of ${printable(socket.nsp.name)}, sid ${socket.id}: refused`;
    this.parts.logger.warn(what, 'payload');
    this.dropped('payload');
    if (packet.type === PacketType.EVENT) answerRefused(socket, packet, { status: 'error', message });
    else handlePacket(arrival);
  }
}

/** What ws, and we, say of a message that is larger than option `maxHttpBufferSize`. */
const TOO_LARGE = 'Max payload size exceeded';

/** HTTP's "Content Too Large". */
const STATUS = 413;

/** Sees to clients that send a message of more bytes than are taken: they are disconnected, and the log says why. */
export class OversizedMessages {
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
