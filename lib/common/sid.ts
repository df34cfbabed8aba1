import { randomBytes } from 'node:crypto';

/** A sid's characters that are chance, and those that can be computed from them; 20 in all, as in socket.io. */
const CHANCE = 16;
const CHECK = 4;
const FORM = /^[\w-]{20}$/;

/**
 * A client's id in a namespace. It looks as socket.io's does; its last characters follow from the first, so that
 * every process can tell a sid from other names, whose client it may ever be.
 */
export function newSid(): string {
  const chance = randomBytes((CHANCE * 3) / 4).toString('base64url');
  return chance + checkOf(chance);
}

/** Whether a name is the sid of a client; of other names of that length, one in 16 million is taken for one. */
export function isSid(name: string): boolean {
  return name.length === CHANCE + CHECK && FORM.test(name) && checkOf(name) === name.slice(CHANCE);
}

/** FNV-1a: no secret, and quick. */
function checkOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < CHANCE; index++)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0;
  const bytes = Buffer.allocUnsafe(CHECK);
  bytes.writeUInt32BE(hash);
  return bytes.toString('base64url', 0, (CHECK * 3) / 4);
}
