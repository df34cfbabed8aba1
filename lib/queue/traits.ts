/** What a value holds that not every way over a queue brings as it is; traits are added up. */
export const BYTES = 1;
/** What JSON has no word for, and msgpack has: dates, NaN, Infinity. */
export const BEYOND_JSON = 2;
/** What JSON brings over and msgpack does not: halves of a surrogate pair, numbers beyond 64 bits. */
export const FRAGILE = 4;
/** What each serializer makes something else of: `toJSON()`, instances, views on bytes, holes, symbols … */
export const ALIVE = 8;
/** Properties without a value, and functions, of which some serializers say that they are there. */
export const ABSENT = 16;

const BEYOND_64_BITS = 2 ** 63;

/** The traits of a value. */
export function traitsOf(value: unknown): number {
  if (typeof value === 'string') return isFragile(value) ? FRAGILE : 0;
  if (typeof value === 'object') return value === null ? 0 : traitsOfObject(value);
  if (typeof value === 'number') return traitsOfNumber(value);
  return typeof value === 'boolean' ? 0 : ALIVE;
}

function traitsOfNumber(value: number): number {
  if (!Number.isFinite(value)) return BEYOND_JSON;
  return isFragile(value) ? FRAGILE : 0;
}

/** Whether msgpack would make something else of a text or a number. */
export function isFragile(value: string | number): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && Math.abs(value) >= BEYOND_64_BITS;
  return !value.isWellFormed();
}

function traitsOfObject(value: object): number {
  if (Buffer.isBuffer(value)) return BYTES;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return BYTES | ALIVE;
  if (value instanceof Date) return BEYOND_JSON;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return ALIVE;
  return Array.isArray(value) ? traitsOfItems(value) : traitsOfProperties(value);
}

function traitsOfItems(items: readonly unknown[]): number {
  let traits = 0;
  for (const item of items) traits |= traitsOf(item); // a hole is undefined
  return traits;
}

function traitsOfProperties(value: object): number {
  const prototype: unknown = Object.getPrototypeOf(value);
  let traits = prototype === Object.prototype || prototype === null ? 0 : ALIVE;
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined || typeof item === 'function') traits |= ABSENT;
    else traits |= traitsOf(item) | (isFragile(key) ? FRAGILE : 0);
  }
  return traits;
}
