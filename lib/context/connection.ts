import type { SerialQueue } from '../common/serial-queue.js';
import type { IncomingMessage } from 'node:http';
import type { Namespace, Server, Socket } from 'socket.io';
import { EXPIRED } from '../common/constants.js';
import { ConnectionRefusedError, failure } from '../common/errors.js';
import type { LimitName, ResolvedLimits } from '../common/limits.js';
import type { Log } from '../common/logger.js';
import type { NamespaceParams } from '../common/namespace.js';
import { printableValue } from '../common/printable.js';
import type { RemoteClients } from '../common/remote-clients.js';
import type { SessionKeeper } from './session-copy.js';
import type { SocketSession } from './socket-session.js';

/** A function of the application, with any parameters. */
export type AnyFunction = (...values: never[]) => unknown;

/** The event being handled: its name and arguments. In a callback the name is `null`. */
export interface SocketEvent {
  readonly message: string | null;
  readonly args: readonly unknown[];
}

/** What all namespaces of one engine connection share. */
export interface ClientState {
  session: SocketSession;
  /** Identifies the HTTP session, if a store has it. */
  sessionKey?: string | undefined;
  /** Reads the session from its store and saves it, if it has a store. */
  keeper?: SessionKeeper | undefined;
  /** What a handler or guard set as `request.user`; until then that is the HTTP request's user. */
  user?: unknown;
  /** When the connection expires; the timer runs while the client is connected. */
  expiresAt?: Date | number | undefined;
  expiryTimer?: NodeJS.Timeout | undefined;
  /** The repeated query parameters of the handshake, parsed on first use. */
  repeatedQuery?: ReadonlyMap<string, string[]>;
  /** Its sockets that are not accepted yet, by namespace. */
  connectingSockets?: Map<string, Socket>;
  /** Runs the serial events one after another; created by the first. */
  serialEvents?: SerialQueue;
  /** The number of events that wait for earlier ones or for `@OnConnect()`. */
  waitingEvents?: number;
}

/** The running application, as `currentApp` gives it to handlers. */
export interface CurrentApp {
  /** The instance of a provider of any module. */
  get<T>(token: Token<T>): T;
  /** A new instance of a transient or request-scoped provider. */
  resolve<T>(token: Token<T>): Promise<T>;
  /** The HTTP server that Socket.IO shares. */
  getHttpServer(): unknown;
}

/** The injection token of a provider. */
export type Token<T> = (abstract new (...values: never[]) => T) | string | symbol;

/** The limits of the running server. */
export interface RuntimeLimits {
  readonly limits: ResolvedLimits;
  /** A limit acted against a client (its engine connection, or its address): `what` happened, for the log. */
  reached(limit: LimitName, offence: { by: object | string; what: string }): void;
}

/** What the context needs of the running server. */
export interface Runtime {
  readonly server: Server;
  /** What `@WebSocketServer()` is in a gateway of this namespace: the namespace, or the server. */
  serverFor(namespace: string): Server | Namespace;
  readonly app: CurrentApp;
  readonly logger: Log;
  /** The limits, and what counts and logs that one acted. */
  readonly limits: RuntimeLimits;
  /** The clients of other processes, if there is a message queue. */
  readonly remoteClients: RemoteClients | undefined;
  /** Runs an emit callback, in a context of its own if there is a connection; errors go to the error handlers. */
  runCallback(connection: Connection | undefined, values: readonly unknown[], callback: AnyFunction): void;
  /** The client's address; behind a trusted proxy, the forwarded one. */
  addressOf(request: IncomingMessage): string | undefined;
  /** Nest's context id of an event. */
  contextIdOf(request: object): object;
  /** Calls option `identify` again for all namespaces of a client whose user has changed. */
  userChanged(connection: Connection): void;
  /** Restarts the expiry timer of a client, or disconnects it if it has expired. */
  expiryChanged(connection: Connection): void;
  warnOnce(subject: string, text: string): void;
}

/** Sends a packet that was held back until the client had its CONNECT packet. */
export type HeldPacket = () => void;

