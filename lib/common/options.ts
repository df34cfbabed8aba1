import type { IncomingMessage } from 'node:http';
import type { ServerOptions } from 'socket.io';
import type { Limits } from './limits.js';
import type { FlaskSocketLogger } from './logger.js';
import type { SessionOption } from './session.js';
import type { UserId } from './address.js';

/** Decides about a foreign `Origin`; may be asynchronous. */
export type OriginCheck = (origin: string, request: IncomingMessage) => boolean | Promise<boolean>;

/** What option `identify` is asked about: `SocketRequest`, which stands on a higher level and fills this in. */
// oxlint-disable-next-line typescript/no-empty-object-type -- see above
export interface IdentifiedRequest {}

/** Says who a client is: a user's id, or nothing for a client that nobody knows. May be asynchronous. */
export type Identify = (request: IdentifiedRequest) => UserId | undefined | Promise<UserId | undefined>;

/** A socket.io parser: what turns packets into text or bytes and back. */
export interface Parser {
  Encoder: abstract new (...values: never[]) => object;
  Decoder: abstract new (...values: never[]) => object;
}

/** A message queue whose protocol is to be chosen, too. */
export interface QueueAddress {
  /** The URL of the broker. */
  url: string;
  /** `flask-socketio`: that of python-socketio, for Flask-SocketIO servers on the same queue. Default: `socket.io`. */
  protocol?: 'socket.io' | 'flask-socketio';
}

/** How clients that come back are recovered. */
export interface RecoveryOptions {
  /** How long a client may be away, in milliseconds. Default: 120,000. */
  maxDisconnectionDuration?: number;
  /** Accepts it without asking middlewares, guards and `@OnConnect()` again. Default: false. */
  skipMiddlewares?: boolean;
}

/** What Socket.IO's `server.adapter()` takes, for brokers that have no URL here. */
export type AdapterFactory = Exclude<ServerOptions['adapter'], undefined>;

/**
 * The options of `FlaskSocketModule.forRoot()`: Flask-SocketIO's names in camelCase, times in milliseconds, sizes in
 * bytes. An unknown key or a wrong value fails the boot.
 *
 * @see docs/reference/options.md
 * @example
 * ```ts
 * import { FlaskSocketModule } from 'nestjs-flask-socket';
 *
 * FlaskSocketModule.forRoot({ corsAllowedOrigins: 'https://app.example', pingInterval: 10_000 });
 * ```
 */
