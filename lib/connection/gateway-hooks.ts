import { toArguments } from '../common/args.js';
import { ConnectionRefusedError } from '../common/errors.js';
import { chain, isThenable } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { authOf } from '../context/socket-request.js';
import type { Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import type { Executor, Run } from '../dispatch/executor.js';

/**
 * `handleConnection()` and `handleDisconnect()` of gateways, called as Nest calls its own: when a client is connected,
 * after our own decision, and when it has gone.
 */
export class GatewayHooks {
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly executor: Executor,
  ) {}

  /** A client is connected. Its events wait until every `handleConnection()` has ended. */
  connected(connection: Connection): void | PromiseLike<void> {
    const { socket } = connection;
    connection.isGreeted = true;
    const handlers = this.registry.gatewayHooks(socket.nsp.name, 'handleConnection');
    if (handlers.length === 0) return;
    const greeted = chain(this.#greet(handlers, connection), () => {
      connection.ready = undefined;
    });
    if (isThenable(greeted)) connection.ready = greeted;
    return greeted;
  }

  /** A client goes. As in Nest, gateways hear of it when it is out of its rooms. */
  disconnected(connection: Connection, reason: string): void | Promise<void> {
    const { socket, client, isGreeted } = connection;
    const handlers = isGreeted ? this.registry.gatewayHooks(socket.nsp.name, 'handleDisconnect') : [];
    if (handlers.length > 0)
      return this.executor.inFlight.track(this.#tell(handlers, connection, reason), client);
  }

  /** One after the other, as long as the client is here. */
  #greet([handler, ...rest]: readonly Handler[], connection: Connection): void | PromiseLike<void> {
    const { socket } = connection;
    if (!handler || !socket.connected) return;
    const request = new EventRequest(connection, {
      message: 'connect',
      args: toArguments(authOf(connection)),
    });
    const greeting = this.executor.runForOutcome({ request, handler, values: [socket] }, (run, outcome) =>
      'error' in outcome ? this.#turnAway(run, outcome.error) : undefined,
    );
    return chain(greeting as PromiseLike<void>, () => this.#greet(rest, connection));
  }

  /** What is thrown refuses the client, as in `@OnConnect()`; it is connected by now, so it is disconnected. */
  async #turnAway(run: Run, error: unknown): Promise<void> {
    const answer = error instanceof ConnectionRefusedError ? false : await this.executor.answerTo(run, error);
    if (answer !== true) run.request.connection.socket.disconnect();
  }

  async #tell(handlers: readonly Handler[], connection: Connection, reason: string): Promise<void> {
    await Promise.resolve(); // socket.io ends what it has begun
    for (const handler of handlers) {
      const request = new EventRequest(connection, { message: 'disconnect', args: [reason] });
      await this.executor.runWithoutResult({ request, handler, values: [connection.socket, reason] });
    }
  }
}
