import { LIMIT_DEFAULTS, type ResolvedLimits } from './limits.js';

/** How many arguments one packet may have. */
export const PAYLOAD_ARGUMENTS = 1_000;

/** The limits of the data of one packet: how deep it may be nested, how many keys and items it may have. */
export type PayloadLimits = Pick<ResolvedLimits, 'payloadDepth' | 'payloadKeys'>;

/** Why data is not taken: the error for the client, and the limit that the data exceeds, if it is an option. */
export interface PayloadProblem {
  readonly message: string;
  readonly limit?: keyof PayloadLimits;
}

const TOO_DEEP: PayloadProblem = { message: 'The data is nested too deeply', limit: 'payloadDepth' };
const TOO_MANY_KEYS: PayloadProblem = {
  message: 'The data has too many keys and items',
  limit: 'payloadKeys',
};
const TOO_MANY_ARGUMENTS: PayloadProblem = { message: 'Too many arguments' };

/**
 * The problem of a packet's data (an event's name and arguments, or the values of an acknowledgement), if it exceeds a
 * limit. Walks level by level, so it needs no stack and stops at the limit.
 */
export function payloadProblem(
  values: readonly unknown[],
  { payloadDepth, payloadKeys }: PayloadLimits = LIMIT_DEFAULTS,
): PayloadProblem | undefined {
  if (values.length > PAYLOAD_ARGUMENTS + 1) return TOO_MANY_ARGUMENTS;
  if (payloadDepth === Infinity && payloadKeys === Infinity) return undefined;
  let left = payloadKeys;
  let level: object[] = [values];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > payloadDepth) return TOO_DEEP;
    const below: object[] = [];
    for (const container of level) left -= countEntries(container, below, left);
    if (left < 0) return TOO_MANY_KEYS;
    level = below;
  }
  return undefined;
}

/** Counts keys or items until they exceed `most`; adds nested objects to `below`. */
function countEntries(container: object, below: object[], most: number): number {
  if (most < 0) return 0;
  if (Array.isArray(container)) return countItems(container, below, most);
  let count = 0;
  for (const key in container) {
    if (++count > most) return count;
    add((container as Record<string, unknown>)[key], below);
  }
  return count;
}

function countItems(items: readonly unknown[], below: object[], most: number): number {
  if (items.length > most) return items.length;
  for (const item of items) add(item, below);
  return items.length;
}

function add(value: unknown, below: object[]): void {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) below.push(value);
}

/** What follows a msgpack prefix from 0xc0 to 0xdf: the bytes of the length, its unit, and additional bytes. */
type Header = readonly [lengthBytes: number, unit: 'bytes' | 'items' | 'pairs', extra: number];

const fixed = (bytes: number): Header => [0, 'bytes', bytes];
const HEADERS: readonly Header[] = [
  fixed(0), fixed(0), fixed(0), fixed(0), // nil, (unused), false, true
  [1, 'bytes', 0], [2, 'bytes', 0], [4, 'bytes', 0], // bin
  [1, 'bytes', 1], [2, 'bytes', 1], [4, 'bytes', 1], // ext, with its type
  fixed(4), fixed(8), // float
  fixed(1), fixed(2), fixed(4), fixed(8), fixed(1), fixed(2), fixed(4), fixed(8), // uint, int
  fixed(2), fixed(3), fixed(5), fixed(9), fixed(17), // fixext, with its type
  [1, 'bytes', 0], [2, 'bytes', 0], [4, 'bytes', 0], // str
  [2, 'items', 0], [4, 'items', 0], // array
  [2, 'pairs', 0], [4, 'pairs', 0], // map
]; // prettier-ignore

const EXT_8 = 0xc7;
const TIMESTAMP = 0xff;
const TIMESTAMP_BYTES = 12;

/**
 * Throws if msgpack headers announce more than the bytes can hold. notepack.io allocates an array or a buffer of the
 * announced length before it reads: 300 bytes of headers would cost gigabytes.
 */
export function checkLengths(bytes: Buffer): void {
  const cursor: Cursor = { bytes, offset: 0, expected: 1 };
  while (cursor.expected > 0) {
    if (cursor.expected > bytes.length - cursor.offset) throw missing();
    cursor.expected--;
    skip(cursor);
  }
  if (cursor.offset > bytes.length) throw missing();
}

/** A position in the bytes, and the number of values that must follow; each takes at least one byte. */
interface Cursor {
  readonly bytes: Buffer;
  offset: number;
  expected: number;
}

/** Skips one prefix and its content, except for nested values. */
function skip(cursor: Cursor): void {
  const prefix = cursor.bytes[cursor.offset++] ?? 0;
  if (prefix < 0x80 || prefix > 0xdf) return;
  if (prefix < 0x90) cursor.expected += 2 * (prefix & 0x0f);
  else if (prefix < 0xa0) cursor.expected += prefix & 0x0f;
  else if (prefix < 0xc0) cursor.offset += prefix & 0x1f;
  else skipHeader(cursor, prefix);
}

function skipHeader(cursor: Cursor, prefix: number): void {
  const { bytes } = cursor;
  const [lengthBytes, unit, extra] = HEADERS[prefix - 0xc0]!;
  const length = lengthBytes === 0 ? 0 : bytes.readUIntBE(cursor.offset, lengthBytes);
  cursor.offset += lengthBytes + extra;
  if (unit === 'items') cursor.expected += length;
  else if (unit === 'pairs') cursor.expected += 2 * length;
  else cursor.offset += isTimestamp(prefix, bytes[cursor.offset - 1]) ? TIMESTAMP_BYTES : length;
}

/** notepack.io reads 96 bits for this timestamp, whatever length its header says. */
function isTimestamp(prefix: number, type: number | undefined): boolean {
  return prefix === EXT_8 && type === TIMESTAMP;
}

const missing = () => new RangeError('msgpack announces more than there is');
