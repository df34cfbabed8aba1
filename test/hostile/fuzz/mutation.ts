import type { Dice } from './grammar.js';

/** What decoders, JSON and objects treat as something special. */
const TOKENS = [
  '"__proto__":', '{"__proto__":{"a":1}}', '"\\u005f_proto__":1', '"constructor":{"prototype":{}}', '"toJSON":1', '"then":1',
  '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":-1}', '{"_placeholder":true,"num":"length"}', '51-', '61-',
  '/job/1,', '/none,', '"connect"', '"disconnect"', '"secret"', 'null', '[]', '{}', '[[', ']]', '"', ',', '-', '0', '1e999',
  '99999999999999999999', '\u0000', '\u2028', '\\ud800', '{"a":', '[', '"type":3', '"rooms":', '"except":', '"flags":null',
] as const; // prettier-ignore

/** A part of what arrives: a text, bytes, or `null` where the sender waits for a moment. */
export type Part = string | Buffer | null;

/** A part that was changed byte by byte on its way. */
export function mutated<P extends Part>(part: P, dice: Dice): P {
  if (part === null) return part;
  let bytes: Buffer = Buffer.from(part as string | Buffer);
  for (let round = 1 + dice.below(3); round > 0; round--) bytes = change(bytes, dice);
  return (typeof part === 'string' ? bytes.toString() : bytes) as P;
}

function change(bytes: Buffer, dice: Dice): Buffer {
  const [at, end] = [dice.below(bytes.length + 1), dice.below(bytes.length + 1)].toSorted(
    (a, b) => a - b,
  ) as [number, number];
  const [head, cut, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (dice.below(7)) {
    case 0:
      return Buffer.concat([head, tail]);
    case 1:
      return Buffer.concat([head, cut, cut, tail]);
    case 2:
      return head;
    case 3:
      return Buffer.concat([head, Buffer.from(dice.pick(TOKENS)), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([head, Buffer.from(dice.pick(TOKENS)), tail]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), Buffer.of(dice.below(256)), bytes.subarray(at + 1)]);
    default:
      return flipped(bytes, dice);
  }
}

function flipped(bytes: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[dice.below(copy.length)]! ^= 1 << dice.below(8);
  return copy;
}
