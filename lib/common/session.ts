import type { IncomingMessage } from 'node:http';

/** An Express-style middleware, `(request, response, next)`; that of express-session, cookie-session or passport. */
export type SessionMiddleware = (request: never, response: never, next: never) => unknown;

/**
 * Sessions that no Express-style middleware brings: how they are opened and saved (Flask's session interface). One
 * without `save` has no store on the server: its sessions are read once for a connection.
 *
 * @example
 * ```ts
 * import { FlaskSocketModule, type SessionInterface } from 'nestjs-flask-socket';
 *
 * const store = new Map<string, { id: string; username?: string }>();
 * const sessions: SessionInterface<{ id: string; username?: string }> = {
 *   open: (request) => store.get(String(request.headers['x-session-id'])),
 *   save: (session) => void store.set(session.id, session),
 * };
 *
 * FlaskSocketModule.forRoot({ session: sessions });
 * ```
 */
export interface SessionInterface<T extends object = object> {
  /**
   * The session of the client that sent `request`, its handshake; nothing if it has none, or if it has ended.
   * `platform` is the HTTP framework's application: of Express, of Fastify.
   */
  open(request: IncomingMessage, platform: unknown): T | null | undefined | PromiseLike<T | null | undefined>;
  /** Saves a session that `open()` returned a moment ago, changed since. */
  save?(session: T, request: IncomingMessage): unknown;
}

/** What option `session` takes. */
export type SessionOption = SessionMiddleware | readonly SessionMiddleware[] | SessionInterface;

/** The middlewares of the option; none where it is a `SessionInterface`. */
export function sessionMiddlewares(option: SessionOption | undefined): readonly SessionMiddleware[] {
  if (typeof option === 'function') return [option];
  return Array.isArray(option) ? (option as readonly SessionMiddleware[]) : [];
}

/** The interface of the option, if it is one. */
export function sessionInterface(option: SessionOption | undefined): SessionInterface | undefined {
  return typeof option === 'object' && 'open' in option ? option : undefined;
}
