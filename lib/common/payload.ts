/** How deeply the arguments of one packet may be nested, how many keys and items they may hold, how many there may be. */
export const PAYLOAD_DEPTH = 100;
export const PAYLOAD_KEYS = 10_000;
export const PAYLOAD_ARGUMENTS = 1_000;

/** What a client is told of a packet that holds more. */
const TOO_DEEP = 'The data is nested too deeply';
const TOO_MANY_KEYS = 'The data has too many keys and items';
const TOO_MANY_ARGUMENTS = 'Too many arguments';

/**
 * Why the data of a packet (an event's name and arguments, or the values of an answer) is not taken; nothing if it is.
 * Goes level by level: it needs no stack, and looks at no more than is allowed.
 */
export function payloadProblem(values: readonly unknown[]): string | undefined {
  if (values.length > PAYLOAD_ARGUMENTS + 1) return TOO_MANY_ARGUMENTS;
  let left = PAYLOAD_KEYS;
  let level: object[] = [values];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > PAYLOAD_DEPTH) return TOO_DEEP;
    const below: object[] = [];
    for (const container of level) left -= look(container, below, left);
    if (left < 0) return TOO_MANY_KEYS;
    level = below;
  }
  return undefined;
}

/** How many keys or items something has, counted until they are more than `most`; what holds others goes to `below`. */
function look(container: object, below: object[], most: number): number {
  if (most < 0) return 0;
  if (Array.isArray(container)) return lookAtItems(container, below, most);
  let count = 0;
  // with what is inherited: notepack.io makes the prototype of an object from a key "__proto__"
  for (const key in container) {
    if (++count > most) return count;
    add((container as Record<string, unknown>)[key], below);
  }
  return count;
}

function lookAtItems(items: readonly unknown[], below: object[], most: number): number {
  if (items.length > most) return items.length;
  for (const item of items) add(item, below);
  return items.length;
}

function add(value: unknown, below: object[]): void {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) below.push(value);
}
