import { createRequire } from 'node:module';
import { checkLengths } from '../common/msgpack-lengths.js';
import { plain } from '../common/plain.js';
import { mended, repaired } from './repairs.js';
import { ALIVE, BEYOND_JSON, BYTES, FRAGILE, traitsOf } from './traits.js';

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
  return notepack.encode((traits & FRAGILE) === 0 ? value : mended(value));
}

/** What was encoded; throws for what was not. */
export function decode(payload: Buffer): unknown {
  return payload[0] === BRACE ? JSON.parse(payload.toString()) : msgpack.decode(payload);
}

/** Whether there are bytes anywhere in a value as JSON sees it. */
export function hasBytes(value: unknown): boolean {
  return (settled(value)[1] & BYTES) !== 0;
}
