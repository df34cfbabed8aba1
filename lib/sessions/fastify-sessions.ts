import type { IncomingMessage } from 'node:http';
import { failure } from '../common/errors.js';
import type { SessionInterface } from '../common/session.js';
import { isFromCookie } from './session-source.js';

/** The decorations of a Fastify instance by the session plugins. */
interface Fastify {
  parseCookie?(header: string): Record<string, string | undefined>;
  decryptSession?(cookie: string, request: Restored, done: (error?: Error | null) => void): void;
  decodeSecureSession?(cookie: string, log: undefined, name?: string): { data(): object } | null;
}

/** A session of @fastify/session. */
interface FastifySession {
  sessionId: string;
  save(): Promise<void>;
}

interface Restored {
  headers: IncomingMessage['headers'];
  raw: IncomingMessage;
  session?: FastifySession;
}

/**
 * Sessions of `@fastify/session`, for option `session`; `cookieName` and `cookiePrefix` are those that the plugin was
 * registered with. The plugin stays the application's to register, with `@fastify/cookie`.
 *
 * @example
 * ```ts
 * import { fastifySessions, FlaskSocketModule } from 'nestjs-flask-socket';
 *
 * FlaskSocketModule.forRoot({ session: fastifySessions() });
 * ```
 */
export function fastifySessions({
  cookieName = 'sessionId',
  cookiePrefix = '',
} = {}): SessionInterface<FastifySession> {
  return {
    async open(request, platform) {
      const fastify = platform as Fastify;
      if (!fastify.decryptSession) throw missing('@fastify/session', 'fastifySessions()');
      const cookie = cookieOf(request, fastify, cookieName);
      if (!cookie?.startsWith(cookiePrefix)) return undefined;
      const session = await restored(fastify, request, cookie.slice(cookiePrefix.length));
      return session && isFromCookie(request, session.sessionId) ? session : undefined;
    },
    save: (session) => session.save(),
  };
}

/**
 * Sessions of `@fastify/secure-session`, for option `session`; the names are those that the plugin was registered
 * with. They live in cookies: handlers have a copy as of the connection, and cannot write to HTTP's.
 *
 * @example
 * ```ts
 * import { FlaskSocketModule, secureSessions } from 'nestjs-flask-socket';
 *
 * FlaskSocketModule.forRoot({ session: secureSessions({ cookieName: 'my-session' }) });
 * ```
 */
export function secureSessions({
  sessionName,
  cookieName = sessionName ?? 'session',
}: { sessionName?: string; cookieName?: string } = {}): SessionInterface {
  return {
    open(request, platform) {
      const fastify = platform as Fastify;
      if (!fastify.decodeSecureSession) throw missing('@fastify/secure-session', 'secureSessions()');
      const cookie = cookieOf(request, fastify, cookieName);
      return cookie ? fastify.decodeSecureSession(cookie, undefined, sessionName)?.data() : undefined;
    },
  };
}

function cookieOf({ headers }: IncomingMessage, fastify: Fastify, name: string): string | undefined {
  if (!fastify.parseCookie) throw missing('@fastify/cookie', 'option "session"');
  return fastify.parseCookie(headers.cookie ?? '')[name];
}

/** Decrypts the cookie with the plugin, which makes a new session if the cookie belongs to none. */
async function restored(
  fastify: Fastify,
  raw: IncomingMessage,
  cookie: string,
): Promise<FastifySession | undefined> {
  const request: Restored = { headers: raw.headers, raw };
  await new Promise<void>((resolve, reject) => {
    fastify.decryptSession?.(cookie, request, (error) => (error ? reject(error) : resolve()));
  });
  return request.session;
}

const missing = (plugin: string, made: string) => failure('FSK_SESSION_PLUGIN_MISSING', plugin, made);
