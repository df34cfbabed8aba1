import { describe, expect, it } from 'vitest';
import { describeThrown, oneLine, printable } from '../../../lib/common/printable.js';

describe('printable', () => {
  it.each<[unknown, string]>([
    ['text', "'text'"],
    ['', "''"],
    ['two\nlines\r', String.raw`'two\u000alines\u000d'`],
    ['\u001b[31mred\u001b[0m', String.raw`'\u001b[31mred\u001b[0m'`],
    ['\u2028\u2029\u0085', String.raw`'\u2028\u2029\u0085'`],
    ['Grüße 👋', "'Grüße 👋'"],
    [7, "'7'"],
    [null, "'null'"],
    [undefined, "'undefined'"],
    [Symbol('x'), "'Symbol(x)'"],
    [Object.create(null), "'[object Object]'"],
  ])('V7 makes one quoted line of %o', (value, expected) => {
    expect(printable(value)).toBe(expected);
  });

  it('V7 cuts what is longer than 200 characters', () => {
    expect(printable('x'.repeat(10_000))).toBe(`'${'x'.repeat(200)}…'`);
  });
});

describe('oneLine', () => {
  it('V7 escapes what would start another line, and nothing else', () => {
    expect(oneLine('a\nb\tc')).toBe(String.raw`a\u000ab\u0009c`);
  });
});

describe('describeThrown', () => {
  it('X5 shows name, message on one line, and stack', () => {
    const [first, ...frames] = describeThrown(new TypeError('on\npurpose')).split('\n');
    expect(first).toBe(String.raw`TypeError: on\u000apurpose`);
    expect(frames[0]).toMatch(/^\s+at .*printable\.spec/);
    expect(frames.every((frame) => /^\s+at /.test(frame))).toBe(true);
  });

  it.each<[unknown, string]>([
    ['text', "'text'"],
    [null, "'null'"],
    [undefined, "'undefined'"],
    [7, "'7'"],
    [Object.create(null), "'[object Object]'"],
    [
      {
        toString: () => {
          throw new Error('worse');
        },
      },
      "'[object Object]'",
    ],
  ])('X4 says that %o is no Error', (thrown, shown) => {
    expect(describeThrown(thrown)).toBe(`a value that is no Error was thrown: ${shown}`);
  });

  it('X4 survives an error whose message cannot be read', () => {
    const error = Object.assign(new Error(), { message: Object.create(null) as string, stack: undefined });
    expect(describeThrown(error)).toBe('Error: [object Object]');
  });
});