export interface FlaskSocketOptions {
  /** Where Socket.IO listens; a missing leading slash is added. Default: `/socket.io`. */
  path?: string;
  /**
   * The message queue that makes several processes one server: the URL of a broker, or a Socket.IO adapter factory.
   * @default none, one process
   * @see docs/message-queues.md
   */
  messageQueue?: string | QueueAddress | AdapterFactory;
  /** The prefix of everything on the message queue: services with different ones do not meet. Default: `flask-socketio`. */
  channel?: string;
  /** Signs what goes through the message queue, and drops what is not signed with it. Default: no signatures. */
  queueSecret?: string;
  /**
   * The WebSocket engine.
   * @default the fastest that is installed, `eiows` before `ws`
   * @see docs/deployment.md#engine
   */
  asyncMode?: 'ws' | 'eiows';
  /** `false`: a client's events are handled one after the other. Default: true, as they come. */
  asyncHandlers?: boolean;
  /** Accept a client before its `@OnConnect()` has ended, and disconnect it after a refusal. Default: false. */
  alwaysConnect?: boolean;
  /** Namespaces that accept clients even without a handler; `'*'` opens every one. Default: `['/']`. */
  namespaces?: '*' | readonly string[];
  /** Says which user a connection belongs to; it joins that user's room, `user(id)`. Default: none. */
  identify?: Identify;
  /** What brings HTTP's sessions: a middleware (express-session), a list of them, or a `SessionInterface`. Default: none. */
  session?: SessionOption;
  /** `false`: handlers read and write HTTP's session, in its store. Default: true, they have a copy. */
  manageSession?: boolean;
  /** How old a managed session may be before an event, in milliseconds; `Infinity`: as the connection. Default: 0. */
  sessionRefresh?: number;
  /** How long a session may take to be read or written, in milliseconds. Default: 5,000. */
  sessionTimeout?: number;
  /** Origins allowed beside the own one: one, a list, `https://*.app.example`, `'*'`, or a function. Default: none. */
  corsAllowedOrigins?: string | readonly string[] | OriginCheck;
  /** Whether pages of allowed foreign origins may send cookies. Default: true, with `'*'` false. */
  corsCredentials?: boolean;
  /** Sets a cookie with the engine's session id: its name, or socket.io's cookie options. Default: none. */
  cookie?: string | Exclude<ServerOptions['cookie'], boolean>;
  /** The transports that clients may use. Default: `['polling', 'websocket']`. */
  transports?: readonly ('polling' | 'websocket')[];
  /** Whether a polling client may go over to WebSocket. Default: true. */
  allowUpgrades?: boolean;
  /** Lets clients of Socket.IO 2 in. Default: false. */
  allowEIO3?: boolean;
  /** Milliseconds between two heartbeats. Default: 25,000. */
  pingInterval?: number;
  /** Milliseconds without an answer to a heartbeat after which a client is gone. Default: 20,000. */
  pingTimeout?: number;
  /** The largest message taken from a client, in bytes. Default: 1,000,000. */
  maxHttpBufferSize?: number;
  /** Whether polling answers are compressed. Default: true. */
  httpCompression?: boolean;
  /** The smallest polling answer that is compressed, in bytes. Default: 1,024. */
  compressionThreshold?: number;
  /** How packets are encoded: JSON, msgpack (package socket.io-msgpack-parser), or a parser. Default: `default`. */
  serializer?: 'default' | 'msgpack' | Parser;
  /**
   * Whether a client that comes back in time gets what it missed, its rooms and its session. It is admitted as any
   * other, and `request.recovered` is true.
   * @default false
   * @see docs/deployment.md#clients-that-come-back
   */
  connectionStateRecovery?: boolean | RecoveryOptions;
  /**
   * What one client may cost the server: events, bytes, rooms, times. `false`: nothing is limited.
   * @default every limit has one
   * @see docs/security.md#limits
   */
  limits?: Limits | false;
  /** How long `stop()` waits for running handlers, in milliseconds. Default: 10,000. */
  shutdownTimeout?: number;
  /** Where log lines go, for example a `LoggerService`; `false` is silence. Default: Nest's Logger. */
  logger?: FlaskSocketLogger | false;
  /** Log every handler at boot, and events that have none. Default: false. */
  debug?: boolean;
  /** Raw Socket.IO server options: the last word over all of the above. */
  server?: Partial<ServerOptions>;
}

/** What an option is when it is not given. */
export const DEFAULTS = {
  path: '/socket.io',
  channel: 'flask-socketio',
  asyncHandlers: true,
  alwaysConnect: false,
  namespaces: ['/'],
  manageSession: true,
  sessionRefresh: 0,
  sessionTimeout: 5_000,
  transports: ['polling', 'websocket'],
  allowUpgrades: true,
  allowEIO3: false,
  pingInterval: 25_000,
  pingTimeout: 20_000,
  maxHttpBufferSize: 1_000_000,
  httpCompression: true,
  compressionThreshold: 1_024,
  serializer: 'default',
  shutdownTimeout: 10_000,
  debug: false,
} as const satisfies FlaskSocketOptions;

/** How clients are recovered, if they are: the raw option is the last word, with Socket.IO's own default. */
export function recoveryOf({
  connectionStateRecovery: own,
  server,
}: FlaskSocketOptions): RecoveryOptions | undefined {
  const raw = server?.connectionStateRecovery;
  if (raw) return { skipMiddlewares: true, ...raw };
  return own === true ? {} : own || undefined;
}

/** Options with their defaults filled in. */
export type ResolvedOptions = FlaskSocketOptions & Required<Pick<FlaskSocketOptions, keyof typeof DEFAULTS>>;
