import type { SerialQueue } from '../common/serial-queue.js';
import type { IncomingMessage } from 'node:http';
import type { Namespace, Server, Socket } from 'socket.io';
import { EXPIRED } from '../common/constants.js';
import { ConnectionRefusedError, failure } from '../common/errors.js';
import type { Log } from '../common/logger.js';
import type { NamespaceParams } from '../common/namespace.js';
import { printableValue } from '../common/printable.js';
import type { RemoteClients } from '../common/remote-clients.js';
import type { SessionKeeper } from './session-copy.js';
import type { SocketSession } from './socket-session.js';

/** A function of the application, whatever it takes. */
export type AnyFunction = (...values: never[]) => unknown;

/** What is being handled: an event's name and arguments. In a callback the name is `null`. */
export interface SocketEvent {
  readonly message: string | null;
  readonly args: readonly unknown[];
}

/** One engine connection of a client: what all its namespaces share. */
export interface ClientState {
  session: SocketSession;
  /** Which session of the HTTP side that is, if it is one that a store keeps. */
  sessionKey?: string | undefined;
  /** Keeps the session in step with its store, if it has one. */
  keeper?: SessionKeeper | undefined;
  /** What a handler or guard set as `request.user`; the HTTP request's is seen until then. */
  user?: unknown;
  /** When the client's connection ends by itself; the timer that sees to it, while it is connected. */
  expiresAt?: Date | number | undefined;
  expiryTimer?: NodeJS.Timeout | undefined;
  /** The query parameters that it repeated when it connected; looked for when somebody asks. */
  repeatedQuery?: ReadonlyMap<string, string[]>;
  /** Its sockets in the namespaces that decide about it right now. */
  asking?: Map<string, Socket>;
  /** The events that are handled one after the other; there if there was one. */
  serialEvents?: SerialQueue;
  /** How many events wait for those before them, or for `@OnConnect()`. */
  waiting?: number;
}

/** The running application as a handler sees it. */
export interface CurrentApp {
  /** The instance of a provider, wherever it is provided. */
  get<T>(token: Token<T>): T;
  /** A new instance of a transient or request-scoped provider. */
  resolve<T>(token: Token<T>): Promise<T>;
  /** The HTTP server that Socket.IO shares. */
  getHttpServer(): unknown;
}

/** What a provider is found by. */
export type Token<T> = (abstract new (...values: never[]) => T) | string | symbol;

/** What the context needs of the running server. */
export interface Runtime {
  readonly server: Server;
  /** What a gateway of a namespace speaks through: the namespace, or the server. */
  serverFor(namespace: string): Server | Namespace;
  readonly app: CurrentApp;
  readonly logger: Log;
  /** The clients of other processes, if a message queue reaches any. */
  readonly remoteClients: RemoteClients | undefined;
  /** Calls a callback in a context of its own, if it is a client's; what it throws goes to the error handlers. */
  callBack(connection: Connection | undefined, values: readonly unknown[], callback: AnyFunction): void;
  /** The client's address, behind a trusted proxy the forwarded one. */
  addressOf(request: IncomingMessage): string | undefined;
  /** Nest's context id of an event. */
  contextIdOf(request: object): object;
  /** Asks again for all namespaces of a client: its user has changed. */
  userChanged(connection: Connection): void;
  /** Looks again when a client's connection is to end: that time has been set, or has come. */
  expiryChanged(connection: Connection): void;
  /** Warns once per subject. */
  warnOnce(subject: string, text: string): void;
}

/** A packet that waits until its client has been told that it is connected. */
export type HeldPacket = () => void;

/** One client in one namespace, from the first check to the last disconnect handler. */
export class Connection {
  /** `connecting` until the client is told; `refused` and `gone` are final. */
  state: 'connecting' | 'connected' | 'leaving' | 'refused' | 'gone' = 'connecting';
  /** What was sent to this client before it was told that it is connected. */
  held: HeldPacket[] | undefined;
  /** How much of that others have sent: it has a limit. */
  heldOfOthers: { packets: number; bytes: number } | undefined;
  /** A digest of what the client has connected with, where that is to tell it from others when it comes back. */
  credentials: string | undefined;
  /** What of it is for a returning client as the one that it was. */
  heldForReturn: Set<HeldPacket> | undefined;
  /** Rooms of a returning client that it gets back once it is known to be the same user's. */
  withheld: ReadonlySet<string> | undefined;
  /** Ends the calls that wait for this client. */
  readonly calls = new LazySet<() => void>();
  /** Ends when `@OnConnect()` has, where the client was accepted before (`alwaysConnect`). */
  ready: PromiseLike<void> | undefined;
  /** Set once option `identify` has been asked; `pending` as long as it has not answered. */
  identity: { pending?: PromiseLike<void> } | undefined;
  /** Gateways have been told that the client has come (`handleConnection()`), and will be told when it has gone. */
  isGreeted = false;
  /** Where its durable providers live. */
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

/** A Set that costs nothing while it is empty: most connections never wait for anything. */
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

/** Seconds since 1970 are in this range until the year 5138; as milliseconds they would lie before 1974. */
const SECONDS = { from: 10 ** 8, to: 10 ** 11 };

const IN_SECONDS =
  'request.expiresAt was set to a time before 1974, so the connection ends now. It takes milliseconds: ' +
  'the exp of a JWT counts seconds and has to be multiplied by 1000.';

/** Sets when a client's connection ends by itself. A time that has passed ends it now. */
export function setExpiry(connection: Connection, time: unknown): void {
  const { client, runtime } = connection;
  client.expiresAt = checkedTime(time);
  if (typeof time === 'number' && time > SECONDS.from && time < SECONDS.to)
    runtime.warnOnce('expiresAt', IN_SECONDS);
  runtime.expiryChanged(connection);
}

/** Takes over what a middleware set on the HTTP request, unless a handler or guard has set it. */
export function adoptExpiry(connection: Connection): void {
  const { expiresAt } = connection.socket.request as { expiresAt?: unknown };
  if (expiresAt !== undefined && !('expiresAt' in connection.client)) setExpiry(connection, expiresAt);
}

/** Whether the time of a client's connection has come, whatever its timer does. */
export function isExpired({ expiresAt }: ClientState): boolean {
  return expiresAt !== undefined && Number(expiresAt) <= Date.now();
}

/** The refusal of a client whose time had come before it was connected. */
export function expiredRefusal(): ConnectionRefusedError {
  return new ConnectionRefusedError(EXPIRED.message, { code: EXPIRED.code });
}

function checkedTime(time: unknown): Date | number | undefined {
  if (time === undefined || time === null) return undefined;
  const isTime = time instanceof Date || typeof time === 'number';
  if (!isTime || Number.isNaN(Number(time))) throw failure('FSK_INVALID_EXPIRY', printableValue(time));
  return time;
}
