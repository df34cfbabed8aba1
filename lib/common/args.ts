import { MAX_EVENT_NAME, RESERVED_EVENTS } from './constants.js';
import { failure } from './errors.js';
import { printable } from './printable.js';

declare const TUPLE: unique symbol;

/**
 * Several arguments of one event or acknowledgement; made by {@link args}. An array, so that what copies or maps
 * results (`ClassSerializerInterceptor`, for example) does so with each argument, and makes one of these again.
 */
export class Args<T extends readonly unknown[] = readonly unknown[]> extends Array<T[number]> {
  declare readonly [TUPLE]: T;
}

/**
 * Several arguments at once: what a tuple is in Flask-SocketIO. An array stays one argument.
 *
 * @see docs/getting-started.md#sending
 * @see docs/getting-started.md#acknowledgements
 * @example
 * ```ts
 * import { args, emit } from 'nestjs-flask-socket';
 *
 * emit('my response', args('foo', 42)); // the client: socket.on('my response', (text, count) => …)
 * ```
 */
export function args<T extends unknown[]>(...values: T): Args<T> {
  return Args.from(values) as Args<T>;
}

/** The arguments for a value: those of `args(…)`, none for `undefined`, otherwise the value. */
export function toArguments(value: unknown): readonly unknown[] {
  if (value instanceof Args) return value;
  return value === undefined ? [] : [value];
}

/** Turns a result back into `Args`, if an interceptor made a plain array of the handler's `original`. */
export function asArgs(result: unknown, original: Args | undefined): unknown {
  const isCopy = Array.isArray(result) && !(result instanceof Args) && result.length === original?.length;
  return isCopy && !result.includes(original) ? Args.from(result) : result;
}

/** The value of a client's acknowledgement: one value, several as an array, none as `undefined`. */
export function fromArguments(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

/** An event to be sent: its name, then its arguments. */
export type Outgoing = readonly [event: string, ...values: unknown[]];

/** Throws for a function among the values: socket.io would take it for the callback of a broadcast. */
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

/** Emitted by socket.io itself on the server: clients may receive it, but must not send it. */
const ERROR = 'error';

/** Whether a name may be that of an event that goes to clients. */
export function isEventName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_EVENT_NAME && !RESERVED_EVENTS.has(name);
}

/** Whether a name from the wire may reach a handler (promise V2). */
export function isDispatchable(name: unknown): name is string {
  return isEventName(name) && name !== ERROR;
}

/** Returns the name; throws an error with its place if it is invalid. */
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
