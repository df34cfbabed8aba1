import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { PacketType, TOO_MANY_EVENTS } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import type { PayloadLimits, PayloadProblem } from '../common/payload.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { guarded } from '../common/thenable.js';
import type { Executor } from '../dispatch/executor.js';
import { refuseEvent } from '../socketio/acknowledgements.js';
import type { PacketRate } from '../socketio/client-internals.js';
import {
  type ConnectProblem,
  type ReceivedPacket,
  handlePacket,
  type PacketReceiver,
} from '../socketio/decoder-internals.js';
import type { LimitReports } from './limits/limit-reports.js';
import { terminate, failTransport, sizeOfTooLarge } from '../socketio/engine-internals.js';

/** Passes decoded packets to their sockets. A packet that fails disconnects its client and affects no other. */
export class Receiver implements PacketReceiver {
  constructor(
    private readonly parts: {
      executor: Executor;
      logger: Log;
      limits: LimitReports;
      uncheckedLength: () => number;
      rate: () => PacketRate | undefined;
    },
  ) {}

  /** As the options were when the first client came. */
  get rate(): PacketRate | undefined {
    this.#rate ??= { limit: this.parts.rate() };
    return this.#rate.limit;
  }

  #rate: { limit: PacketRate | undefined } | undefined;

  get uncheckedLength(): number {
    return (this.#uncheckedLength ??= this.parts.uncheckedLength());
  }

  #uncheckedLength: number | undefined;

  get payloadLimits(): PayloadLimits {
    return this.parts.limits.limits;
  }

  /** Handles each packet in its own tick, as socket.io does, after those of the same payload are decoded. */
  receive(received: ReceivedPacket): void {
    process.nextTick(this.#handle, received);
  }

  dropped(reason: string): void {
    this.parts.executor.observer?.eventDropped(reason);
  }

  get mostNamespaces(): number {
    return this.parts.limits.limits.namespacesPerConnection;
  }

  connectRefused(client: Socket['client'], namespace: string, problem: ConnectProblem): void {
    if (problem.limit === 'namespacesPerConnection') return this.#refusedNamespace(client, namespace);
    this.#report(client, problem, `auth for ${printable(namespace)}`);
  }

  #refusedNamespace({ conn }: Socket['client'], namespace: string): void {
    const what = `A client asked for a further namespace, ${printable(namespace)}: refused, it is in too many`;
    this.parts.limits.reached('namespacesPerConnection', { by: conn, what });
  }

  failed(client: Socket['client'], error: unknown): void {
    this.parts.logger.error(
      `A packet failed, and its client is disconnected: ${describeThrown(error)}`,
      `packet ${nameOfThrown(error)}`,
    );
    guarded<unknown>(
      () => terminate(client.conn),
      (second) => this.parts.logger.error(`Error while disconnecting: ${describeThrown(second)}`, 'packet'),
    );
  }

  readonly #handle = (received: ReceivedPacket): void => {
    if (!received.connection.socket.connected) return;
    try {
      if (received.packet.problem === undefined) handlePacket(received);
      else this.#refuse(received, received.packet.problem);
    } catch (error) {
      this.failed(received.connection.socket.client, error);
    }
  };

  /** Refuses a packet that exceeds a limit. */
  #refuse(received: ReceivedPacket, problem: PayloadProblem): void {
    const { connection, packet } = received;
    const { socket } = connection;
    if (problem.message === TOO_MANY_EVENTS) return this.#refuseAboveRate(received);
    const event: unknown = Array.isArray(packet.data) ? packet.data[0] : undefined;
    const where = `${printable(event)} of ${printable(socket.nsp.name)}, sid ${socket.id}`;
    this.#report(socket.client, problem, where);
    const { message } = problem;
    if (packet.type === PacketType.EVENT) refuseEvent(socket, packet, { status: 'error', message });
    else handlePacket(received);
  }

  /** The limit itself has logged it. */
  #refuseAboveRate({ connection: { socket }, packet }: ReceivedPacket): void {
    this.dropped('rate_limited');
    if (packet.type === PacketType.EVENT)
      refuseEvent(socket, packet, { status: 'error', message: TOO_MANY_EVENTS });
  }

  #report({ conn }: Socket['client'], { message, limit }: PayloadProblem, where: string): void {
    const what = `${message}, in ${where}: refused`;
    if (limit) this.parts.limits.reached(limit, { by: conn, what });
    else this.parts.logger.warn(what, 'payload');
    this.dropped('payload');
  }
}

/** The error text of ws, and of the library, for a message larger than option `maxHttpBufferSize`. */
const TOO_LARGE = 'Max payload size exceeded';

const CONTENT_TOO_LARGE = 413;

/** Disconnects clients that send a message larger than `maxHttpBufferSize`, and logs it. */
export class OversizedMessages {
  /** Errors already logged: the sockets of one client in several namespaces close with the same error. */
  readonly #logged = new WeakSet<object>();

  constructor(private readonly logger: Log) {}

  /**
   * Over polling, engine.io answers 413 but keeps the client until its heartbeat times out. This closes it at once, as
   * over WebSocket.
   */
  watch({ engine }: { engine?: Server['engine'] }): void {
    if (!engine) return; // no HTTP server, no clients
    const handle = engine.handleRequest.bind(engine);
    engine.handleRequest = (request: Parameters<typeof handle>[0], response: ServerResponse) => {
      if (request.method === 'POST')
        response.once('finish', () => this.#requestRefused(engine, request, response));
      handle(request, response);
    };
  }

  #requestRefused(engine: Server['engine'], request: IncomingMessage, { statusCode }: ServerResponse): void {
    if (statusCode !== CONTENT_TOO_LARGE) return;
    const { sid = '' } = (request as { _query?: { sid?: string } })._query ?? {};
    failTransport(engine, sid, { message: TOO_LARGE, size: Number(request.headers['content-length']) });
  }

  /** A socket closes; `description` is the transport's error, if there was one. */
  socketClosed(socket: Socket, description: unknown): void {
    if (!(description instanceof Error) || !description.message.includes(TOO_LARGE)) return;
    if (this.#logged.has(description)) return;
    this.#logged.add(description);
    const limit = socket.nsp.server.engine.opts.maxHttpBufferSize;
    const size = sizeOfTooLarge(socket.conn, description);
    const bytes = size && size > (limit ?? 0) ? `${size} bytes` : `more than ${limit} bytes`;
    this.logger.warn(
      `A client sent a message of ${bytes}, where option maxHttpBufferSize takes ${limit}. It is disconnected: ` +
        `${printable(socket.nsp.name)}, sid ${socket.id}`,
      'maxHttpBufferSize',
    );
  }
}
