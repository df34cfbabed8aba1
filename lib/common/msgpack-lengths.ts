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
