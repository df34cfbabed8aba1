import { isFragile } from './traits.js';

/** Where the repairs of a message are: in it, or in one more item of a list. */
const REPAIRS = '~repairs';

type Leaf = string | number;

/** Which leaf of a message is another one, as JSON. */
type Repair = readonly [place: number, json: string];

/**
 * The same message without what msgpack would break, which travels beside it: those who know of no repairs (other
 * servers of Socket.IO on the same queue) get the rest.
 */
export function mended(message: unknown): unknown {
  const repairs: Repair[] = [];
  const whole = mapLeaves(message, (leaf, { place, isKey }) => {
    if (!isFragile(leaf)) return leaf;
    repairs.push([place, JSON.stringify(leaf)]);
    const poor = typeof leaf === 'number' ? 0 : leaf.toWellFormed();
    return isKey ? `${poor}${place}` : poor; // keys stay different
  });
  return Array.isArray(whole)
    ? [...whole, { [REPAIRS]: repairs }]
    : { ...(whole as object), [REPAIRS]: repairs };
}

/** The message that was mended. Throws for repairs that are none. */
export function repaired(message: unknown): unknown {
  const holder: unknown = Array.isArray(message) ? message.at(-1) : message;
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, REPAIRS)) return message;
  const { [REPAIRS]: repairs, ...rest } = holder as { [REPAIRS]: unknown };
  const leaves = new Map((repairs as Repair[]).map(([place, json]) => [place, leafOf(json)]));
  const whole = Array.isArray(message) ? message.slice(0, -1) : rest;
  return mapLeaves(whole, (leaf, { place }) => leaves.get(place) ?? leaf);
}

function leafOf(json: string): Leaf {
  const leaf: unknown = JSON.parse(json);
  if (typeof leaf !== 'string' && typeof leaf !== 'number') throw new TypeError('repairs are malformed');
  return leaf;
}

/** A copy in which each text, key and number is what `map` makes of it; they are counted in their order. */
function mapLeaves(
  message: unknown,
  map: (leaf: Leaf, at: { place: number; isKey: boolean }) => Leaf,
): unknown {
  let place = 0;
  const copy = (value: unknown): unknown => {
    if (typeof value === 'string' || typeof value === 'number')
      return map(value, { place: place++, isKey: false });
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date)
      return value;
    const entries = Object.entries(value).filter(
      ([, item]) => item !== undefined && typeof item !== 'function',
    );
    return Object.fromEntries(
      entries.map(([key, item]) => [map(key, { place: place++, isKey: true }), copy(item)]),
    );
  };
  return copy(message);
}
