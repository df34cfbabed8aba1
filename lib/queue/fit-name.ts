import { createHash } from 'node:crypto';

/** A name as it is, or a digest of it where a broker takes no name so long (in bytes), or with such characters. */
export function fitted(name: string, longest: number): string {
  const bytes = Buffer.from(name);
  // oxlint-disable-next-line no-control-regex -- control characters are what some brokers do not take
  const fits = bytes.length <= longest && !/[\u0000-\u001f]/.test(name) && bytes.toString() === name;
  return fits ? name : createHash('sha256').update(name, 'utf16le').digest('base64url');
}
