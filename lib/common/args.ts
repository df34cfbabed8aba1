/** Several arguments of one event or acknowledgement; made by {@link args}. */
export class Args<T extends readonly unknown[] = readonly unknown[]> {
  constructor(readonly values: T) {}
}

/**
 * Several arguments at once: what a tuple is in Flask-SocketIO. An array stays one argument.
 * Source: promises E5 and V6.
 *
 * @example
 * ```ts
 * import { args, emit } from 'nestjs-flask-socket';
 *
 * emit('my response', args('foo', 42)); // the client: socket.on('my response', (text, count) => …)
 * ```
 */
export function args<T extends unknown[]>(...values: T): Args<T> {
  return new Args(values);
}

/** What goes on the wire for a value: `args(…)` spread, `undefined` nothing, anything else itself. */
export function toArguments(value: unknown): readonly unknown[] {
  if (value instanceof Args) return value.values;
  return value === undefined ? [] : [value];
}

/** The reverse, for what a client answered: one value, several as an array, none as `undefined`. */
export function fromArguments(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

/**
 * What came of `original` on its way through interceptors: still as many arguments, where one has made a copy of them.
 * A serializer's copy is no instance of our class.
 */
export function keepArguments(original: unknown, result: unknown): unknown {
  if (!(original instanceof Args) || result instanceof Args) return result;
  const values = (result as { values?: unknown } | null | undefined)?.values;
  return Array.isArray(values) && values.length === original.values.length ? new Args(values) : result;
}
