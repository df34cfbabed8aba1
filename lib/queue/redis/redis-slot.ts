/** How many there are. */
export const SLOTS = 16_384;

/** The polynomial of CRC-16/XMODEM. */
const POLYNOMIAL = 0x10_21;

const REMAINDERS = Uint16Array.from({ length: 256 }, (_, byte) => remainderOf(byte));

/** Where a Redis Cluster has a key: its hash, or that of what stands in its first `{…}`, if that is not empty. */
export function slotOf(key: string): number {
  const begin = key.indexOf('{');
  const end = begin === -1 ? -1 : key.indexOf('}', begin + 2);
  const isTagged = end !== -1 && key[begin + 1] !== '}';
  return hash(Buffer.from(isTagged ? key.slice(begin + 1, end) : key)) % SLOTS;
}

function hash(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) sum = ((sum << 8) & 0xff_ff) ^ (REMAINDERS[(sum >> 8) ^ byte] ?? 0);
  return sum;
}

function remainderOf(byte: number): number {
  let sum = byte << 8;
  for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum & 0x80_00 ? POLYNOMIAL : 0);
  return sum;
}