/** One client in one namespace, from the first middleware to the last disconnect handler. */
export class Connection {
  /** `connecting` until the client is accepted; `refused` and `disconnected` are final. */
  state: 'connecting' | 'connected' | 'disconnecting' | 'refused' | 'disconnected' = 'connecting';
  /** Packets for this client while it is connecting; `undefined` once they are released. */
  heldPackets: HeldPacket[] | undefined;
  /** The size of the held packets that broadcasts added, which is limited. */
  heldBroadcasts: { packets: number; bytes: number } | undefined;
  /** A digest of the handshake's credentials, to recognize the client when it returns. */
  credentials: string | undefined;
  /** Those held packets that are sent only if a returning client proves to be the same. */
  heldForRecovery: Set<HeldPacket> | undefined;
  /** Rooms that a returning client gets back once it proves to be the same. */
  roomsToRestore: ReadonlySet<string> | undefined;
  /** Rejects the calls that wait for an acknowledgement of this client. */
  readonly pendingCalls = new LazySet<() => void>();
  /** Settles when `@OnConnect()` (with `alwaysConnect`) and `handleConnection()` have ended; events wait for it. */
  connectHandled: PromiseLike<void> | undefined;
  /** Set once option `identify` was called; `pending` until it has resolved. */
  identity: { pending?: PromiseLike<void> } | undefined;
  /** `handleConnection()` of the gateways was called, so `handleDisconnect()` will be. */
  areGatewaysNotified = false;
  /** The context of its durable providers. */
  durable: object | undefined;

  readonly runtime: Runtime;
  readonly client: ClientState;
  readonly params: NamespaceParams;

  constructor(
    readonly socket: Socket,
    { runtime, client, params }: Pick<Connection, 'runtime' | 'client' | 'params'>,
  ) {
    this.runtime = runtime;
    this.client = client;
    this.params = params;
  }
}

/** A Set that allocates nothing while empty: most connections never have a pending call. */
class LazySet<T> {
  #set: Set<T> | undefined;

  add(item: T): void {
    (this.#set ??= new Set()).add(item);
  }

  delete(item: T): void {
    this.#set?.delete(item);
  }

  /** Empties the set and visits what was in it. */
  drain(visit: (item: T) => void): void {
    const items = this.#set;
    this.#set = undefined;
    items?.forEach(visit);
  }
}

/** Times in seconds lie in this range until the year 5138; read as milliseconds they lie before 1974. */
const SECONDS_RANGE = { from: 10 ** 8, to: 10 ** 11 };

const SECONDS_WARNING =
  'request.expiresAt was set to a time before 1974, so the connection ends now. It takes milliseconds: ' +
  'the exp of a JWT counts seconds and has to be multiplied by 1000.';

/** Sets when a client's connection expires. A time in the past disconnects it now. */
export function setExpiry(connection: Connection, time: unknown): void {
  const { client, runtime } = connection;
  client.expiresAt = checkTime(time);
  if (typeof time === 'number' && time > SECONDS_RANGE.from && time < SECONDS_RANGE.to)
    runtime.warnOnce('expiresAt', SECONDS_WARNING);
  runtime.expiryChanged(connection);
}

/** Takes over the expiry that a middleware set on the HTTP request, unless a handler or guard has set one. */
export function adoptExpiry(connection: Connection): void {
  const { expiresAt } = connection.socket.request as { expiresAt?: unknown };
  if (expiresAt !== undefined && !('expiresAt' in connection.client)) setExpiry(connection, expiresAt);
}

/** Whether a client's connection has expired; its timer may be late. */
export function isExpired({ expiresAt }: ClientState): boolean {
  return expiresAt !== undefined && Number(expiresAt) <= Date.now();
}

/** The refusal of a client whose connection expired before it was accepted. */
export function expiredRefusal(): ConnectionRefusedError {
  return new ConnectionRefusedError(EXPIRED.message, { code: EXPIRED.code });
}

function checkTime(time: unknown): Date | number | undefined {
  if (time === undefined || time === null) return undefined;
  const isTime = time instanceof Date || typeof time === 'number';
  if (!isTime || Number.isNaN(Number(time))) throw failure('FSK_INVALID_EXPIRY', printableValue(time));
  return time;
}
