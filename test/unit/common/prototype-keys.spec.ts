import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { dropProto, mayHoldProto, protoAsKey } from '../../../lib/common/prototype-keys.js';

const notepack = createRequire(import.meta.url)('notepack.io') as {
  encode(value: unknown): Buffer;
  decode(bytes: Buffer): unknown;
};

const parsed = (json: string) => JSON.parse(json) as object;

describe('keys named __proto__', () => {
  it.each([
    ['{"__proto__":{"a":1},"b":2}', '{"b":2}'],
    ['[[{"a":[{"__proto__":[{"__proto__":1}]}]}]]', '[[{"a":[{}]}]]'],
    ['{"\\u005f\\u005Fproto__":1,"a":1}', '{"a":1}'],
    ['{"__proto__":null,"constructor":{"prototype":{"a":1}}}', '{"constructor":{"prototype":{"a":1}}}'],
  ])('L7 are found and dropped wherever they are: %s', (json, left) => {
    const data = parsed(json);

    expect([mayHoldProto(json), mayHoldProto(Buffer.from(json)), dropProto(data)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(inspect(data, { depth: null })).toBe(inspect(parsed(left), { depth: null }));
  });

  it.each(['{"a":"x"}', '["é \\n \\ud83d",{"proto":1}]', ''])('L7 are not looked for in %s', (json) => {
    expect(mayHoldProto(json)).toBe(false);
  });

  it('L7 are left as text, and other values as they are', () => {
    const date = new Date(0);
    const bytes = Buffer.from('__proto__');
    const data = ['__proto__', date, bytes, new ArrayBuffer(1), null, undefined, Number.NaN];

    expect(dropProto(data)).toBe(false);
    expect([data[1], data[2]]).toEqual([date, bytes]);
  });

  it('L7 need neither a stack nor an end', () => {
    const deep = parsed(`${'{"a":['.repeat(100_000)}{"__proto__":1}${']}'.repeat(100_000)}`);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;

    expect([dropProto(deep), dropProto(deep), dropProto(cyclic)]).toEqual([true, false, false]);
  });

  it.each([
    '{"__proto__":{"a":1},"b":2}',
    '{"b":[{"__proto__":[1,{"__proto__":{"c":1}}]}]}',
    '{"b":{"__proto__":{}}}',
  ])('L7 stand in data of msgpack as in JSON: %s', (json) => {
    const data = notepack.decode(notepack.encode(parsed(json)));
    protoAsKey(data);

    expect(inspect(data, { depth: null, sorted: true })).toBe(
      inspect(parsed(json), { depth: null, sorted: true }),
    );
  });
});
