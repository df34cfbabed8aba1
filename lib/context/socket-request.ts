import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { parse } from 'cookie';
import { failure } from '../common/errors.js';
import type { NamespaceParams } from '../common/namespace.js';
import { type Connection, setExpiry, type SocketEvent } from './connection.js';
import type { SessionCopy, SessionKeeper } from './session-copy.js';
import type { SocketSession } from './socket-session.js';

declare module '../common/options.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type -- the options, a level below, cannot import this class
  interface IdentifiedRequest extends SocketRequest {}
}

/** Sends the acknowledgement that the client asked for. */
export type Acknowledge = (...values: unknown[]) => void;

declare global {
  // where the types of passport declare the user
  namespace Express {
    // oxlint-disable-next-line typescript/no-empty-object-type -- empty without them
    interface User {}
  }
}

/**
 * The type of `request.user`, for the application to declare: `unknown` until declared here or, for passport, as
 * `Express.User`. It may always be missing.
 * @see docs/getting-started.md#knowing-the-user
 *
 * @example
 * ```ts
 * import 'nestjs-flask-socket';
 *
 * declare module 'nestjs-flask-socket' {
 *   interface RequestUser {
 *     id: number;
 *   }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- applications fill it in
export interface RequestUser {}

/** The application's type of a user, or `unknown`. */
type DeclaredUser = keyof RequestUser extends never
  ? keyof Express.User extends never
    ? unknown
    : Express.User | null | undefined
  : RequestUser | null | undefined;

/**
 * The type of `g`, for the application to declare. Undeclared keys are `unknown`.
 * @see docs/getting-started.md#context
 *
 * @example
 * ```ts
 * import 'nestjs-flask-socket';
 *
 * declare module 'nestjs-flask-socket' {
 *   interface EventGlobals {
 *     startedAt?: number;
 *   }
 * }
 * ```
 */
export interface EventGlobals {
  [key: string]: unknown;
}

/**
 * The request of the event being handled: the HTTP request that opened the connection, with the event added. There is
 * one per event, injectable in request-scoped providers; `request` gives access to it elsewhere.
 *
 * @see docs/getting-started.md#context
 * @example
 * ```ts
 * import { Injectable, Scope } from '@nestjs/common';
 * import { SocketRequest } from 'nestjs-flask-socket';
 *
 * @Injectable({ scope: Scope.REQUEST })
 * export class AuditLog {
 *   constructor(private readonly request: SocketRequest) {}
 *
 *   line = () => `${this.request.sid} ${this.request.event.message}`;
 * }
 * ```
 */
export abstract class SocketRequest {
  #globals: EventGlobals | undefined;
  #cookies: Record<string, string | undefined> | undefined;

  /** @internal Sends the acknowledgement, if the client asked for one. */
  acknowledge: Acknowledge | undefined;
  /** @internal A guard denied the event: on connect, no error handler can accept the client then. */
  denied = false;
  /** @internal The request is an argument of option `identify`, which is not called again if that sets the user. */
  isIdentifying = false;
  /** @internal The event's copy of a session that is in a store. */
  sessionCopy: SessionCopy | undefined;
  /** @internal Saves that copy. */
  sessionKeeper: SessionKeeper | undefined;
  /** @internal The handler, if it is declared with `session: false`. */
  withoutSession: string | undefined;
  /** @internal On disconnect, the rooms that the client was in. */
  roomsAtDisconnect: ReadonlySet<string> | undefined;
  /** @internal The request-scoped instances of this event, by slot. */
  instances: unknown[] | undefined;
  /** @internal Instances that Nest's container created for this event. */
  nestInstances: Set<unknown> | undefined;
  /** @internal Nest's context id, if its container created instances. */
  contextId: { readonly id: number } | undefined;
  /** @internal Nest's view of this event, for guards, pipes and interceptors. */
  execution: { getHandler(): unknown; getArgByIndex(index: number): unknown } | undefined;

  constructor(
    /** @internal */
    readonly connection: Connection,
    /** The event's name and arguments; connect: `'connect'`, `[auth]`; disconnect: `'disconnect'`, `[reason]`. */
    readonly event: SocketEvent,
  ) {}

  /** The client's id in this namespace, and the name of its own room. */
  get sid(): string {
    return this.connection.socket.id;
  }

