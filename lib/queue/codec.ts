import { createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import { plain } from '../common/copies.js';
import { checkLengths } from '../common/payload.js';
import { dropProto, mayHoldProto, protoAsKey } from '../common/prototype-keys.js';

interface Codec {
  encode(value: unknown): Buffer;
  decode(bytes: Buffer): unknown;
}

const notepack = createRequire(import.meta.url)('notepack.io') as Codec; // it comes without types

/** msgpack as socket.io's own adapters write it. Every value that JSON can encode survives. */
export const msgpack: Codec = {
  encode: (value) => pack(...withTraits(value)),
  decode: (bytes) => {
    checkLengths(bytes);
    const message = notepack.decode(bytes);
    if (mayHoldProto(bytes)) protoAsKey(message);
    return withoutRepairs(message);
  },
};

const BRACE = 0x7b;

/** Encodes as JSON, which is fastest, or as msgpack if JSON would lose something. */
export function encode(message: object): Buffer {
  const [value, traits] = withTraits(message);
  return (traits & (BYTES | BEYOND_JSON)) === 0 ? Buffer.from(JSON.stringify(value)) : pack(value, traits);
}

/** A value and its traits, after `toJSON()` and the like. */
function withTraits(value: unknown): [value: unknown, traits: number] {
  const traits = traitsOf(value);
  if ((traits & NOT_PLAIN) === 0) return [value, traits];
  const copy = plain(value);
  return [copy, traitsOf(copy)];
}

function pack(value: unknown, traits: number): Buffer {
  return notepack.encode((traits & BEYOND_MSGPACK) === 0 ? value : withRepairs(value));
}

/** Decodes what `encode` has made; throws for anything else. */
export function decode(payload: Buffer): unknown {
  return payload[0] === BRACE ? JSON.parse(payload.toString()) : msgpack.decode(payload);
}

const FIRST_OF_MSGPACK = 0x80;

/**
 * A message, JSON or msgpack, without keys `__proto__`, which the adapters of socket.io would take. Throws if it is
 * malformed.
 */
export function withoutProto(payload: Buffer): Buffer {
  const [first = 0] = payload;
  if ((first !== BRACE && first < FIRST_OF_MSGPACK) || !mayHoldProto(payload)) return payload;
  const message = decode(payload);
  if (!dropProto(message)) return payload;
  return first === BRACE ? Buffer.from(JSON.stringify(message)) : msgpack.encode(message);
}

/** Whether there are bytes anywhere in a value as JSON sees it. */
export function hasBytes(value: unknown): boolean {
  return (withTraits(value)[1] & BYTES) !== 0;
}

/** The property with the repairs of a message; of an array, in an additional item. */
const REPAIRS = '~repairs';

type Leaf = string | number;

/** The JSON of a leaf that msgpack would change, and its position. */
type Repair = readonly [place: number, json: string];

/**
 * Replaces the leaves that msgpack would change, and adds them as JSON. Other Socket.IO servers on the same queue, which
 * ignore the repairs, get the replacements.
 */
export function withRepairs(message: unknown): unknown {
  const repairs: Repair[] = [];
  const whole = mapLeaves(message, (leaf, { place, isKey }) => {
    if (!isBeyondMsgpack(leaf)) return leaf;
    repairs.push([place, JSON.stringify(leaf)]);
    const replacement = typeof leaf === 'number' ? 0 : leaf.toWellFormed();
    return isKey ? `${replacement}${place}` : replacement; // keys stay different
  });
  return Array.isArray(whole)
    ? [...whole, { [REPAIRS]: repairs }]
    : { ...(whole as object), [REPAIRS]: repairs };
}

/** Applies the repairs of a message. Throws if they are malformed. */
export function withoutRepairs(message: unknown): unknown {
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

/** A copy with `map` applied to each text, key and number; `place` counts them. */
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

/** Traits of a value that some encoding does not preserve; they are combined with `|`. */
export const BYTES = 1;
/** Preserved by msgpack, not by JSON: dates, NaN, Infinity. */
export const BEYOND_JSON = 2;
/** Preserved by JSON, not by msgpack: lone surrogates, numbers beyond 64 bits. */
export const BEYOND_MSGPACK = 4;
/** Encoded differently by each serializer: `toJSON()`, class instances, typed arrays, holes, symbols … */
export const NOT_PLAIN = 8;
/** Properties that are undefined or functions, which some serializers write and others leave out. */
export const ABSENT = 16;

const BEYOND_64_BITS = 2 ** 63;

/** The traits of a value. */
export function traitsOf(value: unknown): number {
  if (typeof value === 'string') return isBeyondMsgpack(value) ? BEYOND_MSGPACK : 0;
  if (typeof value === 'object') return value === null ? 0 : traitsOfObject(value);
  if (typeof value === 'number') return traitsOfNumber(value);
  return typeof value === 'boolean' ? 0 : NOT_PLAIN;
}

function traitsOfNumber(value: number): number {
  if (!Number.isFinite(value)) return BEYOND_JSON;
  return isBeyondMsgpack(value) ? BEYOND_MSGPACK : 0;
}

/** Whether msgpack would change a text or a number. */
export function isBeyondMsgpack(value: string | number): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && Math.abs(value) >= BEYOND_64_BITS;
  return !value.isWellFormed();
}

function traitsOfObject(value: object): number {
  if (Buffer.isBuffer(value)) return BYTES;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return BYTES | NOT_PLAIN;
  if (value instanceof Date) return BEYOND_JSON;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return NOT_PLAIN;
  return Array.isArray(value) ? traitsOfItems(value) : traitsOfProperties(value);
}

function traitsOfItems(items: readonly unknown[]): number {
  let traits = 0;
  for (const item of items) traits |= traitsOf(item); // a hole is undefined
  return traits;
}

function traitsOfProperties(value: object): number {
  const prototype: unknown = Object.getPrototypeOf(value);
  let traits = prototype === Object.prototype || prototype === null ? 0 : NOT_PLAIN;
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined || typeof item === 'function') traits |= ABSENT;
    else traits |= traitsOf(item) | (isBeyondMsgpack(key) ? BEYOND_MSGPACK : 0);
  }
  return traits;
}

const LENGTH = 16;

/** Puts a signature, valid for one topic, before a payload. Without a secret, returns the payload. */
export function sign(secret: string | undefined, topic: string, payload: Buffer): Buffer {
  return secret === undefined ? payload : Buffer.concat([signature(secret, topic, payload), payload]);
}

/** The payload without its signature, or `undefined` if the signature is wrong. */
export function verify(secret: string | undefined, topic: string, signed: Buffer): Buffer | undefined {
  if (secret === undefined) return signed;
  if (signed.length < LENGTH) return undefined;
  const payload = signed.subarray(LENGTH);
  const isValid = timingSafeEqual(signature(secret, topic, payload), signed.subarray(0, LENGTH));
  return isValid ? payload : undefined;
}

/** HMAC-SHA-256 of topic and payload, cut to 128 bits. */
function signature(secret: string, topic: string, payload: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${topic}\0`).update(payload).digest().subarray(0, LENGTH);
}
