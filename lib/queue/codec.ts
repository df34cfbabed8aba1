import { createRequire } from 'node:module';
import { checkLengths } from '../common/msgpack-lengths.js';
import { plain } from '../common/plain.js';

interface Codec {
  encode(value: unknown): Buffer;
  decode(bytes: Buffer): unknown;
}

const notepack = createRequire(import.meta.url)('notepack.io') as Codec; // it comes without types

/** msgpack as socket.io's own adapters speak it; of bytes it takes buffers only as they are. */
export const msgpack: Codec = {
  encode: (value) => notepack.encode(hasBytes(value) ? plain(value) : value),
  decode: (bytes) => {
    checkLengths(bytes);
    return notepack.decode(bytes);
  },
};

const BRACE = 0x7b;

/** JSON, which is fastest; msgpack where there are bytes. */
export function encode(message: object): Buffer {
  return hasBytes(message) ? notepack.encode(plain(message)) : Buffer.from(JSON.stringify(message));
}

/** What was encoded; throws for what was not. */
export function decode(payload: Buffer): unknown {
  return payload[0] === BRACE ? JSON.parse(payload.toString()) : msgpack.decode(payload);
}

/** Whether there are bytes anywhere in a value as JSON sees it. */
export function hasBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return true;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return hasBytes(toJSON.call(value));
  return Object.values(value).some(hasBytes);
}
