/**
 * The session's keys, to be typed by the application. Undeclared keys are `unknown`.
 *
 * @example
 * ```ts
 * import 'nestjs-flask-socket';
 *
 * declare module 'nestjs-flask-socket' {
 *   interface SessionData {
 *     username?: string;
 *   }
 * }
 * ```
 */
export interface SessionData {
  [key: string]: unknown;
}

/**
 * The session of a connection, injectable in request-scoped providers; `session` is the same object. It starts as
 * a copy of what the HTTP middleware put on the request that opened the connection; handlers of all its namespaces
 * share it, HTTP and other connections do not see it.
 *
 * @example
 * ```ts
 * import { Injectable, Scope } from '@nestjs/common';
 * import { SocketSession } from 'nestjs-flask-socket';
 *
 * @Injectable({ scope: Scope.REQUEST })
 * export class Cart {
 *   constructor(private readonly session: SocketSession) {}
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the keys are the application's
export class SocketSession {
  /** A session that starts with a copy of the HTTP session, if there is one. */
  static from(httpSession: unknown): SocketSession {
    const session = new SocketSession();
    if (typeof httpSession !== 'object' || httpSession === null) return session;
    for (const [key, value] of Object.entries(httpSession)) {
      if (key !== 'cookie' && key !== '__proto__' && typeof value !== 'function')
        session[key] = copied(value);
    }
    return session;
  }
}

// oxlint-disable-next-line typescript/no-empty-object-type -- see above
export interface SocketSession extends SessionData {}

function copied(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}
