import { describe, expect, it } from 'vitest';
import {
  describeThrown,
  oneLine,
  printable,
  printableValue,
  summarizeThrown,
} from '../../../lib/common/printable.js';

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
    [Object.create(null), '[Object: null prototype] {}'],
    [{ status: 404, message: 'no\nsuch' }, String.raw`{ status: 404, message: 'no\nsuch' }`],
    [
      {
        toString: () => {
          throw new Error('worse');
        },
      },
      '{ toString: [Function: toString] }',
    ],
  ])('X4 says that %o is no Error', (thrown, shown) => {
    expect(describeThrown(thrown)).toBe(`a value that is no Error was thrown: ${shown}`);
  });

  it('X5 names an error by its class where it has no name of its own', () => {
    class SeatError extends Error {}
    const named = Object.assign(new SeatError('full'), { name: 'Full' });
    expect([summarizeThrown(new SeatError('full')), summarizeThrown(named)]).toEqual([
      'SeatError: full',
      'Full: full',
    ]);
  });

  describe('frames cannot be forged', () => {
    const FORGED = 'no\n    at login (/srv/admin.js:1:1)\n    at x (y)';
    const forging = () => new Error(FORGED);
    const later = () => Object.assign(new Error(), { message: FORGED });
    const changed = () => Object.assign(forging(), { message: 'other' });
    const emptied = () => Object.assign(forging(), { message: '' });
    const only = () => Object.assign(new Error('\n    at login (y)'), { message: '' });
    const nested = () => Object.assign(new Error(`A: ${FORGED}`), { message: FORGED });

    it.each<[string, () => Error]>([
      ['in a message', forging],
      ['in a message that came later', later],
      ['in a message that was replaced', changed],
      ['in a message that was taken away', emptied],
      ['in a message of nothing else', only],
      ['in a message that was shortened', nested],
      ['in a cause', () => new Error('outer', { cause: forging() })],
    ])('X5 %s', (_, make) => {
      const lines = describeThrown(make()).split('\n');
      expect(lines.filter((line) => /^\s+at (login|x)/.test(line))).toEqual([]);
    });

    it('X5 and the real ones are there', () => {
      expect(describeThrown(forging()).split('\n')[1]).toMatch(/^\s+at forging .*printable\.spec/);
    });
  });

  it('X5 cuts a long message, a long stack and a deep one', () => {
    const error = new Error('\u0001'.repeat(900_000));
    error.stack += '\n    at deep (x)'.repeat(10_000);
    expect(describeThrown(error).length).toBeLessThan(5_000);
  });

  it('X5 escapes what would turn the direction of the text', () => {
    expect(oneLine('\u202eabc\u2066\u061c')).toBe(String.raw`\u202eabc\u2066\u061c`);
  });

  it('X4 survives an error whose message cannot be read', () => {
    const error = Object.assign(new Error(), { message: Object.create(null) as string, stack: undefined });
    expect(describeThrown(error)).toBe('Error: [object Object]');
  });

  it('X4 survives what throws whatever is asked of it', () => {
    const refuse = () => {
      throw new Error('no');
    };
    const handler = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, refuse]));
    expect([
      describeThrown(new Proxy({}, handler)),
      describeThrown(new Proxy(new Error('x'), handler)),
    ]).toEqual(Array(2).fill(expect.stringMatching(/^a value that is no Error was thrown: /)));
  });
});

describe('printableValue', () => {
  it.each<[unknown, string]>([
    ['text', "'text'"],
    [5, '5'],
    [undefined, 'undefined'],
    [Symbol('x'), 'Symbol(x)'],
    [{ url: 'redis://user:secret@host' }, 'an object (Object)'],
    [Object.create(null), 'an object (Object)'],
    [new Map(), 'an object (Map)'],
    [['a'], 'an array'],
    [() => {}, 'a function'],
  ])('V7 shows %o without its secrets', (value, shown) => {
    expect(printableValue(value)).toBe(shown);
  });
});
