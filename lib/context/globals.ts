import type { CurrentApp } from './connection.js';
import type { EventGlobals, SocketRequest } from './socket-request.js';
import type { SocketSession } from './socket-session.js';
import { currentRequest } from './storage.js';

/**
 * The request of the event being handled: `request.sid`, `request.event`, `request.headers` and so on. It works in all
 * code that a handler calls, also after an `await`.
 *
 * @throws FSK_NO_CONTEXT outside of a handler
 * @see docs/getting-started.md#context
 * @example
 * ```ts
 * import { request } from 'nestjs-flask-socket';
 *
 * const who = () => `${request.sid} in ${request.namespace} sent ${request.event.message}`;
 * ```
 */
export const request: SocketRequest = lazyProxy(() => currentRequest('request'));

/**
 * The session of the connection whose event is being handled. Later handlers of the connection, in all its namespaces,
 * read what a handler writes; HTTP requests and other connections do so only with `manageSession: false`.
 *
 * @throws FSK_NO_CONTEXT outside of a handler
 * @throws FSK_SESSION_NOT_USED in a handler with `session: false`
 * @see docs/sessions.md
 * @example
 * ```ts
 * import { OnEvent, session, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class NameGateway {
 *   @OnEvent('set name')
 *   setName(name: string) {
 *     session.username = name;
 *   }
 * }
 * ```
 */
export const session: SocketSession = lazyProxy(() => currentRequest('session').session);

/**
 * An object for the application's own values, new for each event (Flask's `g`).
 *
 * @throws FSK_NO_CONTEXT outside of a handler
 * @see docs/getting-started.md#context
 * @example
 * ```ts
 * import { g } from 'nestjs-flask-socket';
 *
 * const start = () => (g.startedAt = Date.now());
 * ```
 */
export const g: EventGlobals = lazyProxy(() => currentRequest('g').globals);

/**
 * The application whose handler runs: `currentApp.get(Service)` resolves a provider.
 *
 * @throws FSK_NO_CONTEXT outside of a handler
 * @see docs/getting-started.md#context
 * @example
 * ```ts
 * import { currentApp, SocketIO } from 'nestjs-flask-socket';
 *
 * const everywhere = () => currentApp.get(SocketIO).emit('hello');
 * ```
 */
export const currentApp: CurrentApp = lazyProxy(() => currentRequest('currentApp').connection.runtime.app);

/** A proxy that passes each access to the object that `current` returns at that moment. */
function lazyProxy<T extends object>(current: () => T): T {
  return new Proxy({} as T, {
    get: (_, key) => Reflect.get(current(), key),
    set: (_, key, value) => Reflect.set(current(), key, value),
    has: (_, key) => Reflect.has(current(), key),
    deleteProperty: (_, key) => Reflect.deleteProperty(current(), key),
    defineProperty: (_, key, descriptor) => Reflect.defineProperty(current(), key, descriptor),
    ownKeys: () => Reflect.ownKeys(current()),
    getPrototypeOf: () => Reflect.getPrototypeOf(current()),
    getOwnPropertyDescriptor: (_, key) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(current(), key);
      return descriptor && { ...descriptor, configurable: true };
    },
  });
}
