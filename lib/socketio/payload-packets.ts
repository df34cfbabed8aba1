import { isUtf8 } from 'node:buffer';

/*
 * Private members of engine.io 6.6 that are used here:
 * - Transport.protocol: the version of the protocol, 3 or 4;
 * - Transport.parser, decodePacket(data) of engine.io-parser and of engine.io's own parser for protocol 3.
 */

/** A packet of engine.io. */
export interface EnginePacket {
  readonly type: string;
  readonly data?: unknown;
}

/** The version of the protocol that a polling transport speaks. */
export interface Dialect {
  readonly protocol: number;
  readonly parser: { decodePacket(data: string | Buffer): EnginePacket };
}

/** What engine.io makes of data that it does not understand. It ends the connection. */
const PARSER_ERROR: EnginePacket = { type: 'error', data: 'parser error' };

/** Separates the packets of a payload of protocol 4. */
const SEPARATOR = '\x1e';

/** Ends the length of a packet in a binary payload of protocol 3. */
const END_OF_LENGTH = 0xff;

/** So many digits has a length at most: more than any `maxHttpBufferSize` needs. */
const MOST_DIGITS = 10;

/**
 * The packets of a payload, one at a time: each is cut out and decoded when it is asked for, so that a payload of any
 * number of packets can be handled in parts. An empty packet of protocol 3 is `undefined`.
 */
export function packetsOf(
  payload: Buffer,
  dialect: Dialect,
  isBinary: boolean,
): Generator<EnginePacket | undefined> {
  if (dialect.protocol !== 3) return separated(payload.toString(), dialect);
  return isBinary ? framed(payload, dialect) : counted(payload.toString(), dialect);
}

/**
 * The packets in the field `d` of a form, as JSONP sends them; `undefined` while it is being decoded, part by part: the
 * replacements of engine.io take up to half a second for 1 MB.
 */
export function* packetsOfForm(body: Buffer, dialect: Dialect): Generator<EnginePacket | undefined> {
  const field = fieldOf(body);
  if (!field) return;
  const form = new FormField(field);
  while (form.decodePart()) yield undefined;
  yield* packetsOf(form.payload, dialect, false);
}

/** A field of a form, whose line breaks are sent as `\n`, and in which a backslash before an n is doubled. */
class FormField {
  #at = 0;
  #length = 0;
  readonly #decoded: Buffer;

  constructor(private readonly field: Buffer) {
    this.#decoded = Buffer.allocUnsafe(field.length);
  }

  /** Decodes the next part; whether there was one. */
  decodePart(): boolean {
    const start = this.#at;
    const end = Math.min(start + PART, this.field.length);
    while (this.#at < end) this.#append(this.#next());
    return this.#at > start;
  }

  get payload(): Buffer {
    return this.#decoded.subarray(0, this.#length);
  }

  /** The next byte, unescaped. */
  #next(): number {
    const byte = this.field[this.#at++]!;
    if (byte === CODE.plus) return CODE.space;
    const escaped = byte === CODE.percent ? byteAt(this.field, this.#at) : -1;
    if (escaped < 0) return byte;
    this.#at += 2;
    return escaped;
  }

  #append(byte: number): void {
    const decoded = this.#decoded;
    const last = this.#length - 1;
    if (byte !== CODE.n || last < 0 || decoded[last] !== CODE.backslash) decoded[this.#length++] = byte;
    else decoded[last] = last > 0 && decoded[last - 1] === CODE.backslash ? CODE.n : CODE.lineBreak;
  }
}

/** So many bytes of a form are decoded at once. */
const PART = 16_384;

const CODE = { percent: 0x25, plus: 0x2b, space: 0x20, backslash: 0x5c, n: 0x6e, lineBreak: 0x0a } as const;

function fieldOf(body: Buffer): Buffer | undefined {
  const isFirst = body.indexOf('d=') === 0;
  const found = isFirst ? 0 : body.indexOf('&d=') + 1;
  if (found === 0 && !isFirst) return undefined;
  const end = body.indexOf('&', found);
  return body.subarray(found + 2, end === -1 ? undefined : end);
}

/** The byte that two hexadecimal digits stand for, or -1. */
function byteAt(field: Buffer, at: number): number {
  const high = hexadecimal(field[at]);
  const low = hexadecimal(field[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexadecimal(code = 0): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Protocol 4: packets with a character between them. */
function* separated(text: string, { parser }: Dialect): Generator<EnginePacket> {
  for (let start = 0; start <= text.length;) {
    const found = text.indexOf(SEPARATOR, start);
    const end = found === -1 ? text.length : found;
    yield parser.decodePacket(text.slice(start, end));
    start = end + 1;
  }
}

/** Protocol 3: `<length>:<packet>`, the length in characters. */
function* counted(text: string, { parser }: Dialect): Generator<EnginePacket | undefined> {
  if (text === '') return yield PARSER_ERROR;
  for (let start = 0; start < text.length;) {
    const colon = text.slice(start, start + MOST_DIGITS + 1).indexOf(':') + start;
    const end = colon + 1 + digits(text.slice(start, Math.max(start, colon)));
    if (!(end <= text.length)) return yield PARSER_ERROR; // also if it is no number
    yield end > colon + 1 ? parser.decodePacket(text.slice(colon + 1, end)) : undefined;
    start = end;
  }
}

function digits(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

/** Protocol 3 with binary data: `<0 for text><length, a digit in each byte><255><packet>`, the length in bytes. */
function* framed(bytes: Buffer, { parser }: Dialect): Generator<EnginePacket> {
  for (let start = 0; start < bytes.length;) {
    const digitBytes = bytes.subarray(start + 1, start + 1 + MOST_DIGITS);
    const marker = digitBytes.indexOf(END_OF_LENGTH);
    const from = start + 1 + marker + 1;
    const end = from + digits(digitBytes.subarray(0, Math.max(0, marker)).join(''));
    const packet = bytes.subarray(from, end);
    const isText = bytes[start] === 0;
    if (!(end <= bytes.length && end > from) || (isText && !isUtf8(packet))) return yield PARSER_ERROR;
    yield parser.decodePacket(isText ? packet.toString() : packet);
    start = end;
  }
}
