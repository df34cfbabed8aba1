import { randomUUID } from 'node:crypto';
import type { Namespace } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { RECOVERY_WINDOW } from '../../common/constants.js';
import { failure } from '../../common/errors.js';
import type { Log } from '../../common/logger.js';
import type { ResolvedOptions } from '../../common/options.js';
import { plain } from '../../common/plain.js';
import { isUserRoom, USER_ID } from '../../common/user-room.js';
import type { Connection } from '../../context/connection.js';
import { sendMissed } from '../../context/socket-internals.js';
import { recoverConnections, takeReturned } from './recovering-adapter.js';

const NO_ROOMS: ReadonlySet<string> = new Set();

/** What is kept of a connection that may come back. */
interface State {
  /** The connection's own session, where it has one. */
  session?: Record<string, unknown>;
  /** Which session of the HTTP side it began with. */
  sessionKey?: string | undefined;
  /** Its user, where nobody is going to ask again. */
  user?: unknown;
  expiresAt?: number | undefined;
}

/** A returning client, while it is being admitted. */
interface Returning {
  missed: number;
  userId: unknown;
  keys: string[];
}

/** Gives clients back what they had when they return in time: rooms, missed events, session (promise N4). */
export class Recovery {
  readonly #returning = new WeakMap<Connection, Returning>();

  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly logger: Log,
  ) {}

  /** To be called for each namespace once its adapter is the last one. */
  watch(namespace: Namespace): void {
    if (!this.#isOn) return;
    const { adapter } = namespace;
    if (adapter.restoreSession === Adapter.prototype.restoreSession)
      throw failure('FSK_INVALID_OPTION', 'connectionStateRecovery', CANNOT_RECOVER);
    recoverConnections(namespace, {
      window: this.window,
      stateOf: (connection) => this.#stateOf(connection),
      report: (line) => this.logger.warn(line, 'recovery'),
    });
  }

  /** A client that came back gets its session, and what it missed as soon as it is accepted. */
  begin(connection: Connection): void {
    if (!this.#isOn || !connection.socket.recovered) return;
    const returned = takeReturned(connection.socket);
    if (!returned) return;
    sendMissed(connection, returned.missed);
    const keys = this.#restore(connection, returned.state ?? {});
    const { data } = connection.socket;
    const userId = (data as Record<string, unknown>)[USER_ID];
    connection.withheld = this.#withheldRooms(connection);
    this.#returning.set(connection, { missed: returned.missed.length, userId, keys });
  }

  /** The client is accepted. If it is somebody else by now, it gets nothing of what it had. */
  settle(connection: Connection): void {
    const returning = this.#returning.get(connection);
    if (!returning) return;
    const { socket, client, held, withheld = NO_ROOMS } = connection;
    connection.withheld = undefined;
    this.#returning.delete(connection);
    if ((socket.data as Record<string, unknown>)[USER_ID] === returning.userId)
      return void socket.join([...withheld]);
    held?.splice(0, returning.missed);
    for (const key of returning.keys) Reflect.deleteProperty(client.session, key);
    Object.assign(socket, { recovered: false, pid: randomUUID() });
  }

  /** How long a client may be away, in milliseconds; 0 where nobody is recovered. */
  get window(): number {
    const { connectionStateRecovery: recovery } = this.options();
    if (!recovery) return 0;
    return (recovery === true ? undefined : recovery.maxDisconnectionDuration) ?? RECOVERY_WINDOW;
  }

  get #isOn(): boolean {
    return Boolean(this.options().connectionStateRecovery);
  }

  /** Until option `identify` has said who it is, a client that is back is in no room but its own. */
  #withheldRooms({ socket }: Connection): ReadonlySet<string> {
    if (!this.options().identify) return NO_ROOMS;
    const rooms = [...socket.rooms].filter((room) => room !== socket.id && !isUserRoom(room));
    for (const room of rooms) void socket.leave(room);
    return new Set(rooms);
  }

  #stateOf({ client, socket }: Connection): State {
    const { session, keeper, sessionKey } = client;
    const state: State = { sessionKey };
    if (!keeper || keeper.isOwn) state.session = copyOf(session) as Record<string, unknown>;
    if (!this.#skipsMiddlewares) return state;
    const { user = (socket.request as { user?: unknown }).user, expiresAt } = client;
    return {
      ...state,
      user: copyOf(user),
      expiresAt: expiresAt === undefined ? undefined : Number(expiresAt),
    };
  }

  /** The keys of the session that came back. */
  #restore({ client }: Connection, { session, sessionKey, user, expiresAt }: State): string[] {
    if (this.#skipsMiddlewares) client.expiresAt ??= expiresAt; // watched from the acceptance on
    if (sessionKey !== client.sessionKey) return []; // the HTTP session has ended, or is another one
    if (this.#skipsMiddlewares && user !== undefined && !('user' in client)) client.user = user;
    Object.assign(client.session, session);
    return Object.keys(session ?? {});
  }

  get #skipsMiddlewares(): boolean {
    const { connectionStateRecovery: recovery } = this.options();
    return typeof recovery === 'object' && recovery.skipMiddlewares === true;
  }
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
