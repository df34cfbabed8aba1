import { isAnyArrayBuffer, isDate } from 'node:util/types';

/*
 * In Socket.IO's own protocol, `{"_placeholder":true,"num":0}` stands for bytes that follow. Data that holds such an
 * object itself, as any client may send it, would make clients close their connections when it is sent on beside bytes.
 */

const MARK = '"_placeholder":true'; // within a text of JSON, the quotes would be escaped

/** Whether more placeholders are in an encoded packet than bytes follow it. */
export function hasForeignPlaceholders([text, ...attachments]: readonly unknown[]): boolean {
  if (attachments.length === 0) return false;
  let count = 0;
  for (let at = String(text).indexOf(MARK); at !== -1; at = String(text).indexOf(MARK, at + 1)) count++;
  return count > attachments.length;
}

/** A copy of data without the properties that would be read as placeholders. */
export function withoutPlaceholders(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isBytes(value) || isDate(value)) return value;
  if (Array.isArray(value)) return value.map(withoutPlaceholders);
  const entries = Object.entries(value).filter(([key, item]) => key !== '_placeholder' || item !== true);
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutPlaceholders(item)]));
}

function isBytes(value: object): boolean {
  return ArrayBuffer.isView(value) || isAnyArrayBuffer(value) || value instanceof Blob;
}
