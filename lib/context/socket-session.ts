import { dropProto } from '../common/prototype-keys.js';

/**
 * The type of the session, for the application to declare. What it declares in `SessionData` of `express-session` is
 * included. Undeclared keys are `unknown`.
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
  // where the types of express-session declare `session`
  namespace Express {
    // oxlint-disable-next-line typescript/no-empty-object-type -- empty without them
    interface Request {}
  }
}

/** The members of express-session's session that are not the application's. */
type ExpressSessionMethods =
  'id' | 'cookie' | 'regenerate' | 'destroy' | 'reload' | 'resetMaxAge' | 'save' | 'touch';

/** The keys that the application has declared in `SessionData` of express-session. */
export type ExpressSessionData = Express.Request extends { session: infer Session }
  ? Omit<Session, ExpressSessionMethods>
  : object;

/**
 * The session of a connection, injectable in request-scoped providers; `session` gives access to it elsewhere. All
 * namespaces of a connection share it. Options `session` and `manageSession` decide whether it is the HTTP session or a
 * copy of it.
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
  /** Creates a session with a copy of the HTTP session's values, if there is one. */
  static from(httpSession: unknown): SocketSession {
    const session = new SocketSession();
    if (typeof httpSession !== 'object' || httpSession === null) return session;
    for (const [key, value] of Object.entries(httpSession)) {
      if (key !== 'cookie' && key !== '__proto__' && typeof value !== 'function')
        session[key] = cloneIfPossible(value);
    }
    dropProto(session);
    return session;
  }
}

export interface SocketSession extends SessionData, ExpressSessionData {}

function cloneIfPossible(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}
