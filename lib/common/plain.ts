/**
 * A copy of a value as it would arrive at a client: `toJSON()` has been called, bytes stay bytes, nothing is shared
 * with the original. Throws a RangeError for what is cyclic or too deep.
 */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return copyOfBytes(value);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return plain(toJSON.call(value));
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** The same bytes, which nobody else can change. */
export function copyOfBytes(bytes: ArrayBuffer | ArrayBufferView): Buffer {
  if (!ArrayBuffer.isView(bytes)) return Buffer.from(bytes.slice(0));
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}
