import { hasBytes } from '../codec.js';

/** What stands where bytes were taken out, in Socket.IO's own form. */
interface Placeholder {
  _placeholder: true;
  num: number;
}

/** An event's arguments in a message of python-socketio. */
export interface Data {
  data: readonly unknown[];
  binary: boolean;
}

/** Arguments as python-socketio writes them: `[null]` for none; bytes apart, in base64. */
export function dataOf(values: readonly unknown[]): Data {
  if (!hasBytes(values)) return { data: values.length === 0 ? [null] : values, binary: false };
  const attachments: string[] = [];
  const structure = takeBytes(values, attachments);
  return { data: [structure, ...attachments], binary: true };
}

/** The arguments again. Throws if bytes are missing, malformed, or wanted more than once. */
export function valuesOf(data: unknown, binary: boolean): unknown[] {
  const values: unknown = binary ? withBytes(data) : data;
  if (!Array.isArray(values)) return values === null ? [] : [values];
  return values.length === 1 && values[0] === null ? [] : values;
}

function takeBytes(value: unknown, attachments: string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const bytes = bytesOf(value);
  if (bytes) return { _placeholder: true, num: attachments.push(bytes.toString('base64')) - 1 };
  if (Array.isArray(value)) return value.map((item) => takeBytes(item, attachments));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return takeBytes(toJSON.call(value), attachments);
  return mapValues(value, (item) => takeBytes(item, attachments));
}

function bytesOf(value: object): Buffer | undefined {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (!ArrayBuffer.isView(value)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function withBytes(data: unknown): unknown {
  if (!Array.isArray(data)) throw new TypeError('data with bytes is no list');
  const [structure, ...encoded] = data as unknown[];
  return putBytes(structure, encoded.map(decoded));
}

/** Each once: a short message that repeats one attachment would be long for every client. */
function putBytes(value: unknown, attachments: (Buffer | undefined)[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => putBytes(item, attachments));
  const { _placeholder, num } = value as Partial<Placeholder>;
  if (_placeholder !== true) return mapValues(value, (item) => putBytes(item, attachments));
  const bytes = Number.isInteger(num) ? attachments[num as number] : undefined;
  if (!bytes) throw new TypeError('a placeholder has no bytes of its own');
  attachments[num as number] = undefined;
  return bytes;
}

/** Node's decoder skips what it does not know, so what it made tells whether all was base64. */
function decoded(text: unknown): Buffer {
  if (typeof text !== 'string' || text.length % 4 !== 0) throw new TypeError('bytes are not base64');
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== (text.length / 4) * 3 - padding) throw new TypeError('bytes are not base64');
  return bytes;
}

/** A key `__proto__` stays a key. */
function mapValues(value: object, change: (item: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}
