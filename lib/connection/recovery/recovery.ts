import { randomUUID } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { RECOVERY_WINDOW } from '../../common/constants.js';
import { failure } from '../../common/errors.js';
import type { Log } from '../../common/logger.js';
import { recoveryOf, type ResolvedOptions } from '../../common/options.js';
import { plain } from '../../common/copies.js';
import { isUserRoom, USER_ID } from '../../common/address.js';
import { renewSid } from '../../socketio/adapter-internals.js';
import type { ClientState, Connection } from '../../context/connection.js';
import { dropReturned } from '../../socketio/held-packets.js';
import { onClaim } from '../../socketio/namespace-internals.js';
import { sendMissed } from '../../socketio/socket-internals.js';
import { credentialsOf, mayBecome, proofOf, proofOfSession, type Claimant, type ProofOptions } from './proof.js'; // prettier-ignore
import { keptFor, recoverConnections, takeReturned, type Returned } from './recovering-adapter.js';

/** What is kept of a connection that may come back. */
interface State {
  /** What it has to prove to get anything back; nothing where it can prove nothing. */
  proof?: string | undefined;
  /** The connection's own session, where it has one. */
  session?: Record<string, unknown>;
  /** Which session of the HTTP side it began with. */
  sessionProof?: string | undefined;
  /** Its user, where nobody is going to ask again. */
  user?: unknown;
  expiresAt?: number | undefined;
}

/** A returning client, while it is being admitted. */
interface Returning extends Returned {
  state: State;
  /** The session as it was when the client came back. */
  session: Record<string, unknown>;
}

/** Gives clients back what they had when they return in time: rooms, missed events, session (promise N4). */
export class Recovery {
  readonly #returning = new WeakMap<Connection, Returning>();
  #isAnnounced = false;

  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly logger: Log,
    /** What the namespaces of a client share. */
    private readonly stateOfClient: (client: Socket['client']) => ClientState,
  ) {}

  /** To be called for each namespace once its adapter is the last one. */
  watch(namespace: Namespace): void {
    if (!this.#recovery) return;
    const { adapter } = namespace;
    if (adapter.restoreSession === Adapter.prototype.restoreSession) return this.#cannotRecover();
    this.#announce();
    recoverConnections(namespace, {
      window: this.window,
      stateOf: (connection) => this.#stateOf(connection),
      report: (line) => this.logger.warn(line, 'recovery'),
    });
    onClaim(namespace, async (client, auth) => {
      const kept = await keptFor(namespace, auth.pid);
      return !kept || mayBecome((kept.state as State).proof, this.#claimantOf(client, auth));
    });
  }

  /** A client that came back: what it had waits for its acceptance, unless it is somebody else for sure. */
  begin(connection: Connection): void {
    const { socket } = connection;
    if (!this.#recovery) return;
    const { client, handshake } = socket;
    const credentials = credentialsOf({ auth: handshake.auth, request: client.request }, this.#proofOptions);
    connection.credentials = credentials;
    if (!socket.recovered) return;
    const returned = takeReturned(socket);
    const state = (returned?.state ?? {}) as State;
    const claimant = { credentials, session: proofOfSession(connection.client, this.#proofOptions) };
    if (!returned || !mayBecome(state.proof, claimant)) return beginAfresh(connection);
    connection.withheld = new Set(returned.rooms.filter((room) => room !== socket.id));
    sendMissed(connection, returned.missed);
    connection.heldForReturn = new Set(connection.held);
    this.#returning.set(connection, {
      ...returned,
      state,
      session: Object.assign({}, connection.client.session),
    });
  }

  /** Whether a client is accepted without the middlewares and handlers, if it proves to be the one that it was. */
  skips(connection: Connection): boolean {
    return this.#skipsMiddlewares && this.#returning.has(connection);
  }

  /** Whether a returning client has proved to be the one that it was. */
  isProved(connection: Connection): boolean {
    const state = this.#returning.get(connection)?.state;
    if (state?.proof === undefined) return false;
    if (
      this.#skipsMiddlewares &&
      state.sessionProof !== proofOfSession(connection.client, this.#proofOptions)
    )
      return false;
    return proofOf(connection, this.#proofOptions) === state.proof;
  }

  /** Whether a client has come back, and waits for what it had. */
  isReturning(connection: Connection): boolean {
    return this.#returning.has(connection);
  }

  /** The client is accepted. If it is somebody else, it gets nothing of what it had. */
  settle(connection: Connection): void {
    const returning = this.#returning.get(connection);
    if (!returning) return;
    const isProved = this.isProved(connection);
    this.#returning.delete(connection);
    if (isProved) this.#giveBack(connection, returning);
    else startAfresh(connection);
  }

  /** How long a client may be away, in milliseconds; 0 where nobody is recovered. */
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
    if (!this.options().connectionStateRecovery) return; // asked for among the raw options: socket.io says nothing
    throw failure('FSK_INVALID_OPTION', 'connectionStateRecovery', CANNOT_RECOVER);
  }

  /** Nobody has said how clients prove who they are. */
  #announce(): void {
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

  /** What has been written since the client came back is newer than what it had. */
  #giveBack(connection: Connection, { data, state, session: before }: Returning): void {
    const { socket, client, withheld = [] } = connection;
    connection.withheld = undefined;
    connection.heldForReturn = undefined;
    void socket.join([...withheld].filter((room) => !isUserRoom(room))); // option `identify` has seen to those
    const { [USER_ID]: _user, ...rest } = data;
    add(rest, { to: socket.data as Record<string, unknown>, before: {} });
    if (state.sessionProof === proofOfSession(client, this.#proofOptions))
      add(state.session ?? {}, { to: client.session, before });
    if (!this.#skipsMiddlewares) return;
    client.expiresAt ??= state.expiresAt; // watched from the acceptance on
    if (state.user !== undefined && !('user' in client)) client.user = state.user;
  }
}

function add(
  values: Record<string, unknown>,
  { to, before }: { to: Record<string, unknown>; before: Record<string, unknown> },
): void {
  for (const [key, value] of Object.entries(values)) if (to[key] === before[key]) to[key] = value;
}

/** The client is somebody else, or cannot prove that it is not. */
function startAfresh(connection: Connection): void {
  dropReturned(connection);
  connection.withheld = undefined;
  Object.assign(connection.socket, { recovered: false, pid: randomUUID() });
}

/** Nobody has seen its sid yet. */
function beginAfresh(connection: Connection): void {
  startAfresh(connection);
  renewSid(connection.socket);
}

/** What cannot be copied (it is cyclic) is not kept. */
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
