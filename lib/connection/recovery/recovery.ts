import { randomUUID } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { RECOVERY_WINDOW } from '../../common/constants.js';
import { failure } from '../../common/errors.js';
import type { Log } from '../../common/logger.js';
import { recoveryOf, type ResolvedOptions } from '../../common/options.js';
import { plain } from '../../common/copies.js';
import { isUserRoom, USER_ID } from '../../common/address.js';
import { replaceSid } from '../../socketio/adapter-internals.js';
import type { ClientState, Connection } from '../../context/connection.js';
import { dropHeldForRecovery } from '../../socketio/held-packets.js';
import { beforeRecovery } from '../../socketio/namespace-internals.js';
import { sendMissedEvents } from '../../socketio/socket-internals.js';
import {
  type Claimant,
  couldMatch,
  credentialsOf,
  proofOf,
  proofOfSession,
  type ProofOptions,
} from './proof.js';
import {
  peekState,
  recoverConnections,
  takeRecoveredState,
  type RecoveredState,
} from './recovering-adapter.js';

/** What is saved of a connection for its return. */
interface State {
  /** The proof that the returning client must match; without one nothing is restored. */
  proof?: string | undefined;
  /** The connection's own session, if it is not in a store. */
  session?: Record<string, unknown>;
  /** The digest of the HTTP session that it started with. */
  sessionProof?: string | undefined;
  /** Its user, if no handler will set it again (`skipMiddlewares`). */
  user?: unknown;
  expiresAt?: number | undefined;
}

/** A returning client that is not accepted yet. */
interface Returning extends RecoveredState {
  state: State;
  /** The new session's content when the client returned. */
  session: Record<string, unknown>;
}

