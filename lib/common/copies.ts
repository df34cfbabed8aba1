import { isBoxedPrimitive } from 'node:util/types';
import { failure, type FlaskSocketError } from './errors.js';

/** Where this copy of the package lies. A bundle may not know. */
export const HERE: string = URL.canParse('..', import.meta.url)
  ? decodeURI(new URL('..', import.meta.url).href.replace(/^file:\/\//, ''))
  : 'a bundle';

/** Under this key a copy marks what is its own, so that another one can tell. */
export const COPY = Symbol.for('nestjs-flask-socket copy');

const SERVING = Symbol.for('nestjs-flask-socket serving');

/** By the place of a copy: whether a handler of it is running here. */
type Serving = Map<string, () => boolean>;

/** The copies that serve in this process. They cannot import each other: they have nothing in common but this. */
function serving(): Serving {
  const shared = globalThis as { [SERVING]?: Serving };
  return (shared[SERVING] ??= new Map<string, () => boolean>());
}

/** Lets the other copies know that this one serves, and when one of its handlers is running. */
export function serve(isHandling: () => boolean): void {
  serving().set(HERE, isHandling);
}

/** The place of another copy, if a handler of that one is running. */
export function copyThatHandles(): string | undefined {
  const other = [...serving()].find(([place, isHandling]) => place !== HERE && isHandling());
  return other?.[0];
}

/** The place of another copy that marked a thing as its own. */
export function otherCopyOf(marked: unknown): string | undefined {
  return typeof marked === 'string' && marked !== HERE ? marked : undefined;
}

/** The error of a thing that belongs to another copy. */
export function twoCopies(what: string, place: string): FlaskSocketError {
  return failure('FSK_TWO_COPIES', what, place, HERE);
}

/**
 * A copy of a value as JSON would bring it to a client: `toJSON()` has been called, what JSON leaves out is left out,
 * what it has no word for is null; only bytes stay bytes. Nothing is shared with the original. Throws a RangeError for
 * what is cyclic or too deep, a TypeError for a BigInt.
 */
export function plain(value: unknown, key: string | number = ''): unknown {
  if (isBytes(value)) return copyOfBytes(value);
  const given = jsonOf(value, String(key));
  if (isBytes(given)) return copyOfBytes(given);
  if (typeof given === 'object' && given !== null) return plainObject(given);
  if (typeof given === 'number') return Number.isFinite(given) ? given + 0 : null; // -0 is 0
  if (typeof given === 'bigint') throw new TypeError('a BigInt cannot be sent');
  return typeof given === 'function' || typeof given === 'symbol' ? undefined : given;
}

/** What stands for a value in JSON, by its own account; of an object around a primitive, that. */
function jsonOf(value: unknown, key: string): unknown {
  const { toJSON } = (value ?? {}) as { toJSON?: unknown };
  const given: unknown = typeof toJSON === 'function' ? toJSON.call(value, key) : value;
  return isBoxedPrimitive(given) ? given.valueOf() : given;
}

function plainObject(value: object): object {
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => plain(item, index) ?? null);
  const entries = Object.entries(value).map(([key, item]) => [key, plain(item, key)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

const isBytes = (value: unknown): value is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** The same bytes, which nobody else can change. */
export function copyOfBytes(bytes: ArrayBuffer | ArrayBufferView): Buffer {
  if (!ArrayBuffer.isView(bytes)) return Buffer.from(bytes.slice(0));
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}
