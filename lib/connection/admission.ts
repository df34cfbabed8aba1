import type { Namespace, Socket } from 'socket.io';
import { INVALID_NAMESPACE } from '../common/constants.js';
import { chain, isThenable } from '../common/thenable.js';
import { adoptExpiry, Connection, type Runtime } from '../context/connection.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import type { Sessions } from '../sessions/sessions.js';
import { giveSid } from '../socketio/adapter-internals.js';
import { closeForReconnect } from '../socketio/engine-internals.js';
import { holdPackets, releasePackets } from '../socketio/held-packets.js';
import { containSocketListeners } from '../socketio/listeners.js';
import { runMiddlewares } from '../socketio/middlewares.js';
import {
  attachConnection,
  closeAsUsual,
  connectionOf,
  forget,
  middlewaresOf,
  onClose,
  onEvents,
  socketsOf,
} from '../socketio/socket-internals.js';
import { broken, type Decision, lateRefusal, toldOf } from './decision.js';
import type { Departure } from './departure.js';
import type { GatewayHooks } from './gateway-hooks.js';
import { watchExpiry } from './identification.js';
import type { Recovery } from './recovery/recovery.js';

/** Tells socket.io whether a client is connected: with an error it is refused. */
type Done = (error?: Error) => void;

/** What admission has to know of the application. */
export interface Rules {
  /** No new clients: the application is stopping. */
  isStopping(): boolean;
  /** Whether a namespace takes clients. */
  isOpen(namespace: Namespace): boolean;
  /** Whether clients are connected before `@OnConnect()` is asked. */
  alwaysConnect(): boolean;
}

/** How a client gets into a namespace, from its question to its first event (promises C1 to C6). */
export class Admission {
  constructor(
    private readonly parts: {
      rules: Rules;
      attachment: Attachment;
      decision: Decision;
      departure: Departure;
      hooks: GatewayHooks;
      recovery: Recovery;
    },
  ) {}

  /** A client asks for a namespace: the namespace's middlewares, the decision, then `done` accepts or refuses it. */
  admit(socket: Socket, done: Done): void {
    const { rules, attachment, decision, recovery } = this.parts;
    if (rules.isStopping()) return sendElsewhere(socket);
    if (!rules.isOpen(socket.nsp)) return done(new Error(INVALID_NAMESPACE));
    const connection = attachment.attach(socket);
    if (isAskedTwice(connection)) return forget(socket);
    if (!recovery.skips(connection)) return this.#runMiddlewares(connection, done);
    void chain(decision.isBack(connection), (isSame) =>
      isSame ? this.#welcome(connection, done) : this.#runMiddlewares(connection, done),
    );
  }

  #runMiddlewares(connection: Connection, done: Done): void {
    const { socket } = connection;
    runMiddlewares(
      middlewaresOf(socket.nsp).map((middleware) => (next) => middleware(socket, next)),
      {
        failed: (thrown) => broken(connection, thrown),
        done: (error) =>
          void (error ? this.#refuse(connection, error, done) : this.#decide(connection, done)),
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

  /** From here on the client has its place: others find it, and it is in the room of its sid. */
  #decide(connection: Connection, done: Done): void | PromiseLike<void> {
    const { rules, decision, recovery } = this.parts;
    void connection.socket.join(connection.socket.id);
    if (rules.alwaysConnect()) return this.#acceptFirst(connection, done);
    return chain(decision.about(connection), (refusal) => {
      if (refusal) return this.#refuse(connection, refusal, done);
      this.#checkArrival(connection);
      recovery.settle(connection);
      done();
      process.nextTick(() => this.#checkArrival(connection)); // after socket.io's own, which connects the client
    });
  }

  /** With `alwaysConnect` a returning client proves who it is before, as far as no handler says so. */
  #acceptFirst(connection: Connection, done: Done): void | PromiseLike<void> {
    const { decision, recovery } = this.parts;
    if (!recovery.isReturning(connection)) return done();
    return chain(decision.isBack(connection), () => {
      recovery.settle(connection);
      done();
    });
  }

  #refuse(connection: Connection, refusal: Error, done: Done): void {
    connection.state = 'refused';
    connection.client.asking?.delete(connection.socket.nsp.name);
    releasePackets(connection, { send: false });
    this.parts.departure.refused(connection);
    done(toldOf(refusal, connection.runtime));
  }

  /** The client may have gone while it was being accepted; as long as it can be, while its rooms still exist. */
  #checkArrival(connection: Connection): void {
    const { socket, state } = connection;
    if (state !== 'connecting' || socket.conn.readyState === 'open') return;
    this.parts.departure.leave(connection, 'transport close');
  }

