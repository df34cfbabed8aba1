import type { CurrentApp } from './connection.js';
import type { EventGlobals, SocketRequest } from './socket-request.js';
import type { SocketSession } from './socket-session.js';
import { currentRequest } from './storage.js';

/**
 * The request of the event being handled, wherever the code of a handler reaches: `request.sid`, `request.event`,
 * `request.headers` and so on.
 *
 * @throws FSK_NO_CONTEXT where it is used outside of a handler
 * @see docs/getting-started.md#context
 * @example
 * ```ts
 * import { request } from 'nestjs-flask-socket';
 *
 * const who = () => `${request.sid} in ${request.namespace} sent ${request.event.message}`;
 * ```
 */
export const request: SocketRequest = viewOf(() => currentRequest('request'));

/**
 * The session of the connection whose event is being handled. What a handler writes, later handlers of the same
 * connection read, in all its namespaces; HTTP and other connections only with `manageSession: false`.
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
export const session: SocketSession = viewOf(() => currentRequest('session').session);

/**
 * A fresh bag for each event (Flask's `g`).
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
export const g: EventGlobals = viewOf(() => currentRequest('g').globals);

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
export const currentApp: CurrentApp = viewOf(() => currentRequest('currentApp').connection.runtime.app);

/** An object that is, at each use, the one that `current` returns. */
function viewOf<T extends object>(current: () => T): T {
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
