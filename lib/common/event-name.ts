import { MAX_EVENT_NAME, RESERVED_EVENTS } from './constants.js';
import { failure } from './errors.js';

/** What socket.io's own listeners hear of, on the server: a client may be sent it, but must not send it. */
const ERROR = 'error';

/** Whether a name may be that of an event that goes to clients. */
export function isEventName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_EVENT_NAME && !RESERVED_EVENTS.has(name);
}

/** Whether a name from the wire may reach a handler (promise V2). */
export function isDispatchable(name: unknown): name is string {
  return isEventName(name) && name !== ERROR;
}

/** The name as given, or an error that says where it stands. */
export function checkEventName(name: unknown, place: string): string {
  if (typeof name !== 'string' || name === '' || name.length > MAX_EVENT_NAME) {
    throw failure('FSK_INVALID_EVENT', place);
  }
  if (RESERVED_EVENTS.has(name)) throw failure('FSK_RESERVED_EVENT', name, place);
  return name;
}

/** The same, for an event that is to be handled. */
export function checkHandledEvent(name: unknown, place: string): string {
  if (name === ERROR) throw failure('FSK_RESERVED_EVENT', ERROR, place);
  return checkEventName(name, place);
}
