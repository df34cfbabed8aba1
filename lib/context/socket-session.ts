/**
 * The session's keys, to be typed by the application; those that it declares in `SessionData` of `express-session`
 * need not be declared again. Undeclared keys are `unknown`.
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

declare global {
  // where the types of express-session say what they add to requests
  namespace Express {
    // oxlint-disable-next-line typescript/no-empty-object-type -- empty without them
    interface Request {}
  }
}

/** What express-session's own session is made of. */
type ExpressSessionMethods =
  'id' | 'cookie' | 'regenerate' | 'destroy' | 'reload' | 'resetMaxAge' | 'save' | 'touch';

/** The keys that the application has declared in `SessionData` of express-session, if it has. */
export type ExpressSessionData = Express.Request extends { session: infer Session }
  ? Omit<Session, ExpressSessionMethods>
  : object;

/**
 * The session of a connection, injectable in request-scoped providers; `session` is the same object. It is a copy of
 * HTTP's, or HTTP's own: options `session` and `manageSession` decide. Handlers of all namespaces of a connection share
 * it.
 *
 * @see docs/sessions.md
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

export interface SocketSession extends SessionData, ExpressSessionData {}

function copied(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}
