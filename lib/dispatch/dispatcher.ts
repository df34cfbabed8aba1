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
import { MAX_WAITING } from '../socketio/early-packets.js';
import { callListeners, catchingEmitters } from '../socketio/listeners.js';
import { runMiddlewares } from '../socketio/middlewares.js';
import { pauseReading, resumeReading } from '../socketio/backpressure.js';
import { connectionOf, reportSocketError, socketMiddlewaresOf } from '../socketio/socket-internals.js';
import type { Executor, HandlerRun } from './executor.js';
import { safeError, type UnhandledEvents } from './failures.js';

/** Dispatches the events that sockets receive to their handlers. */
export class Dispatcher {
  /** Called by each socket for each decoded event. All sockets share this function. */
  readonly listener: (this: Socket, event: unknown[]) => void;

  constructor(
    private readonly parts: {
      registry: HandlerRegistry;
      executor: Executor;
      logger: Log;
      /** Whether a client's events run one after another, unless a handler sets `ordering`. */
      serial: () => boolean;
      unhandled: UnhandledEvents;
    },
  ) {
    const receive = (socket: Socket, event: unknown[]) => this.#receive(socket, event);
    this.listener = function listener(event) {
      receive(this, event);
    };
  }

  /** Runs the socket's own middlewares, then dispatches. `event` starts with the event name. */
  #receive(socket: Socket, event: unknown[]): void {
    const middlewares = socketMiddlewaresOf(socket);
    if (middlewares.length === 0) return this.#dispatch(socket, event);
    runMiddlewares(
      middlewares.map((middleware) => (next) => middleware(event, next)),
      {
        failed: (thrown) => this.#middlewareThrew(event, thrown),
        done: (error) => (error ? this.#middlewareRefused(socket, error) : this.#dispatch(socket, event)),
      },
    );
  }

  /** A socket middleware threw: the event is not dispatched, and its acknowledgement is a generic error. */
  #middlewareThrew(event: unknown[], thrown: unknown): Error {
    const acknowledge = event.at(-1);
    this.parts.logger.error(
      `Error in a socket middleware, at ${printable(event[0])}: ${describeThrown(thrown)}`,
      `socket middleware ${nameOfThrown(thrown)}`,
    );
    if (typeof acknowledge === 'function') acknowledge(safeError(thrown));
    return new Error(INTERNAL_ERROR);
  }

  /** A socket middleware passed an error to `next`. Reporting it, as socket.io does, may throw: the error is the application's. */
  #middlewareRefused(socket: Socket, error: unknown): void {
    try {
      reportSocketError(socket, error);
    } catch (thrown) {
      this.#logListenerError(socket, 'error', thrown);
    }
  }

  #dispatch(socket: Socket, event: unknown[]): void {
    const connection = connectionOf(socket);
    const [name] = event;
    if (!connection || !socket.connected) return;
    if (!isDispatchable(name)) return this.parts.executor.observer?.eventDropped('invalid_name');
    if (isExpired(connection.client)) return connection.runtime.expiryChanged(connection);
    const hasListeners = socket.listenerCount(name) > 0;
    const handler = this.#handlerFor(socket.nsp.name, name, hasListeners);
    if (handler) this.#handle(handler, connection, event);
    if (hasListeners) this.#callListeners(socket, event, handler !== undefined);
    else if (!handler) this.#reportUnhandled(connection, name, typeof event.at(-1) === 'function');
  }

  /** A catch-all (`'*'`) handler does not get events that a listener of the application handles. */
  #handlerFor(namespace: string, name: string, hasListeners: boolean): Handler | undefined {
    const handler = this.parts.registry.eventHandler(namespace, name);
    if (!hasListeners || !handler?.catchAll) return handler;
    return this.parts.registry.namedHandler(namespace, name);
  }

  #handle(handler: Handler, connection: Connection, event: readonly unknown[]): void {
    const name = event[0] as string;
    this.parts.executor.observer?.eventReceived(connection.socket, handler.catchAll ? ANY : name);
    const last = event.at(-1);
    const acknowledge = typeof last === 'function' ? (last as Acknowledge) : undefined;
    const args = event.slice(1, acknowledge ? -1 : undefined);
    const request = new EventRequest(connection, { message: name, args });
    request.acknowledge = acknowledge;
    this.#runInOrder(connection, { request, handler, values: handler.catchAll ? [name, ...args] : args });
  }

  /** Runs at once, or after the connection's `@OnConnect()` and, where events are serial, after the client's earlier ones. */
  #runInOrder(connection: Connection, run: HandlerRun): void {
    const { client, connectHandled } = connection;
    const serial = run.handler.ordering ? run.handler.ordering === 'serial' : this.parts.serial();
    const queue = serial ? (client.serialEvents ??= new SerialQueue()) : undefined;
    const waits = connectHandled !== undefined || queue?.last !== undefined;
    if (waits) this.#countWaiting(connection);
    const start = () => (waits ? this.#runLater(connection, run) : this.parts.executor.handleEvent(run));
    void (queue ? queue.run(start) : start());
  }

  #countWaiting({ client, socket }: Connection): void {
    client.waitingEvents = (client.waitingEvents ?? 0) + 1;
    if (client.waitingEvents === MAX_WAITING) pauseReading(socket);
  }

  /** An event whose client has disconnected meanwhile is dropped: `@OnDisconnect()` has run by then. */
  async #runLater(connection: Connection, run: HandlerRun): Promise<void> {
    const { client, socket } = connection;
    await connection.connectHandled;
    if (client.waitingEvents!-- === MAX_WAITING) resumeReading(socket);
    if (connection.state !== 'connected') return this.parts.executor.observer?.eventDropped('client_gone');
    if (!isExpired(client)) await this.parts.executor.handleEvent(run);
  }

  /** Calls the listeners of Nest's own gateways and of the application. */
  #callListeners(socket: Socket, event: unknown[], handled: boolean): void {
    if (!handled) this.parts.executor.observer?.eventReceived(socket, event[0] as string);
    callListeners(socket, event, (name, thrown) => this.#logListenerError(socket, name, thrown));
  }

  /** Replaces functions of a socket, so that an error in a listener of the application does not end the process. */
  readonly emitters = catchingEmitters((socket, name, thrown) =>
    this.#logListenerError(socket, name, thrown),
  );

  #logListenerError({ nsp, id }: Socket, name: unknown, thrown: unknown): void {
    this.parts.logger.error(
      `Error in a listener of ${printable(name)} in ${printable(nsp.name)}, sid ${id}: ${describeThrown(thrown)}`,
      `listener ${nameOfThrown(thrown)}`,
    );
  }

  #reportUnhandled({ socket }: Connection, name: string, expectsAck: boolean): void {
    const { executor, unhandled } = this.parts;
    executor.observer?.eventReceived(socket, 'unknown');
    executor.observer?.eventDropped('no_handler');
    unhandled.report(socket, name, expectsAck);
  }
}
