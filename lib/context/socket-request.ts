import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { parse } from 'cookie';
import { failure } from '../common/errors.js';
import type { NamespaceParams } from '../common/namespace.js';
import { type Connection, setExpiry, type SocketEvent } from './connection.js';
import type { SessionCopy, SessionKeeper } from './session-copy.js';
import type { SocketSession } from './socket-session.js';

declare module '../common/options.js' {
  // oxlint-disable-next-line typescript/no-empty-object-type -- fills in what the options, a level below, cannot import
  interface IdentifiedRequest extends SocketRequest {}
}

/** Answers the client that asked for an acknowledgement. */
export type Acknowledge = (...values: unknown[]) => void;

declare global {
  // where the types of passport say who a user is
  namespace Express {
    // oxlint-disable-next-line typescript/no-empty-object-type -- empty without them
    interface User {}
  }
}

/**
 * What `request.user` is, to be typed by the application: `unknown` until declared here, or as passport's types want it
 * (`Express.User`). It may always be missing.
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

/** The first of these that the application has declared. */
type DeclaredUser = keyof RequestUser extends never
  ? keyof Express.User extends never
    ? unknown
    : Express.User | null | undefined
  : RequestUser | null | undefined;

/**
 * A bag for one event (Flask's `g`), to be typed by the application. Undeclared keys are `unknown`.
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
 * The request of the event being handled: the HTTP request that opened the connection, with the event added. Injectable
 * in request-scoped providers, one instance per event; `request` is the same object.
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

  /** @internal The client's acknowledgement, where it asked for one. */
  acknowledge: Acknowledge | undefined;
  /** @internal A guard said no: at connect this is final. */
  denied = false;
  /** @internal The request that option `identify` is asked about: the user that it sets is no change. */
  identifies = false;
  /** @internal The session as this event sees it, where that is kept in a store. */
  sessionCopy: SessionCopy | undefined;
  /** @internal Takes what this event writes to it. */
  sessionKeeper: SessionKeeper | undefined;
  /** @internal The handler that says that it needs no session. */
  withoutSession: string | undefined;
  /** @internal The rooms of a client that is leaving. */
  roomsLeft: ReadonlySet<string> | undefined;
  /** @internal The request-scoped instances of this event, by slot. */
  instances: unknown[] | undefined;
  /** @internal Instances that Nest's container built for this event. */
  loaded: Set<unknown> | undefined;
  /** @internal Nest's context id, where its container built them. */
  contextId: { readonly id: number } | undefined;
  /** @internal Nest's view of this event, for guards, pipes and interceptors. */
  execution: { getHandler(): unknown; getArgByIndex(index: number): unknown } | undefined;

  constructor(
    /** @internal */
    readonly connection: Connection,
    /** The event's name and arguments; connect: `'connect'`, `[auth]`; disconnect: `'disconnect'`, `[reason]`. */
    readonly event: SocketEvent,
  ) {}

  /** The client's id in this namespace, and the name of the room that it is in from the start. */
  get sid(): string {
    return this.connection.socket.id;
  }

  /** The namespace of the event, for example `/chat`. */
  get namespace(): string {
    return this.connection.socket.nsp.name;
  }

  /**
   * Whether the client came back in time and has its rooms, its session and what it missed.
   * @see docs/deployment.md#clients-that-come-back
   */
  get recovered(): boolean {
    return this.connection.socket.recovered;
  }

  /** The parameters of the namespace: `/job/:id` connected as `/job/7` → `{ id: '7' }`. */
  get params(): NamespaceParams {
    return this.connection.params;
  }

  /** What the client passed as `auth` when it connected to this namespace; `undefined` if nothing. */
  get auth(): unknown {
    return authOf(this.connection);
  }

  /** The HTTP request that opened the connection, with whatever middleware put on it. */
  get http(): IncomingMessage {
    return this.connection.socket.request;
  }

  /** Its headers, names in lower case. */
  get headers(): IncomingHttpHeaders {
    return this.http.headers;
  }

  /** Its cookies, by name. */
  get cookies(): Readonly<Record<string, string | undefined>> {
    return (this.#cookies ??= parse(this.headers.cookie ?? ''));
  }

  /** Its query parameters, by name; one that is repeated is a list, as in Express. */
  get query(): Readonly<Record<string, string | string[] | undefined>> {
    const { client, socket } = this.connection;
    const { query, url } = socket.handshake;
    client.repeatedQuery ??= repeatedIn(url);
    return client.repeatedQuery.size === 0
      ? query
      : { ...query, ...Object.fromEntries(client.repeatedQuery) };
  }

  /** Its path and query, as the client sent them. */
  get url(): string {
    return this.connection.socket.handshake.url;
  }

  /** The client's address; behind a proxy that the application trusts, the one that the proxy forwards. */
  get address(): string {
    return this.connection.runtime.addressOf(this.http) ?? this.connection.socket.handshake.address;
  }

  /** `'polling'` or `'websocket'`: what carries the connection right now. */
  get transport(): string {
    return this.connection.socket.conn.transport.name;
  }

  /** Who the client is: what a middleware set on the HTTP request, or a handler or guard here. */
  get user(): DeclaredUser {
    const { client, socket } = this.connection;
    const holder: object = 'user' in client ? client : socket.request;
    return (holder as { user?: DeclaredUser }).user;
  }

  /** Stays for the connection, in all its namespaces; option `identify` is asked again. */
  set user(user: DeclaredUser) {
    this.connection.client.user = user;
    if (!this.identifies) this.connection.runtime.userChanged(this.connection);
  }

  /**
   * When the connection ends by itself, in all its namespaces: what was set here, or on the HTTP request. A Date or
   * milliseconds since 1970; a time that has passed ends it now, a later one extends it, `undefined` means never.
   * @throws FSK_INVALID_EXPIRY for anything else
   * @see docs/authentication.md#connections-that-expire
   */
  get expiresAt(): Date | number | undefined {
    return this.connection.client.expiresAt;
  }

  set expiresAt(time: Date | number | null | undefined) {
    setExpiry(this.connection, time);
  }

  /** The session of the connection; `session` is the same. */
  get session(): SocketSession {
    if (this.withoutSession !== undefined) throw failure('FSK_SESSION_NOT_USED', this.withoutSession);
    return this.sessionCopy?.seen ?? this.connection.client.session;
  }

  /** A bag for this event; `g` is the same. */
  get globals(): EventGlobals {
    return (this.#globals ??= {});
  }
}

/** What a client passed as `auth`; socket.io makes an empty object of nothing. */
export function authOf({ socket }: Connection): unknown {
  const { auth } = socket.handshake;
  return Object.keys(auth).length > 0 ? auth : undefined;
}

/** The parameters that a URL's query repeats, of which the engine keeps the last. */
function repeatedIn(url: string): ReadonlyMap<string, string[]> {
  const all = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length))) {
    const values = all.get(name);
    if (values) values.push(value);
    else all.set(name, [value]);
  }
  for (const [name, values] of all) if (values.length === 1) all.delete(name);
  return all;
}
