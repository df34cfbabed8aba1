import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { copyThatHandles, twoCopies } from '../common/copies.js';
import { failure } from '../common/errors.js';
import type { SocketRequest } from './socket-request.js';

/** Follows one event through awaits, timers and promises. The only one in the library. */
export const storage = new AsyncLocalStorage<SocketRequest>();

/**
 * Calls a function in an async resource of its own: what it writes with `enterWith()`, into whichever AsyncLocalStorage,
 * ends with it and what it has started.
 */
export function inOwnResource<Argument>(action: (argument: Argument) => void, argument: Argument): void {
  new AsyncResource('FLASKSOCKETEVENT', MANUAL).runInAsyncScope(action, undefined, argument);
}

/** Nobody is told when such a resource is collected: telling costs more than all else about it. */
const MANUAL = { requireManualDestroy: true };

/** The event being handled, or an error that names what was used outside of a handler. */
export function currentRequest(user: string): SocketRequest {
  const request = storage.getStore();
  if (request) return request;
  const place = copyThatHandles();
  throw place === undefined
    ? failure('FSK_NO_CONTEXT', user)
    : twoCopies(`the handler that uses ${user}`, place);
}
