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

/** What goes on the wire for a value: `args(…)` spread, `undefined` nothing, anything else itself. */
export function toArguments(value: unknown): readonly unknown[] {
  if (value instanceof Args) return value;
  return value === undefined ? [] : [value];
}

/** The result of a handler that returned `original`, after somebody made a plain array of it: still as many arguments. */
export function asArgs(result: unknown, original: Args | undefined): unknown {
  const isCopy = Array.isArray(result) && !(result instanceof Args) && result.length === original?.length;
  return isCopy && !result.includes(original) ? Args.from(result) : result;
}

/** The reverse, for what a client answered: one value, several as an array, none as `undefined`. */
export function fromArguments(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}
