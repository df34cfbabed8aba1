import { toArguments } from '../common/args.js';
import { ConnectionRefusedError } from '../common/errors.js';
import { chain, isThenable } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { authOf } from '../context/socket-request.js';
import type { Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import type { Executor, HandlerRun } from '../dispatch/executor.js';

/** Calls `handleConnection()` and `handleDisconnect()` of gateways when Nest would: after a client is accepted or gone. */
export class GatewayHooks {
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly executor: Executor,
  ) {}

  /** Calls `handleConnection()` of all gateways; the client's events wait for it. */
  connected(connection: Connection): void | PromiseLike<void> {
    const { socket } = connection;
    connection.areGatewaysNotified = true;
    const handlers = this.registry.gatewayHooks(socket.nsp.name, 'handleConnection');
    if (handlers.length === 0) return;
    const greeted = chain(this.#callHandleConnection(handlers, connection), () => {
      connection.connectHandled = undefined;
    });
    if (isThenable(greeted)) connection.connectHandled = greeted;
    return greeted;
  }

  /** Calls `handleDisconnect()` of all gateways, as in Nest when the client has left its rooms. */
  disconnected(connection: Connection, reason: string): void | Promise<void> {
    const { socket, client, areGatewaysNotified } = connection;
    const handlers = areGatewaysNotified
      ? this.registry.gatewayHooks(socket.nsp.name, 'handleDisconnect')
      : [];
    if (handlers.length > 0)
      return this.executor.inFlight.track(this.#callHandleDisconnect(handlers, connection, reason), client);
  }

  /** One after another, while the client is connected. */
  #callHandleConnection(
    [handler, ...rest]: readonly Handler[],
    connection: Connection,
  ): void | PromiseLike<void> {
    const { socket } = connection;
    if (!handler || !socket.connected) return;
    const request = new EventRequest(connection, {
      message: 'connect',
      args: toArguments(authOf(connection)),
    });
    const greeting = this.executor.runForOutcome({ request, handler, values: [socket] }, (run, outcome) =>
      'error' in outcome ? this.#disconnectOnError(run, outcome.error) : undefined,
    );
    return chain(greeting as PromiseLike<void>, () => this.#callHandleConnection(rest, connection));
  }

  /** An error refuses the client as in `@OnConnect()`; since it is accepted already, it is disconnected. */
  async #disconnectOnError(run: HandlerRun, error: unknown): Promise<void> {
    const answer =
      error instanceof ConnectionRefusedError ? false : await this.executor.handleError(run, error);
    if (answer !== true) run.request.connection.socket.disconnect();
  }

  async #callHandleDisconnect(
    handlers: readonly Handler[],
    connection: Connection,
    reason: string,
  ): Promise<void> {
    await Promise.resolve(); // socket.io finishes the disconnect first
    for (const handler of handlers) {
      const request = new EventRequest(connection, { message: 'disconnect', args: [reason] });
      await this.executor.runWithoutResult({ request, handler, values: [connection.socket, reason] });
    }
  }
}
