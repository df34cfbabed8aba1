/** A sid's characters that are chance, and those that can be computed from them; 20 in all, as in socket.io. */
const CHANCE = 16;
const CHECK = 4;
const FORM = /^[\w-]{20}$/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * A client's id in a namespace, from the one that socket.io has made. It looks the same; its last characters, there a
 * number that counts, follow from the first, which are random: so every process can tell a sid from other names.
 */
export function sidFrom(id: string): string {
  return id.slice(0, CHANCE) + checkOf(id);
}

/** Whether a name is the sid of a client; of other names of that form, one in 16 million is taken for one. */
export function isSid(name: string): boolean {
  return name.length === CHANCE + CHECK && FORM.test(name) && checkOf(name) === name.slice(CHANCE);
}

/** FNV-1a: no secret, and quick. */
function checkOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < CHANCE; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  let check = '';
  for (let index = 0; index < CHECK; index++) check += ALPHABET.charAt((hash >>> (8 + 6 * index)) & 63);
  return check;
}
