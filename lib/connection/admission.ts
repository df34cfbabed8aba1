import type { Namespace, Socket } from 'socket.io';
import { INVALID_NAMESPACE } from '../common/constants.js';
import { printable } from '../common/printable.js';
import { chain, isThenable } from '../common/thenable.js';
import { adoptExpiry, Connection, type Runtime } from '../context/connection.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import type { Sessions } from '../sessions/sessions.js';
import { limitPendingAcks } from '../socketio/acknowledgements.js';
import { assignSid } from '../socketio/adapter-internals.js';
import { closeForReconnect } from '../socketio/engine-internals.js';
import { holdPackets, releasePackets } from '../socketio/held-packets.js';
import { catchSocketListenerErrors } from '../socketio/listeners.js';
import { runMiddlewares } from '../socketio/middlewares.js';
import {
  attachConnection,
  closeSocket,
  connectionOf,
  cleanUp,
  middlewaresOf,
  replaceOnclose,
  replaceDispatch,
  socketsOf,
} from '../socketio/socket-internals.js';
import { middlewareFailed, type Decision, lateRefusal, sendableRefusal } from './decision.js';
import type { Departure } from './departure.js';
import type { GatewayHooks } from './gateway-hooks.js';
import { watchExpiry } from './identification.js';
import type { LimitReports } from './limits/limit-reports.js';
import type { Recovery } from './recovery/recovery.js';

/** Passes the decision to socket.io: accepted, or with an error refused. */
type Done = (error?: Error) => void;

/** The state and options of the application that admission depends on. */
export interface AdmissionRules {
  /** Whether the application is stopping and accepts no new clients. */
  isStopping(): boolean;
  /** Whether a namespace accepts clients. */
  isOpen(namespace: Namespace): boolean;
  /** Whether clients are accepted before `@OnConnect()` runs. */
  alwaysConnect(): boolean;
}

/** Accepts clients into a namespace or refuses them (promises C1 to C6). */
export class Admission {
  constructor(
    private readonly parts: {
      rules: AdmissionRules;
      attachment: Attachment;
      decision: Decision;
      departure: Departure;
      hooks: GatewayHooks;
      recovery: Recovery;
    },
  ) {}

  /** A client connects to a namespace: runs the middlewares, decides, then calls `done` to accept or refuse it. */
  admit(socket: Socket, done: Done): void {
    const { rules, attachment, decision, recovery } = this.parts;
    if (rules.isStopping()) return closeBecauseStopping(socket);
    if (!rules.isOpen(socket.nsp)) return done(new Error(INVALID_NAMESPACE));
    const connection = attachment.attach(socket);
    if (isAlreadyConnecting(connection)) return cleanUp(socket);
    if (!recovery.skipsHandlers(connection)) return this.#runMiddlewares(connection, done);
    void chain(decision.isSameClient(connection), (isSame) =>
      isSame ? this.#acceptRecovered(connection, done) : this.#runMiddlewares(connection, done),
    );
  }

  #runMiddlewares(connection: Connection, done: Done): void {
    const { socket } = connection;
    runMiddlewares(
      middlewaresOf(socket.nsp).map((middleware) => (next) => middleware(socket, next)),
      {
        failed: (thrown) => middlewareFailed(connection, thrown),
        done: (error) =>
          void (error ? this.#refuse(connection, error, done) : this.#decide(connection, done)),
      },
    );
  }

