import { toArguments } from './args.js';
import { failure } from './errors.js';
import { checkEventName } from './event-name.js';
import { printable } from './printable.js';

/** An event ready to go: the name, then its arguments. */
export type Outgoing = readonly [event: string, ...values: unknown[]];

/** A function among the values is refused: socket.io would take it for the callback of a broadcast. */
export function outgoingOf({ event, data }: { event: string; data?: unknown }, place: string): Outgoing {
  const values = toArguments(data);
  if (values.some((value) => typeof value === 'function'))
    throw failure('FSK_NOT_SERIALIZABLE', printable(event));
  return [checkEventName(event, place), ...values];
}

/** The event that carries an unnamed message. */
export function unnamedEvent({ json }: { json?: boolean }): string {
  return json ? 'json' : 'message';
}
