import { setTimeout as delay } from 'node:timers/promises';
import type { Server, Socket } from 'socket.io';
import { chain } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { runInAsyncResource } from '../context/storage.js';
import type { Executor, HandlerRun } from '../dispatch/executor.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { dropPendingAcks } from '../socketio/acknowledgements.js';
import { closeForReconnect } from '../socketio/engine-internals.js';
import { closeForShutdown, socketsOf } from '../socketio/socket-internals.js';
import type { GatewayHooks } from './gateway-hooks.js';
import { stopExpiryTimer } from './identification.js';
import type { Handshakes } from './limits/handshakes.js';
import type { OversizedMessages } from './packet-receiver.js';

/** Handles disconnects: runs `@OnDisconnect()` once per connection, while its rooms still exist (promise C7). */
export class Departure {
  /** Sockets whose disconnect handler runs right now: they are still in their rooms, but cannot be sent to. */
  readonly disconnectingSockets = new Set<Socket>();

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      executor: Executor;
      hooks: GatewayHooks;
      tooLarge: OversizedMessages;
      handshakes: Pick<Handshakes, 'left'>;
    },
  ) {}

  /** A connected socket closes; `description` is the transport's error, if there was one. */
  socketClosed(connection: Connection, reason: string, description: unknown): void {
    this.parts.tooLarge.socketClosed(connection.socket, description);
    this.disconnect(connection, reason);
  }

  /** A client is no longer in a namespace. */
  left(client: Client): void {
    this.parts.handshakes.left(client);
  }

  /** A client is refused: rejects the calls that wait for it. */
  refused(connection: Connection): void {
    connection.pendingCalls.drain((left) => left());
    this.parts.executor.endConnectionInstances(connection);
  }

  /** A client disconnects from a namespace. Runs its disconnect handler, unless it was refused. */
  disconnect(connection: Connection, reason: string): void {
    connection.pendingCalls.drain((left) => left());
    dropPendingAcks(connection.socket);
    stopExpiryTimer(connection);
    if (connection.state === 'disconnecting' || connection.state === 'disconnected') return;
    const run = this.#createRun(connection, reason);
    if (connection.state !== 'refused') connection.state = 'disconnecting';
    if (connection.connectHandled)
      void connection.connectHandled.then(() => this.#run(connection, run, reason));
    else this.#runWhileDisconnecting(connection, run, reason);
  }

  #runWhileDisconnecting(connection: Connection, run: HandlerRun | undefined, reason: string): void {
    this.disconnectingSockets.add(connection.socket);
    runInAsyncResource(() => this.#run(connection, run, reason), undefined);
    this.disconnectingSockets.delete(connection.socket);
  }

  /** Prepares the disconnect handler while the client is still in its rooms. */
  #createRun(connection: Connection, reason: string): HandlerRun | undefined {
    const { socket } = connection;
    const handler = this.parts.registry.lifecycleHandler(socket.nsp.name, 'disconnect');
    if (!handler) return undefined;
    const request = new EventRequest(connection, { message: 'disconnect', args: [reason] });
    request.roomsAtDisconnect = new Set(socket.rooms);
    return { request, handler, values: request.event.args };
  }

  #run(connection: Connection, run: HandlerRun | undefined, reason: string): void {
    const running =
      run && connection.state !== 'refused' ? this.parts.executor.runWithoutResult(run) : undefined;
    const told = chain(running, () => this.parts.hooks.disconnected(connection, reason));
    void chain(told as PromiseLike<void>, () => this.#finish(connection));
  }

  #finish(connection: Connection): void {
    if (connection.state !== 'refused') connection.state = 'disconnected';
    this.parts.executor.endConnectionInstances(connection);
  }
}

type Client = Socket['client'];

/** The fewest clients that are closed at a time; the average pause between batches, in milliseconds. */
const MIN_BATCH_SIZE = 100;
const AVERAGE_PAUSE = 100;

/**
 * Closes the connections of all clients in batches, so that they do not all reconnect to the other processes at once.
 * Takes at most `budget` milliseconds. Source: promise P7.
 */
export async function disconnectAll(server: Server, budget: number): Promise<void> {
  const clients = [...clientsOf(server)];
  const pauses = Math.max(1, Math.floor(budget / (1.5 * AVERAGE_PAUSE)));
  const size = Math.max(MIN_BATCH_SIZE, Math.ceil(clients.length / pauses));
  for (let start = 0; start < clients.length; start += size) {
    if (start > 0) await delay(AVERAGE_PAUSE * (0.5 + Math.random()));
    for (const client of clients.slice(start, start + size)) end(client);
  }
}

/** The clients that are connected to at least one namespace. */
export function clientsOf(server: Server): Set<Client> {
  const sockets = [...server._nsps.values()].flatMap((namespace) => [...namespace.sockets.values()]);
  return new Set(sockets.map(({ client }) => client));
}

/** Runs the disconnect handlers, flushes pending packets and closes the connection so that the client reconnects. */
function end(client: Client): void {
  for (const socket of socketsOf(client)) closeForShutdown(socket);
  closeForReconnect(client.conn);
}