  /** Accepts a recovered client without middlewares and handlers, unless its connection has expired. */
  #acceptRecovered(connection: Connection, done: Done): void {
    void connection.socket.join(connection.socket.id);
    this.parts.recovery.restoreOrReset(connection);
    adoptExpiry(connection);
    const refusal = lateRefusal(connection);
    return refusal ? this.#refuse(connection, refusal, done) : done();
  }

  /** The client joins the room of its sid before the decision, so that others can already send to it. */
  #decide(connection: Connection, done: Done): void | PromiseLike<void> {
    const { rules, decision, recovery } = this.parts;
    void connection.socket.join(connection.socket.id);
    if (rules.alwaysConnect()) return this.#acceptFirst(connection, done);
    return chain(decision.decide(connection), (refusal) => {
      if (refusal) return this.#refuse(connection, refusal, done);
      this.#checkStillOpen(connection);
      recovery.restoreOrReset(connection);
      done();
      process.nextTick(() => this.#checkStillOpen(connection)); // after socket.io's own, which connects the client
    });
  }

  /** With `alwaysConnect` a returning client is identified before it is accepted. */
  #acceptFirst(connection: Connection, done: Done): void | PromiseLike<void> {
    const { decision, recovery } = this.parts;
    if (!recovery.isReturning(connection)) return done();
    return chain(decision.isSameClient(connection), () => {
      recovery.restoreOrReset(connection);
      done();
    });
  }

  #refuse(connection: Connection, refusal: Error, done: Done): void {
    connection.state = 'refused';
    connection.client.connectingSockets?.delete(connection.socket.nsp.name);
    releasePackets(connection, { send: false });
    this.parts.departure.refused(connection);
    done(sendableRefusal(refusal, connection.runtime));
  }

  /** A client that disconnected while it was being accepted gets its `@OnDisconnect()` while its rooms still exist. */
  #checkStillOpen(connection: Connection): void {
    const { socket, state } = connection;
    if (state !== 'connecting' || socket.conn.readyState === 'open') return;
    this.parts.departure.disconnect(connection, 'transport close');
  }

  /** Called when the CONNECT packet has been sent. */
  connected(socket: Socket): void {
    const { rules, attachment, hooks } = this.parts;
    const connection = connectionOf(socket) ?? attachment.attach(socket);
    const isRefused = connection.state === 'refused';
    connection.state = 'connected';
    connection.client.connectingSockets?.delete(socket.nsp.name);
    releasePackets(connection, { send: true });
    if (isRefused) return this.#disconnectAtOnce(connection);
    if (connection.client.expiresAt !== undefined) watchExpiry(socket.client);
    if (rules.alwaysConnect()) this.#decideAfterwards(connection);
    else void hooks.connected(connection);
  }

  /** The application disconnected the client between the decision and the acceptance. */
  #disconnectAtOnce(connection: Connection): void {
    if (this.parts.rules.alwaysConnect()) connection.state = 'refused'; // `@OnConnect()` did not run
    connection.socket.disconnect();
  }

  #decideAfterwards(connection: Connection): void {
    const verdict = chain(this.parts.decision.decide(connection), (refusal) => {
      connection.connectHandled = undefined;
      if (!refusal) return this.parts.hooks.connected(connection);
      connection.state = 'refused';
      connection.socket.disconnect();
    });
    if (isThenable(verdict)) connection.connectHandled = verdict;
  }
}

/**
 * Closes the connection instead of refusing the client: socket.io's clients reconnect, to another process, only after a
 * close. If the client is in other namespaces, the shutdown closes it when their handlers have ended.
 */
function closeBecauseStopping(socket: Socket): void {
  cleanUp(socket);
  if (socketsOf(socket.client).length === 0) closeForReconnect(socket.client.conn);
}

/** Whether the client has already sent a CONNECT packet for the namespace; the first one decides. */
function isAlreadyConnecting({ client, socket }: Connection): boolean {
  const sockets = (client.connectingSockets ??= new Map());
  if (sockets.has(socket.nsp.name)) return true;
  sockets.set(socket.nsp.name, socket);
  return false;
}

/** Prepares sockets: received events go to the dispatcher, and outgoing packets are held until acceptance. */
export class Attachment {
  /** Closes a socket; all sockets share it. It is not a listener, because applications can remove listeners. */
  readonly #close: (this: Socket, reason: string, description?: unknown) => void;
  /** A client owes more acknowledgements than the limit. */
  readonly #tooManyAcks: (socket: Socket) => void;

  constructor(
    private readonly parts: {
      runtime: Runtime;
      registry: HandlerRegistry;
      dispatcher: Dispatcher;
      sessions: Sessions;
      recovery: Recovery;
      departure: Departure;
      limits: LimitReports;
    },
  ) {
    const { departure, limits } = parts;
    this.#tooManyAcks = ({ conn, id, nsp }) =>
      limits.reached('pendingAcknowledgements', {
        by: conn,
        what: `Client ${id} of ${printable(nsp.name)} does not acknowledge: the oldest acknowledgement is given up`,
      });
    this.#close = function close(reason, description) {
      const connection = this.connected && connectionOf(this);
      if (connection) departure.socketClosed(connection, reason, description);
      closeSocket(this, reason, description);
      departure.left(this.client);
    };
  }

  /** Creates the connection of a new socket. */
  attach(socket: Socket): Connection {
    const { runtime, registry, dispatcher, sessions, recovery, limits } = this.parts;
    const client = sessions.of(socket.client);
    assignSid(socket);
    const params = registry.paramsOf(socket.nsp.name);
    const connection = new Connection(socket, { runtime, client, params });
    attachConnection(socket, connection);
    replaceDispatch(socket, dispatcher.listener);
    replaceOnclose(socket, this.#close);
    catchSocketListenerErrors(socket, dispatcher.emitters);
    limitPendingAcks(socket, limits.limits.pendingAcknowledgements, this.#tooManyAcks);
    holdPackets(connection);
    recovery.prepare(connection);
    return connection;
  }
}
