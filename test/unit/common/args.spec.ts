import { describe, expect, it } from 'vitest';
import { Args, args, asArgs, fromArguments, toArguments } from '../../../lib/common/args.js';

describe('args', () => {
  it('E5 keeps its values in order', () => {
    expect([...args('one', 2, undefined)]).toEqual(['one', 2, undefined]);
  });

  it('E5 makes something that no payload can be taken for', () => {
    expect(args(1, 2)).toBeInstanceOf(Args);
  });
});

describe('asArgs', () => {
  const original = args('one', 2);

  it.each([
    ['a plain copy', ['one', 2], true],
    ['a copy with other values', [{ one: 1 }, '2'], true],
    ['itself', original, true],
    ['what map() makes of it', original.map(String), true],
    ['an array of another length', ['one'], false],
    ['no array', { values: ['one', 2] }, false],
    ['nothing', undefined, false],
  ])('V6 %s stands for as many arguments: %s', (_, result, isArgs) => {
    expect(asArgs(result, original) instanceof Args).toBe(isArgs);
  });

  it('V6 an array around it stays one argument', () => {
    const single = args(1);
    expect(toArguments(asArgs([single], single))).toEqual([[[1]]]);
  });

  it('V6 an array that is no copy of one stays one argument', () => {
    expect(toArguments(asArgs(['one', 2], undefined))).toEqual([['one', 2]]);
  });
});

describe('toArguments', () => {
  it.each([
    ['several values of args()', args(1, 'two'), [1, 'two']],
    ['no value of an empty args()', args(), []],
    ['one array', [1, 2], [[1, 2]]],
    ['an empty array as one argument', [], [[]]],
    ['nothing for undefined', undefined, []],
    ['null', null, [null]],
    ['false', false, [false]],
    ['an empty string', '', ['']],
    ['zero', 0, [0]],
    ['an object', { data: 1 }, [{ data: 1 }]],
    ['a list that stands in args()', args([1, 2]), [[1, 2]]],
  ])('E5 V6 sends %s', (_, value, sent) => {
    expect(toArguments(value)).toEqual(sent);
  });

  it('E5 sends bytes themselves', () => {
    const bytes = Buffer.from([1, 2]);

    expect(toArguments(bytes)[0]).toBe(bytes);
  });
});

describe('fromArguments', () => {
  it.each([
    ['no value as undefined', [], undefined],
    ['one value as itself', ['yes'], 'yes'],
    ['one array as itself', [[1, 2]], [1, 2]],
    ['several values as an array', [1, 2], [1, 2]],
    ['null as null', [null], null],
  ])('E7 gives %s', (_, values, answer) => {
    expect(fromArguments(values)).toEqual(answer);
  });
});
