import { createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import { plain } from '../common/copies.js';
import { checkLengths } from '../common/payload.js';

interface Codec {
  encode(value: unknown): Buffer;
  decode(bytes: Buffer): unknown;
}

const notepack = createRequire(import.meta.url)('notepack.io') as Codec; // it comes without types

/** msgpack as socket.io's own adapters speak it, of whatever is in a value. */
export const msgpack: Codec = {
  encode: (value) => pack(...settled(value)),
  decode: (bytes) => {
    checkLengths(bytes);
    return repaired(notepack.decode(bytes));
  },
};

const BRACE = 0x7b;

/** JSON, which is fastest; msgpack where there is what JSON would lose. */
export function encode(message: object): Buffer {
  const [value, traits] = settled(message);
  return (traits & (BYTES | BEYOND_JSON)) === 0 ? Buffer.from(JSON.stringify(value)) : pack(value, traits);
}

/** A value and its traits, when it has been asked what it wants to be. */
function settled(value: unknown): [value: unknown, traits: number] {
  const traits = traitsOf(value);
  if ((traits & ALIVE) === 0) return [value, traits];
  const dead = plain(value);
  return [dead, traitsOf(dead)];
}

function pack(value: unknown, traits: number): Buffer {
  return notepack.encode((traits & FRAGILE) === 0 ? value : withRepairs(value));
}

/** What was encoded; throws for what was not. */
export function decode(payload: Buffer): unknown {
  return payload[0] === BRACE ? JSON.parse(payload.toString()) : msgpack.decode(payload);
}

/** Whether there are bytes anywhere in a value as JSON sees it. */
export function hasBytes(value: unknown): boolean {
  return (settled(value)[1] & BYTES) !== 0;
}

/** Where the repairs of a message are: in it, or in one more item of a list. */
const REPAIRS = '~repairs';

type Leaf = string | number;

/** Which leaf of a message is another one, as JSON. */
type Repair = readonly [place: number, json: string];

/**
 * The same message without what msgpack would break, which travels beside it: those who know of no repairs (other
 * servers of Socket.IO on the same queue) get the rest.
 */
export function withRepairs(message: unknown): unknown {
  const repairs: Repair[] = [];
  const whole = mapLeaves(message, (leaf, { place, isKey }) => {
    if (!isFragile(leaf)) return leaf;
    repairs.push([place, JSON.stringify(leaf)]);
    const poor = typeof leaf === 'number' ? 0 : leaf.toWellFormed();
    return isKey ? `${poor}${place}` : poor; // keys stay different
  });
  return Array.isArray(whole)
    ? [...whole, { [REPAIRS]: repairs }]
    : { ...(whole as object), [REPAIRS]: repairs };
}

/** The message that was mended. Throws for repairs that are none. */
export function repaired(message: unknown): unknown {
  const holder: unknown = Array.isArray(message) ? message.at(-1) : message;
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, REPAIRS)) return message;
  const { [REPAIRS]: repairs, ...rest } = holder as { [REPAIRS]: unknown };
  const leaves = new Map((repairs as Repair[]).map(([place, json]) => [place, leafOf(json)]));
  const whole = Array.isArray(message) ? message.slice(0, -1) : rest;
  return mapLeaves(whole, (leaf, { place }) => leaves.get(place) ?? leaf);
}

function leafOf(json: string): Leaf {
  const leaf: unknown = JSON.parse(json);
  if (typeof leaf !== 'string' && typeof leaf !== 'number') throw new TypeError('repairs are malformed');
  return leaf;
}

/** A copy in which each text, key and number is what `map` makes of it; they are counted in their order. */
function mapLeaves(
  message: unknown,
  map: (leaf: Leaf, at: { place: number; isKey: boolean }) => Leaf,
): unknown {
  let place = 0;
  const copy = (value: unknown): unknown => {
    if (typeof value === 'string' || typeof value === 'number')
      return map(value, { place: place++, isKey: false });
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date)
      return value;
    const entries = Object.entries(value).filter(
      ([, item]) => item !== undefined && typeof item !== 'function',
    );
    return Object.fromEntries(
      entries.map(([key, item]) => [map(key, { place: place++, isKey: true }), copy(item)]),
    );
  };
  return copy(message);
}

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

const LENGTH = 16;

/** Puts a signature before a payload; it holds for this topic only. Without a secret the payload as it is. */
export function seal(secret: string | undefined, topic: string, payload: Buffer): Buffer {
  return secret === undefined ? payload : Buffer.concat([signature(secret, topic, payload), payload]);
}

/** The payload, or nothing if the signature is not ours. */
export function unseal(secret: string | undefined, topic: string, sealed: Buffer): Buffer | undefined {
  if (secret === undefined) return sealed;
  if (sealed.length < LENGTH) return undefined;
  const payload = sealed.subarray(LENGTH);
  const isOurs = timingSafeEqual(signature(secret, topic, payload), sealed.subarray(0, LENGTH));
  return isOurs ? payload : undefined;
}

/** HMAC-SHA-256 of topic and payload, cut to 128 bits. */
function signature(secret: string, topic: string, payload: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${topic}\0`).update(payload).digest().subarray(0, LENGTH);
}
