import { setTimeout as delay } from 'node:timers/promises';
import type { Server, Socket } from 'socket.io';
import { chain } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { inOwnResource } from '../context/storage.js';
import type { Executor, Run } from '../dispatch/executor.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { forgetAnswers } from '../socketio/acknowledgements.js';
import { closeForReconnect } from '../socketio/engine-internals.js';
import { closeForShutdown, socketsOf } from '../socketio/socket-internals.js';
import type { GatewayHooks } from './gateway-hooks.js';
import { leaveExpiry } from './identification.js';
import type { OversizedMessages } from './packet-receiver.js';

/** Says goodbye to clients: once each, while their rooms still exist (promise C7). */
export class Departure {
  /** Those who leave at this moment: their rooms still exist, and they have been told that it is over. */
  readonly leaving = new Set<Socket>();

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      executor: Executor;
      hooks: GatewayHooks;
      tooLarge: OversizedMessages;
    },
  ) {}

  /** The socket of a client closes; `description` is the error that ended its transport, if one did. */
  closed(connection: Connection, reason: string, description: unknown): void {
    this.parts.tooLarge.closed(connection.socket, description);
    this.leave(connection, reason);
  }

  /** A client is refused: whoever waits for its answers waits no more. */
  refused(connection: Connection): void {
    connection.calls.drain((left) => left());
    this.parts.executor.endConnection(connection);
  }

  /** A client leaves a namespace. Runs its disconnect handler, unless it was never accepted. */
  leave(connection: Connection, reason: string): void {
    connection.calls.drain((left) => left());
    forgetAnswers(connection.socket);
    leaveExpiry(connection);
    if (connection.state === 'leaving' || connection.state === 'gone') return;
    const run = this.#runOf(connection, reason);
    if (connection.state !== 'refused') connection.state = 'leaving';
    if (connection.ready) void connection.ready.then(() => this.#run(connection, run, reason));
    else this.#runWhileLeaving(connection, run, reason);
  }

  #runWhileLeaving(connection: Connection, run: Run | undefined, reason: string): void {
    this.leaving.add(connection.socket);
    inOwnResource(() => this.#run(connection, run, reason), undefined);
    this.leaving.delete(connection.socket);
  }

  /** What there is to run, made while the client's rooms exist. */
  #runOf(connection: Connection, reason: string): Run | undefined {
    const { socket } = connection;
    const handler = this.parts.registry.hook(socket.nsp.name, 'disconnect');
    if (!handler) return undefined;
    const request = new EventRequest(connection, { message: 'disconnect', args: [reason] });
    request.roomsLeft = new Set(socket.rooms);
    return { request, handler, values: request.event.args };
  }

  #run(connection: Connection, run: Run | undefined, reason: string): void {
    const running =
      run && connection.state !== 'refused' ? this.parts.executor.runWithoutResult(run) : undefined;
    const told = chain(running, () => this.parts.hooks.disconnected(connection, reason));
    void chain(told as PromiseLike<void>, () => this.#gone(connection));
  }

  #gone(connection: Connection): void {
    if (connection.state !== 'refused') connection.state = 'gone';
    this.parts.executor.endConnection(connection);
  }
}

type Client = Socket['client'];

/** At least so many clients are told at a time, and so long is waited then, in milliseconds, on average. */
const BATCH = 100;
const PAUSE = 100;

/**
 * Ends the connections of all clients: a few at a time, so that they do not all come back to the other processes at
 * once. Takes no longer than `budget` milliseconds. Source: promise P7.
 */
export async function disconnectAll(server: Server, budget: number): Promise<void> {
  const clients = [...clientsOf(server)];
  const pauses = Math.max(1, Math.floor(budget / (1.5 * PAUSE)));
  const size = Math.max(BATCH, Math.ceil(clients.length / pauses));
  for (let start = 0; start < clients.length; start += size) {
    if (start > 0) await delay(PAUSE * (0.5 + Math.random()));
    for (const client of clients.slice(start, start + size)) end(client);
  }
}

/** The clients that are in a namespace. */
export function clientsOf(server: Server): Set<Client> {
  const sockets = [...server._nsps.values()].flatMap((namespace) => [...namespace.sockets.values()]);
  return new Set(sockets.map(({ client }) => client));
}

/** Its disconnect handlers run; what it is still to get is sent; it will come back by itself. */
function end(client: Client): void {
  for (const socket of socketsOf(client)) closeForShutdown(socket);
  closeForReconnect(client.conn);
}
