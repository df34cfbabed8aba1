import { isBoxedPrimitive } from 'node:util/types';
import { failure, type FlaskSocketError } from './errors.js';

/** The folder of this copy of the package; unknown in a bundle. */
export const HERE: string = URL.canParse('..', import.meta.url)
  ? decodeURI(new URL('..', import.meta.url).href.replace(/^file:\/\//, ''))
  : 'a bundle';

/** The key under which a copy marks its own objects, so that another copy can recognize them. */
export const COPY = Symbol.for('nestjs-flask-socket copy');

const SERVING = Symbol.for('nestjs-flask-socket serving');

/** For each copy, by its folder: whether one of its handlers is running. */
type Serving = Map<string, () => boolean>;

/** The copies in use in this process. They cannot import each other, so `globalThis` holds the list. */
function serving(): Serving {
  const shared = globalThis as { [SERVING]?: Serving };
  return (shared[SERVING] ??= new Map<string, () => boolean>());
}

/** Adds this copy to the list. */
export function serve(isHandling: () => boolean): void {
  serving().set(HERE, isHandling);
}

/** The folder of another copy, if one of its handlers is running. */
export function copyThatHandles(): string | undefined {
  const other = [...serving()].find(([place, isHandling]) => place !== HERE && isHandling());
  return other?.[0];
}

/** The folder of the other copy that marked an object as its own. */
export function otherCopyOf(marked: unknown): string | undefined {
  return typeof marked === 'string' && marked !== HERE ? marked : undefined;
}

/** The error for an object of another copy. */
export function twoCopies(what: string, place: string): FlaskSocketError {
  return failure('FSK_TWO_COPIES', what, place, HERE);
}

/**
 * A deep copy of a value as JSON would encode it: `toJSON()` is called, functions and the like are left out, NaN is
 * null; but bytes stay bytes. Throws a RangeError for a value that is cyclic or too deep, a TypeError for a BigInt.
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

/** The result of `toJSON()`, if there is one; a boxed primitive is unboxed. */
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

/** A copy of bytes that shares no memory with the original. */
export function copyOfBytes(bytes: ArrayBuffer | ArrayBufferView): Buffer {
  if (!ArrayBuffer.isView(bytes)) return Buffer.from(bytes.slice(0));
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}
