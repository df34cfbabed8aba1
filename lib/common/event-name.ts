import { MAX_EVENT_NAME, RESERVED_EVENTS } from './constants.js';
import { failure } from './errors.js';

/** Whether a name from the wire may reach a handler (promise V2). */
export function isDispatchable(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_EVENT_NAME && !RESERVED_EVENTS.has(name);
}

/** The name as given, or an error that says where it stands. */
export function checkEventName(name: unknown, place: string): string {
  if (typeof name !== 'string' || name === '' || name.length > MAX_EVENT_NAME) {
    throw failure('FSK_INVALID_EVENT', place);
  }
  if (RESERVED_EVENTS.has(name)) throw failure('FSK_RESERVED_EVENT', name, place);
  return name;
}
