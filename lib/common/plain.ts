/**
 * A copy of a value as it would arrive at a client: `toJSON()` has been called, what JSON leaves out is left out, bytes
 * stay bytes, nothing is shared with the original. Throws a RangeError for what is cyclic or too deep.
 */
export function plain(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return copyOfBytes(value);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return plain(toJSON.call(value));
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null);
  const entries = Object.entries(value).map(([key, item]) => [key, plain(item)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

/** The same bytes, which nobody else can change. */
export function copyOfBytes(bytes: ArrayBuffer | ArrayBufferView): Buffer {
  if (!ArrayBuffer.isView(bytes)) return Buffer.from(bytes.slice(0));
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}