  /** The client has just been told that it is connected. */
  connected(socket: Socket): void {
    const { rules, attachment, hooks } = this.parts;
    const connection = connectionOf(socket) ?? attachment.attach(socket);
    const isEnded = connection.state === 'refused';
    connection.state = 'connected';
    connection.client.asking?.delete(socket.nsp.name);
    releasePackets(connection, { send: true });
    if (isEnded) return this.#endAtOnce(connection);
    if (connection.client.expiresAt !== undefined) watchExpiry(socket.client);
    if (rules.alwaysConnect()) this.#decideAfterwards(connection);
    else void hooks.connected(connection);
  }

  /** Somebody has disconnected the client between the decision and the acceptance. */
  #endAtOnce(connection: Connection): void {
    if (this.parts.rules.alwaysConnect()) connection.state = 'refused'; // nobody has asked `@OnConnect()`
    connection.socket.disconnect();
  }

  #decideAfterwards(connection: Connection): void {
    const verdict = chain(this.parts.decision.about(connection), (refusal) => {
      connection.ready = undefined;
      if (!refusal) return this.parts.hooks.connected(connection);
      connection.state = 'refused';
      connection.socket.disconnect();
    });
    if (isThenable(verdict)) connection.ready = verdict;
  }
}

/**
 * The server stops. A refusal would be final: socket.io's clients do not try again then, but they come back to another
 * process when their connection ends; it ends now, or when the handlers of the client's other namespaces have ended.
 */
function sendElsewhere(socket: Socket): void {
  forget(socket);
  if (socketsOf(socket.client).length === 0) closeForReconnect(socket.client.conn);
}

/** Whether the client waits for an answer from the namespace already; the first answer serves both. */
function isAskedTwice({ client, socket }: Connection): boolean {
  const asking = (client.asking ??= new Map());
  if (asking.has(socket.nsp.name)) return true;
  asking.set(socket.nsp.name, socket);
  return false;
}

/** Makes sockets ours: what they receive goes to the dispatcher, and what they are sent waits for their acceptance. */
export class Attachment {
  /** How a socket ends; one function for all of them. It is no listener: an application may remove those. */
  readonly #close: (this: Socket, reason: string, description?: unknown) => void;

  constructor(
    private readonly parts: {
      runtime: Runtime;
      registry: HandlerRegistry;
      dispatcher: Dispatcher;
      sessions: Sessions;
      recovery: Recovery;
      departure: Departure;
    },
  ) {
    const { departure } = parts;
    this.#close = function close(reason, description) {
      const connection = this.connected && connectionOf(this);
      if (connection) departure.closed(connection, reason, description);
      closeAsUsual(this, reason, description);
    };
  }

  /** The connection of a socket that nobody knows yet. */
  attach(socket: Socket): Connection {
    const { runtime, registry, dispatcher, sessions, recovery } = this.parts;
    const client = sessions.of(socket.client);
    giveSid(socket);
    const params = registry.paramsOf(socket.nsp.name);
    const connection = new Connection(socket, { runtime, client, params });
    attachConnection(socket, connection);
    onEvents(socket, dispatcher.listener);
    onClose(socket, this.#close);
    containSocketListeners(socket, dispatcher.contained);
    holdPackets(connection);
    recovery.begin(connection);
    return connection;
  }
}
