import { isAnyArrayBuffer, isDate } from 'node:util/types';

/*
 * A key "__proto__" in data is harmless until code of the application copies it: `target[key] = value` replaces the
 * prototype of the target, and a recursive merge writes into `Object.prototype`. So it never gets that far.
 */

const PROTO = '__proto__';

/** How the key may be written in JSON without standing there as it is: all its characters are ASCII. */
const ESCAPED = String.raw`\u00`;

/** Whether data that is not decoded yet may hold a key `__proto__`, as JSON or as msgpack. */
export function mayHoldProto(data: unknown): boolean {
  const isSearchable = typeof data === 'string' || Buffer.isBuffer(data);
  return isSearchable && (data.includes(PROTO) || data.includes(ESCAPED));
}

/** Removes each key `__proto__` from data, however deep, in place; returns whether there was one. */
export function dropProto(data: unknown): boolean {
  let isDropped = false;
  visitObjects(data, (object) => {
    if (Object.hasOwn(object, PROTO)) isDropped = Reflect.deleteProperty(object, PROTO) || isDropped;
  });
  return isDropped;
}

/** notepack.io makes the value of a key `__proto__` the prototype of its object. This makes it a key, as in JSON. */
export function protoAsKey(data: unknown): void {
  visitObjects(data, (object) => {
    const value: unknown = Object.getPrototypeOf(object);
    if (value === Object.prototype) return;
    Object.setPrototypeOf(object, Object.prototype);
    if (!Object.hasOwn(object, PROTO))
      Object.defineProperty(object, PROTO, { value, configurable: true, enumerable: true, writable: true });
  });
}

/** Visits the objects in data that are neither lists nor bytes, each before those in it; needs no stack. */
function visitObjects(data: unknown, visit: (object: object) => void): void {
  const seen = new Set<object>();
  const left: unknown[] = [data];
  while (left.length > 0) {
    const value = left.pop();
    if (!isContainer(value) || seen.has(value)) continue;
    seen.add(value);
    if (!Array.isArray(value)) visit(value);
    for (const item of Object.values(value) as unknown[]) left.push(item);
  }
}

function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return !ArrayBuffer.isView(value) && !isAnyArrayBuffer(value) && !isDate(value);
}
