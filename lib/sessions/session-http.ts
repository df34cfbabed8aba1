import { type IncomingMessage, ServerResponse } from 'node:http';
import type { HttpServer } from '@nestjs/common';
import { type SessionMiddleware, sessionMiddlewares, type SessionOption } from '../common/session.js';
import type { SessionWatcher } from '../context/session-copy.js';
import { runMiddlewares } from '../socketio/middlewares.js';

/** The properties that express-style middlewares set on a request, copied to Fastify's request. */
const PROPERTIES = ['session', 'sessionID', 'sessionStore', 'user'];

/** passport's methods. They must be called on the request on which they were set. */
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
  if (platform.getType() === 'fastify') (platform.getInstance() as Fastify).addHook('onRequest', mirror);
}

/** Fastify runs express-style middlewares on the raw request: makes their properties visible on its own. */
function mirror(request: FastifyRequest, _reply: unknown, done: () => void): void {
  for (const key of PROPERTIES) {
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

type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: Error) => void,
) => unknown;

/** A middleware responded to the handshake instead of calling `next`: the client is refused. */
export class AnsweredByMiddleware extends Error {
  override readonly name = 'AnsweredByMiddleware';
}

/**
 * Runs the middlewares of option `session` on a handshake. Their response is discarded: a handshake starts no session
 * and sets no cookie. Rejects if a middleware throws, passes an error to `next`, or responds.
 */
export function runOnHandshake(option: SessionOption | undefined, request: IncomingMessage): Promise<void> {
  const middlewares = sessionMiddlewares(option) as readonly ExpressMiddleware[];
  return new Promise((resolve, reject) => {
    const response = responseTo(request, reject);
    runMiddlewares(
      middlewares.map((middleware) => (next) => middleware(request, response, next)),
      { failed: asError, done: (error) => (error ? reject(error) : resolve()) },
    );
  });
}

function responseTo(request: IncomingMessage, answered: (error: Error) => void): ServerResponse {
  const response = new ServerResponse(request);
  response.end = function end() {
    answered(new AnsweredByMiddleware(`A session middleware answered with ${response.statusCode}`));
    return response;
  };
  return response;
}

const asError = (thrown: unknown) =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });

/** Is called for a write after the handler has ended, which is not saved: with the handler's place and the key. */
export type LateWrite = (place: string, key: PropertyKey) => void;

/**
 * Reports writes to the session of an event after its handler has ended: they are not saved. Objects that the handler
 * read from the session while it ran (`const { cart } = session`) are not watched.
 */
export class LateWrites implements SessionWatcher {
  #place: string | undefined;

  constructor(private readonly report: LateWrite) {}

  /** From now on writes are late. */
  end(place: string): void {
    this.#place = place;
  }

  get(target: object, key: PropertyKey): unknown {
    const value: unknown = Reflect.get(target, key);
    return this.#place !== undefined && isPlain(value) ? new Proxy(value, this) : value;
  }

  set(target: object, key: PropertyKey, value: unknown): boolean {
    this.#noteWrite(key);
    return Reflect.set(target, key, value);
  }

  deleteProperty(target: object, key: PropertyKey): boolean {
    this.#noteWrite(key);
    return Reflect.deleteProperty(target, key);
  }

  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    this.#noteWrite(key);
    return Reflect.defineProperty(target, key, descriptor);
  }

  #noteWrite(key: PropertyKey): void {
    if (this.#place !== undefined) this.report(this.#place, key);
  }
}

/** A plain object or array: a Date or a Map does not work behind a proxy. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}
