import type { Namespace, Socket } from 'socket.io';
import { toArguments } from '../common/args.js';
import { ConnectionRefusedError } from '../common/connection-refused.error.js';
import { INTERNAL_ERROR, INVALID_NAMESPACE } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { chain, guarded, isThenable } from '../common/thenable.js';
import { giveSid } from '../socketio/adapter-internals.js';
import { Connection, type Runtime } from '../context/connection.js';
import { sendHome } from '../socketio/engine-internals.js';
import { adoptExpiry, expiredRefusal, isExpired } from '../context/expiry.js';
import { watchExpiry } from './expiry-timer.js';
import { holdPackets, releasePackets } from '../socketio/held-packets.js';
import { containSocketListeners } from '../socketio/listeners.js';
import { attachConnection, clientStateOf, closeAsUsual, connectionOf, forget, middlewaresOf, onClose, onEvents, socketsOf } from '../socketio/socket-internals.js'; // prettier-ignore
import { authOf, SocketRequest } from '../context/socket-request.js';
import type { Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { Executor, Run } from '../dispatch/executor.js';
import { runMiddlewares } from '../socketio/middlewares.js';
import type { Recovery } from './recovery/recovery.js';
import type { Sessions } from '../sessions/sessions.js';
import type { Departure } from './departure.js';
import type { GatewayHooks } from './gateway-hooks.js';
import type { Identification } from './identification.js';
import { lateRefusal, refusalFor, toldOf } from './refusal.js';
import { isBack } from './returning.js';
import type { TooLarge } from './too-large.js';

/** Tells socket.io whether a client is connected: with an error it is refused. */
type Done = (error?: Error) => void;

/** Why a client is refused, if it is. */
type Verdict = Error | undefined | PromiseLike<Error | undefined>;

/** Decides about clients that want to connect to a namespace (promises C1 to C6). */
export class Admission {
  /** How a socket ends; one function for all of them. It is no listener: an application may remove those. */
  readonly #close: (this: Socket, reason: string, description?: unknown) => void;

  constructor(
    private readonly parts: {
      runtime: Runtime;
      registry: HandlerRegistry;
      executor: Executor;
      dispatcher: Dispatcher;
      departure: Departure;
      hooks: GatewayHooks;
      sessions: Sessions;
      identification: Identification;
      recovery: Recovery;
      logger: Log;
      options: () => ResolvedOptions;
      isStopping: () => boolean;
      isOpen: (namespace: Namespace) => boolean;
      tooLarge: TooLarge;
    },
  ) {
    this.#close = function close(reason, description) {
      const connection = this.connected && connectionOf(this);
      if (connection) parts.tooLarge.closed(this, description);
      if (connection) parts.departure.leave(connection, reason);
      closeAsUsual(this, reason, description);
    };
  }

  /** Between the handshake and the acceptance of a client: middlewares, then `@OnConnect()`. */
  admit(socket: Socket, done: Done): void {
    if (this.parts.isStopping()) return sendElsewhere(socket);
    if (!this.parts.isOpen(socket.nsp)) return done(new Error(INVALID_NAMESPACE));
    const connection = this.#attach(socket);
    if (isAskedTwice(connection)) return forget(socket);
    if (!this.parts.recovery.skips(connection)) return this.#admit(connection, done);
    void chain(isBack(connection, this.parts), (isSame) =>
      isSame ? this.#welcome(connection, done) : this.#admit(connection, done),
    );
  }

  #admit(connection: Connection, done: Done): void {
    const { socket } = connection;
    runMiddlewares(
      middlewaresOf(socket.nsp).map((middleware) => (next) => middleware(socket, next)),
      {
        failed: (thrown) => this.#broken(socket, thrown),
        done: (error) => void (error ? this.#refuse(connection, error, done) : this.#ask(connection, done)),
      },
    );
  }

  /** A client that is back is asked nothing more; its time may have come meanwhile. */
  #welcome(connection: Connection, done: Done): void {
    void connection.socket.join(connection.socket.id);
    this.parts.recovery.settle(connection);
    adoptExpiry(connection);
    const refusal = lateRefusal(connection);
    return refusal ? this.#refuse(connection, refusal, done) : done();
  }

  /** A namespace middleware threw: the client hears that something failed. */
  #broken(socket: Socket, thrown: unknown): Error {
    this.parts.logger.error(
      `Error in a middleware of ${printable(socket.nsp.name)}: ${describeThrown(thrown)}`,
      `namespace middleware ${nameOfThrown(thrown)}`,
    );
    return new Error(INTERNAL_ERROR);
  }

  /** The client has just been told that it is connected. */
  connected(socket: Socket): void {
    const admitted = connectionOf(socket);
    const connection = admitted ?? this.#attach(socket);
    const isEnded = connection.state === 'refused';
    connection.state = 'connected';
    connection.client.asking?.delete(socket.nsp.name);
    releasePackets(connection, { send: true });
    if (isEnded) return this.#endAtOnce(connection);
    if (connection.client.expiresAt !== undefined) watchExpiry(socket.client);
    if (this.parts.options().alwaysConnect) this.#askAfterwards(connection);
    else void this.parts.hooks.connected(connection);
  }

  /** Somebody has disconnected the client between the decision and the acceptance. */
  #endAtOnce(connection: Connection): void {
    if (this.parts.options().alwaysConnect) connection.state = 'refused'; // nobody has asked `@OnConnect()`
    connection.socket.disconnect();
  }

  #attach(socket: Socket): Connection {
    const { runtime, registry, dispatcher, sessions } = this.parts;
    const client = clientStateOf(socket, () => sessions.begin(socket.request));
    giveSid(socket);
    const params = registry.paramsOf(socket.nsp.name);
    const connection = new Connection(socket, { runtime, client, params });
    attachConnection(socket, connection);
    onEvents(socket, dispatcher.listener);
    onClose(socket, this.#close);
    containSocketListeners(socket, dispatcher.contained);
    holdPackets(connection);
    this.parts.recovery.begin(connection);
    return connection;
  }

  /** From here on the client has its place: others find it, and it is in the room of its sid. */
  #ask(connection: Connection, done: Done): void | PromiseLike<void> {
    void connection.socket.join(connection.socket.id);
    if (this.parts.options().alwaysConnect) return this.#acceptFirst(connection, done);
    return chain(this.#verdict(connection), (refusal) => {
      if (refusal) return this.#refuse(connection, refusal, done);
      this.#checkArrival(connection);
      this.parts.recovery.settle(connection);
      done();
      process.nextTick(() => this.#checkArrival(connection)); // after socket.io's own, which connects the client
    });
  }

  /** With `alwaysConnect` a returning client proves who it is before, as far as no handler says so. */
  #acceptFirst(connection: Connection, done: Done): void | PromiseLike<void> {
    if (!this.parts.recovery.isReturning(connection)) return done();
    return chain(isBack(connection, this.parts), () => {
      this.parts.recovery.settle(connection);
      done();
    });
  }

  /** The client may have gone while it was being accepted; as long as it can be, while its rooms still exist. */
  #checkArrival(connection: Connection): void {
    const { socket, state } = connection;
    if (state !== 'connecting' || socket.conn.readyState === 'open') return;
    this.parts.departure.leave(connection, 'transport close');
  }

  #askAfterwards(connection: Connection): void {
    const verdict = chain(this.#verdict(connection), (refusal) => {
      connection.ready = undefined;
      if (!refusal) return this.parts.hooks.connected(connection);
      connection.state = 'refused';
      connection.socket.disconnect();
    });
    if (isThenable(verdict)) connection.ready = verdict;
  }

  #refuse(connection: Connection, refusal: Error, done: Done): void {
    connection.state = 'refused';
    connection.client.asking?.delete(connection.socket.nsp.name);
    releasePackets(connection, { send: false });
    connection.calls.drain((left) => left());
    this.parts.executor.endConnection(connection);
    done(toldOf(refusal, this.parts.runtime));
  }

  /** What `@OnConnect()`, option `identify` and the time say: nothing, or why not. */
  #verdict(connection: Connection): Verdict {
    const { registry, identification } = this.parts;
    const { socket } = connection;
    const handler = registry.hook(socket.nsp.name, 'connect');
    const settled = () => chain(identification.settle(connection), () => lateRefusal(connection));
    return guarded<Error | undefined>(
      () => {
        adoptExpiry(connection);
        const refusal = handler && this.#askHandler(connection, handler);
        return chain<Error | undefined, Error | undefined>(refusal, (error) => error ?? settled());
      },
      (thrown) => (thrown instanceof ConnectionRefusedError ? thrown : this.#broken(socket, thrown)),
    );
  }

  #askHandler(connection: Connection, handler: Handler): Verdict {
    const values = toArguments(authOf(connection));
    const request = new SocketRequest(connection, { message: 'connect', args: values });
    const run: Run = { request, handler, values, afterGuards: () => this.#identify(connection) };
    let refusal: Error | undefined | 'undecided' = 'undecided';
    const running = this.parts.executor.decide(run, (_, outcome) =>
      chain(this.#refusal(run, outcome), (error) => {
        refusal = error ?? (connection.state === 'refused' ? new ConnectionRefusedError() : undefined);
      }),
    );
    const failed = () => (refusal === 'undecided' ? new ConnectionRefusedError(INTERNAL_ERROR) : refusal);
    return chain(running as PromiseLike<void>, failed);
  }

  /** The guards may have set user and expiry, and the handler may emit to the user. */
  #identify(connection: Connection): void | PromiseLike<void> {
    if (isExpired(connection.client)) throw expiredRefusal();
    return this.parts.identification.ask(connection);
  }

  #refusal(run: Run, outcome: { result: unknown } | { error: unknown }): Verdict {
    if ('result' in outcome) return outcome.result === false ? new ConnectionRefusedError() : undefined;
    const { error } = outcome;
    if (error instanceof ConnectionRefusedError) return error;
    return this.parts.executor.answerTo(run, error).then((answer) => {
      if (answer === true && !run.request.denied) return undefined;
      return refusalFor(error);
    });
  }
}

/**
 * The server stops. A refusal would be final: socket.io's clients do not try again then, but they come back to another
 * process when their connection ends; it ends now, or when the handlers of the client's other namespaces have ended.
 */
function sendElsewhere(socket: Socket): void {
  forget(socket);
  if (socketsOf(socket.client).length === 0) sendHome(socket.client.conn);
}

/** Whether the client waits for an answer from the namespace already; the first answer serves both. */
function isAskedTwice({ client, socket }: Connection): boolean {
  const asking = (client.asking ??= new Map());
  if (asking.has(socket.nsp.name)) return true;
  asking.set(socket.nsp.name, socket);
  return false;
}
