/** How deeply the arguments of one packet may be nested, how many keys and items they may hold, how many there may be. */
export const PAYLOAD_DEPTH = 100;
export const PAYLOAD_KEYS = 10_000;
export const PAYLOAD_ARGUMENTS = 1_000;

/** What a client is told of a packet that holds more. */
const TOO_DEEP = 'The data is nested too deeply';
const TOO_MANY_KEYS = 'The data has too many keys and items';
const TOO_MANY_ARGUMENTS = 'Too many arguments';

/**
 * Why the data of a packet (an event's name and arguments, or the values of an answer) is not taken; nothing if it is.
 * Goes level by level: it needs no stack, and looks at no more than is allowed.
 */
export function payloadProblem(values: readonly unknown[]): string | undefined {
  if (values.length > PAYLOAD_ARGUMENTS + 1) return TOO_MANY_ARGUMENTS;
  let left = PAYLOAD_KEYS;
  let level: object[] = [values];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > PAYLOAD_DEPTH) return TOO_DEEP;
    const below: object[] = [];
    for (const container of level) left -= look(container, below, left);
    if (left < 0) return TOO_MANY_KEYS;
    level = below;
  }
  return undefined;
}

/** How many keys or items something has, counted until they are more than `most`; what holds others goes to `below`. */
function look(container: object, below: object[], most: number): number {
  if (most < 0) return 0;
  if (Array.isArray(container)) return lookAtItems(container, below, most);
  let count = 0;
  // with what is inherited: notepack.io makes the prototype of an object from a key "__proto__"
  for (const key in container) {
    if (++count > most) return count;
    add((container as Record<string, unknown>)[key], below);
  }
  return count;
}

function lookAtItems(items: readonly unknown[], below: object[], most: number): number {
  if (items.length > most) return items.length;
  for (const item of items) add(item, below);
  return items.length;
}

function add(value: unknown, below: object[]): void {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) below.push(value);
}

/** What follows a msgpack prefix from 0xc0 to 0xdf: how many bytes hold a length, what is of that length, and bytes besides. */
type Header = readonly [lengthBytes: number, unit: 'bytes' | 'items' | 'pairs', besides: number];

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
 * Throws unless all that msgpack announces can be there. notepack.io makes an array, or a buffer, as long as its header
 * says before it looks for what is in it: 300 bytes of headers would cost gigabytes.
 */
export function checkLengths(bytes: Buffer): void {
  const place: Place = { bytes, offset: 0, expected: 1 };
  while (place.expected > 0) {
    if (place.expected > bytes.length - place.offset) throw missing();
    place.expected--;
    pass(place);
  }
  if (place.offset > bytes.length) throw missing();
}

/** Where one has come to, and how many values must still follow: each takes a byte at least. */
interface Place {
  readonly bytes: Buffer;
  offset: number;
  expected: number;
}

/** Passes one prefix, and what of its value are no values of their own. */
function pass(place: Place): void {
  const prefix = place.bytes[place.offset++] ?? 0;
  if (prefix < 0x80 || prefix > 0xdf) return;
  if (prefix < 0x90) place.expected += 2 * (prefix & 0x0f);
  else if (prefix < 0xa0) place.expected += prefix & 0x0f;
  else if (prefix < 0xc0) place.offset += prefix & 0x1f;
  else passHeader(place, prefix);
}

function passHeader(place: Place, prefix: number): void {
  const { bytes } = place;
  const [lengthBytes, unit, besides] = HEADERS[prefix - 0xc0]!;
  const length = lengthBytes === 0 ? 0 : bytes.readUIntBE(place.offset, lengthBytes);
  place.offset += lengthBytes + besides;
  if (unit === 'items') place.expected += length;
  else if (unit === 'pairs') place.expected += 2 * length;
  else place.offset += isTimestamp(prefix, bytes[place.offset - 1]) ? TIMESTAMP_BYTES : length;
}

/** Of a timestamp of 96 bits notepack.io reads so many, whatever its header says. */
function isTimestamp(prefix: number, type: number | undefined): boolean {
  return prefix === EXT_8 && type === TIMESTAMP;
}

const missing = () => new RangeError('msgpack announces more than there is');
