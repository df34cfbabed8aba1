import { AsyncLocalStorage } from 'node:async_hooks';
import { failure } from '../common/errors.js';
import type { SocketRequest } from './socket-request.js';

/** Follows one event through awaits, timers and promises. The only one in the library. */
export const storage = new AsyncLocalStorage<SocketRequest>();

/** The event being handled, or an error that names what was used outside of a handler. */
export function currentRequest(user: string): SocketRequest {
  const request = storage.getStore();
  if (!request) throw failure('FSK_NO_CONTEXT', user);
  return request;
}