/** Restores rooms, missed events and session of clients that return in time (promise N4). */
export class Recovery {
  readonly #returning = new WeakMap<Connection, Returning>();
  #isAnnounced = false;

  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly logger: Log,
    /** What the namespaces of a client share. */
    private readonly stateOfClient: (client: Socket['client']) => ClientState,
  ) {}

  /** Call it for each namespace once its adapter is final. */
  watch(namespace: Namespace): void {
    if (!this.#recovery) return;
    const { adapter } = namespace;
    if (adapter.restoreSession === Adapter.prototype.restoreSession) return this.#cannotRecover();
    this.#logHowClientsProve();
    recoverConnections(namespace, {
      window: this.window,
      stateOf: (connection) => this.#stateOf(connection),
      report: (line) => this.logger.warn(line, 'recovery'),
    });
    beforeRecovery(namespace, async (client, auth) => {
      const kept = await peekState(namespace, auth.pid);
      return !kept || couldMatch((kept.state as State).proof, this.#claimantOf(client, auth));
    });
  }

  /** Withholds the state of a returning client until it is accepted, or discards it if the client cannot be the same. */
  prepare(connection: Connection): void {
    const { socket } = connection;
    if (!this.#recovery) return;
    const { client, handshake } = socket;
    const credentials = credentialsOf({ auth: handshake.auth, request: client.request }, this.#proofOptions);
    connection.credentials = credentials;
    if (!socket.recovered) return;
    const returned = takeRecoveredState(socket);
    const state = (returned?.state ?? {}) as State;
    const claimant = { credentials, session: proofOfSession(connection.client, this.#proofOptions) };
    if (!returned || !couldMatch(state.proof, claimant)) return resetWithNewSid(connection);
    connection.roomsToRestore = new Set(returned.rooms.filter((room) => room !== socket.id));
    sendMissedEvents(connection, returned.missed);
    connection.heldForRecovery = new Set(connection.heldPackets);
    this.#returning.set(connection, {
      ...returned,
      state,
      session: Object.assign({}, connection.client.session),
    });
  }

  /** Whether a returning client that proves to be the same is accepted without middlewares and handlers. */
  skipsHandlers(connection: Connection): boolean {
    return this.#skipsMiddlewares && this.#returning.has(connection);
  }

  /** Whether a returning client has proved to be the same. */
  isProven(connection: Connection): boolean {
    const state = this.#returning.get(connection)?.state;
    if (state?.proof === undefined) return false;
    if (
      this.#skipsMiddlewares &&
      state.sessionProof !== proofOfSession(connection.client, this.#proofOptions)
    )
      return false;
    return proofOf(connection, this.#proofOptions) === state.proof;
  }

  /** Whether the state of a returning client is withheld. */
  isReturning(connection: Connection): boolean {
    return this.#returning.has(connection);
  }

  /** The client is accepted: restores its state, or discards it if the client did not prove to be the same. */
  restoreOrReset(connection: Connection): void {
    const returning = this.#returning.get(connection);
    if (!returning) return;
    const isProved = this.isProven(connection);
    this.#returning.delete(connection);
    if (isProved) this.#restore(connection, returning);
    else resetRecovery(connection);
  }

  /** How long a client may be disconnected, in milliseconds; 0 without recovery. */
  get window(): number {
    const recovery = this.#recovery;
    return recovery ? (recovery.maxDisconnectionDuration ?? RECOVERY_WINDOW) : 0;
  }

  get #recovery() {
    return recoveryOf(this.options());
  }

  get #skipsMiddlewares(): boolean {
    return this.#recovery?.skipMiddlewares === true;
  }

  get #proofOptions(): ProofOptions {
    const { cookie, queueSecret: secret } = this.options();
    const engineCookie = typeof cookie === 'string' ? cookie : cookie?.name;
    return { areHandlersAsked: !this.#skipsMiddlewares, engineCookie, secret };
  }

  #claimantOf(client: Socket['client'], auth: object): Claimant {
    const options = this.#proofOptions;
    return {
      credentials: credentialsOf({ auth, request: client.request }, options),
      session: proofOfSession(this.stateOfClient(client), options),
    };
  }

  #cannotRecover(): void {
    if (!this.options().connectionStateRecovery) return; // set among socket.io's own options: socket.io ignores it, too
    throw failure('FSK_INVALID_OPTION', 'connectionStateRecovery', CANNOT_RECOVER);
  }

  /** Logs, once, how clients are recognized if the application did not configure it. */
  #logHowClientsProve(): void {
    const { identify, session } = this.options();
    if (identify || session || this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.logger.log(NO_PROOF);
  }

  #stateOf(connection: Connection): State {
    const { client, socket } = connection;
    const { session, keeper } = client;
    const proof = proofOf(connection, this.#proofOptions);
    const state: State = { proof, sessionProof: proofOfSession(client, this.#proofOptions) };
    if (!keeper || keeper.isOwn) state.session = copyOf(session) as Record<string, unknown>;
    if (!this.#skipsMiddlewares) return state;
    const { user = (socket.request as { user?: unknown }).user, expiresAt } = client;
    return {
      ...state,
      user: copyOf(user),
      expiresAt: expiresAt === undefined ? undefined : Number(expiresAt),
    };
  }

  /** Restores only values that were not written since the client returned. */
  #restore(connection: Connection, { data, state, session: before }: Returning): void {
    const { socket, client, roomsToRestore = [] } = connection;
    connection.roomsToRestore = undefined;
    connection.heldForRecovery = undefined;
    void socket.join([...roomsToRestore].filter((room) => !isUserRoom(room))); // option `identify` joins those
    const { [USER_ID]: _user, ...rest } = data;
    restoreUnchanged(rest, { to: socket.data as Record<string, unknown>, before: {} });
    if (state.sessionProof === proofOfSession(client, this.#proofOptions))
      restoreUnchanged(state.session ?? {}, { to: client.session, before });
    if (!this.#skipsMiddlewares) return;
    client.expiresAt ??= state.expiresAt; // its timer starts on acceptance
    if (state.user !== undefined && !('user' in client)) client.user = state.user;
  }
}

function restoreUnchanged(
  values: Record<string, unknown>,
  { to, before }: { to: Record<string, unknown>; before: Record<string, unknown> },
): void {
  for (const [key, value] of Object.entries(values)) if (to[key] === before[key]) to[key] = value;
}

/** Discards the recovered state. */
function resetRecovery(connection: Connection): void {
  dropHeldForRecovery(connection);
  connection.roomsToRestore = undefined;
  Object.assign(connection.socket, { recovered: false, pid: randomUUID() });
}

/** Discards the state before the sid is used anywhere, so that it can be replaced. */
function resetWithNewSid(connection: Connection): void {
  resetRecovery(connection);
  replaceSid(connection.socket);
}

/** A copy as plain JSON; `undefined` for a cyclic value. */
function copyOf(value: unknown): unknown {
  try {
    return plain(value);
  } catch {
    return undefined;
  }
}

const CANNOT_RECOVER =
  'needs an adapter that keeps what clients missed: one process, or messageQueue redis-streams://. Leave it out';
const NO_PROOF =
  'connectionStateRecovery gives a client what it had when it proves to be the same: by request.user, or by the same ' +
  'auth, Authorization header and cookies. One that has none of these starts afresh. Options identify and session ' +
  'say better who it is.';
