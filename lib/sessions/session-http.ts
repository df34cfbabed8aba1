import type { HttpServer } from '@nestjs/common';
import type { SessionMiddleware } from '../common/session.js';

/** What express-style middlewares put on a request, and Fastify's handlers expect on theirs. */
const SHARED = ['session', 'sessionID', 'sessionStore', 'user'];

/** The methods among it: passport's. They expect the request that they were put on. */
const METHODS = ['logIn', 'login', 'logOut', 'logout', 'isAuthenticated', 'isUnauthenticated'];

interface Fastify {
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: unknown, done: () => void) => void): void;
}

interface FastifyRequest {
  raw: Record<string, unknown>;
  [key: string]: unknown;
}

/** Runs the middlewares for every HTTP request of the application, before its guards, routes and own middlewares. */
export function installForHttp(platform: HttpServer, middlewares: readonly SessionMiddleware[]): void {
  if (middlewares.length === 0) return;
  for (const middleware of middlewares) platform.use(middleware as (...values: unknown[]) => unknown);
  if (platform.getType() === 'fastify') (platform.getInstance() as Fastify).addHook('onRequest', share);
}

/** Fastify runs such middlewares on the raw request: its own request shows what they put there. */
function share(request: FastifyRequest, _reply: unknown, done: () => void): void {
  for (const key of SHARED) {
    if (key in request) continue;
    Object.defineProperty(request, key, {
      get: () => request.raw[key],
      set: (value: unknown) => {
        request.raw[key] = value;
      },
      configurable: true,
      enumerable: true,
    });
  }
  for (const key of METHODS) {
    const method = request.raw[key];
    if (!(key in request) && typeof method === 'function') request[key] = method.bind(request.raw);
  }
  done();
}
