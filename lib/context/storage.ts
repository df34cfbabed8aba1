import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { copyThatHandles, twoCopies } from '../common/copies.js';
import { failure } from '../common/errors.js';
import type { SocketRequest } from './socket-request.js';

/** The request of the current event, through awaits, timers and promises. The library's only AsyncLocalStorage. */
export const storage = new AsyncLocalStorage<SocketRequest>();

/**
 * Calls a function in a new async resource: what it sets with `enterWith()`, in any AsyncLocalStorage, is visible only
 * to it and to what it starts.
 */
export function runInAsyncResource<Argument>(action: (argument: Argument) => void, argument: Argument): void {
  new AsyncResource('FLASKSOCKETEVENT', ASYNC_RESOURCE_OPTIONS).runInAsyncScope(action, undefined, argument);
}

/** Without this option Node emits `destroy` on garbage collection, which costs more than the rest. */
const ASYNC_RESOURCE_OPTIONS = { requireManualDestroy: true };

/** The request of the current event; throws if there is none. `caller` is named in the error. */
export function currentRequest(caller: string): SocketRequest {
  const request = storage.getStore();
  if (request) return request;
  const place = copyThatHandles();
  throw place === undefined
    ? failure('FSK_NO_CONTEXT', caller)
    : twoCopies(`the handler that uses ${caller}`, place);
}