  /** The namespace of the event, for example `/chat`. */
  get namespace(): string {
    return this.connection.socket.nsp.name;
  }

  /**
   * Whether the client reconnected in time and got back its rooms, its session and the events it missed.
   * @see docs/deployment.md#clients-that-come-back
   */
  get recovered(): boolean {
    return this.connection.socket.recovered;
  }

  /** The parameters of the namespace: `/job/:id` connected as `/job/7` → `{ id: '7' }`. */
  get params(): NamespaceParams {
    return this.connection.params;
  }

  /** What the client passed as `auth` when it connected to this namespace, or `undefined`. */
  get auth(): unknown {
    return authOf(this.connection);
  }

  /** The HTTP request that opened the connection, with what middlewares added to it. */
  get http(): IncomingMessage {
    return this.connection.socket.request;
  }

  /** The headers of the HTTP request, names in lower case. */
  get headers(): IncomingHttpHeaders {
    return this.http.headers;
  }

  /** The cookies of the HTTP request, by name. */
  get cookies(): Readonly<Record<string, string | undefined>> {
    this.#cookies ??= parse(this.headers.cookie ?? '');
    Reflect.deleteProperty(this.#cookies, '__proto__');
    return this.#cookies;
  }

  /** The query parameters of the HTTP request, by name; a repeated one is an array, as in Express. */
  get query(): Readonly<Record<string, string | string[] | undefined>> {
    const { client, socket } = this.connection;
    const { query, url } = socket.handshake;
    client.repeatedQuery ??= repeatedParameters(url);
    return client.repeatedQuery.size === 0
      ? query
      : { ...query, ...Object.fromEntries(client.repeatedQuery) };
  }

  /** The path and query of the HTTP request, as the client sent them. */
  get url(): string {
    return this.connection.socket.handshake.url;
  }

  /** The client's address; behind a trusted proxy, the forwarded one. */
  get address(): string {
    return this.connection.runtime.addressOf(this.http) ?? this.connection.socket.handshake.address;
  }

  /** The connection's current transport: `'polling'`, `'websocket'` or `'webtransport'`. */
  get transport(): string {
    return this.connection.socket.conn.transport.name;
  }

  /** The user: what a middleware set on the HTTP request, or a handler or guard here. */
  get user(): DeclaredUser {
    const { client, socket } = this.connection;
    const holder: object = 'user' in client ? client : socket.request;
    return (holder as { user?: DeclaredUser }).user;
  }

  /** Sets the user of the connection, in all its namespaces; option `identify` is called again. */
  set user(user: DeclaredUser) {
    this.connection.client.user = user;
    if (!this.isIdentifying) this.connection.runtime.userChanged(this.connection);
  }

  /**
   * When the connection expires, in all its namespaces: what was set here, or on the HTTP request. A Date or
   * milliseconds since 1970; a time in the past ends it now, a later one extends it, `undefined` means never.
   * @throws FSK_INVALID_EXPIRY for anything else
   * @see docs/authentication.md#connections-that-expire
   */
  get expiresAt(): Date | number | undefined {
    return this.connection.client.expiresAt;
  }

  set expiresAt(time: Date | number | null | undefined) {
    setExpiry(this.connection, time);
  }

  /** The session of the connection, the same as `session`. */
  get session(): SocketSession {
    if (this.withoutSession !== undefined) throw failure('FSK_SESSION_NOT_USED', this.withoutSession);
    return this.sessionCopy?.view ?? this.connection.client.session;
  }

  /** An object for the application's own values of this event, the same as `g`. */
  get globals(): EventGlobals {
    return (this.#globals ??= {});
  }
}

/** What a client passed as `auth`; socket.io replaces nothing by an empty object. */
export function authOf({ socket }: Connection): unknown {
  const { auth } = socket.handshake;
  return Object.keys(auth).length > 0 ? auth : undefined;
}

/** The query parameters that a URL repeats; engine.io keeps only the last value. */
function repeatedParameters(url: string): ReadonlyMap<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length))) {
    const values = all.get(name);
    if (values) values.push(value);
    else all.set(name, [value]);
  }
  for (const [name, values] of all) if (values.length === 1) all.delete(name);
  all.delete('__proto__');
  return all;
}
