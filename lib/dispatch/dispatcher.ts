import type { Socket } from 'socket.io';
import { isDispatchable } from '../common/args.js';
import { ANY, INTERNAL_ERROR } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { SerialQueue } from '../common/serial-queue.js';
import { type Connection, isExpired } from '../context/connection.js';
import type { Acknowledge } from '../context/socket-request.js';
import type { Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { MOST_WAITING } from '../socketio/decoder-internals.js';
import { callListeners, contained } from '../socketio/listeners.js';
import { runMiddlewares } from '../socketio/middlewares.js';
import { pauseReading, resumeReading } from '../socketio/reading.js';
import { connectionOf, reportSocketError, socketMiddlewaresOf } from '../socketio/socket-internals.js';
import type { Executor, Run } from './executor.js';
import { safeError, type Unhandled } from './failures.js';

/** Takes events from sockets to their handlers. */
export class Dispatcher {
  /** What a socket calls for each decoded event; one function for all sockets. */
  readonly listener: (this: Socket, event: unknown[]) => void;

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      executor: Executor;
      logger: Log;
      /** Whether a client's events wait for each other where a handler does not say. */
      serial: () => boolean;
      unhandled: Unhandled;
    },
  ) {
    const receive = (socket: Socket, event: unknown[]) => this.#receive(socket, event);
    this.listener = function listener(event) {
      receive(this, event);
    };
  }

  /** The socket's own middlewares, then the handlers. `event` starts with the name. */
  #receive(socket: Socket, event: unknown[]): void {
    const middlewares = socketMiddlewaresOf(socket);
    if (middlewares.length === 0) return this.#deliver(socket, event);
    runMiddlewares(
      middlewares.map((middleware) => (next) => middleware(event, next)),
      {
        failed: (thrown) => this.#broken(event, thrown),
        done: (error) => (error ? this.#refused(socket, error) : this.#deliver(socket, event)),
      },
    );
  }

  /** A socket middleware threw: the event goes no further, and its client hears so. */
  #broken(event: unknown[], thrown: unknown): Error {
    const acknowledge = event.at(-1);
    this.parts.logger.error(
      `Error in a socket middleware, at ${printable(event[0])}: ${describeThrown(thrown)}`,
      `socket middleware ${nameOfThrown(thrown)}`,
    );
    if (typeof acknowledge === 'function') acknowledge(safeError(thrown));
    return new Error(INTERNAL_ERROR);
  }

  /** A socket middleware refused the event: that is socket.io's to report, which may read what throws. */
  #refused(socket: Socket, error: unknown): void {
    try {
      reportSocketError(socket, error);
    } catch (thrown) {
      this.#listenerFailed(socket, 'error', thrown);
    }
  }

  #deliver(socket: Socket, event: unknown[]): void {
    const connection = connectionOf(socket);
    const [name] = event;
    if (!connection || !socket.connected) return;
    if (!isDispatchable(name)) return this.parts.executor.observer?.dropped('invalid_name');
    if (isExpired(connection.client)) return connection.runtime.expiryChanged(connection);
    const isHeard = socket.listenerCount(name) > 0;
    const handler = this.#handlerFor(socket.nsp.name, name, isHeard);
    if (handler) this.#toHandler(handler, connection, event);
    if (isHeard) this.#toListeners(socket, event, handler !== undefined);
    else if (!handler) this.#unknown(connection, name, typeof event.at(-1) === 'function');
  }

  /** `'*'` is for events that nobody handles: one that a listener waits for is none of its own. */
  #handlerFor(namespace: string, name: string, isHeard: boolean): Handler | undefined {
    const handler = this.parts.registry.eventHandler(namespace, name);
    if (!isHeard || !handler?.catchAll) return handler;
    return this.parts.registry.namedHandler(namespace, name);
  }

  #toHandler(handler: Handler, connection: Connection, event: readonly unknown[]): void {
    const name = event[0] as string;
    this.parts.executor.observer?.arrived(connection.socket, handler.catchAll ? ANY : name);
    const last = event.at(-1);
    const acknowledge = typeof last === 'function' ? (last as Acknowledge) : undefined;
    const args = event.slice(1, acknowledge ? -1 : undefined);
    const request = new EventRequest(connection, { message: name, args });
    request.acknowledge = acknowledge;
    this.#start(connection, { request, handler, values: handler.catchAll ? [name, ...args] : args });
  }

  /** Now, or after what the event has to wait for: its connection's `@OnConnect()`, earlier serial events. */
  #start(connection: Connection, run: Run): void {
    const { client, ready } = connection;
    const serial = run.handler.ordering ? run.handler.ordering === 'serial' : this.parts.serial();
    const queue = serial ? (client.serialEvents ??= new SerialQueue()) : undefined;
    const waits = ready !== undefined || queue?.last !== undefined;
    if (waits) this.#countWaiting(connection);
    const start = () => (waits ? this.#startLater(connection, run) : this.parts.executor.handleEvent(run));
    void (queue ? queue.run(start) : start());
  }

  #countWaiting({ client, socket }: Connection): void {
    client.waiting = (client.waiting ?? 0) + 1;
    if (client.waiting === MOST_WAITING) pauseReading(socket);
  }

  /** What has not started when its client has gone is thrown away: `@OnDisconnect()` has run by then. */
  async #startLater(connection: Connection, run: Run): Promise<void> {
    const { client, socket } = connection;
    await connection.ready;
    if (client.waiting!-- === MOST_WAITING) resumeReading(socket);
    if (connection.state !== 'connected') return this.parts.executor.observer?.dropped('client_gone');
    if (!isExpired(client)) await this.parts.executor.handleEvent(run);
  }

  /** Listeners of Nest's own gateways and of the application. */
  #toListeners(socket: Socket, event: unknown[], handled: boolean): void {
    if (!handled) this.parts.executor.observer?.arrived(socket, event[0] as string);
    callListeners(socket, event, (name, thrown) => this.#listenerFailed(socket, name, thrown));
  }

  /** What a socket calls instead of its own functions, so that no listener of the application ends the process. */
  readonly contained = contained((socket, name, thrown) => this.#listenerFailed(socket, name, thrown));

  #listenerFailed({ nsp, id }: Socket, name: unknown, thrown: unknown): void {
    this.parts.logger.error(
      `Error in a listener of ${printable(name)} in ${printable(nsp.name)}, sid ${id}: ${describeThrown(thrown)}`,
      `listener ${nameOfThrown(thrown)}`,
    );
  }

  #unknown({ socket }: Connection, name: string, isAsked: boolean): void {
    const { executor, unhandled } = this.parts;
    executor.observer?.arrived(socket, 'unknown');
    executor.observer?.dropped('no_handler');
    unhandled.report(socket, name, isAsked);
  }
}
