import { describe, expect, it } from 'vitest';
import {
  Args,
  args,
  asArgs,
  checkEventName,
  checkHandledEvent,
  fromArguments,
  isDispatchable,
  toArguments,
} from '../../../lib/common/args.js';
import { RESERVED_EVENTS } from '../../../lib/common/constants.js';

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

const reserved = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];
const usual = ['my event', ' ', '*', '__proto__', 'constructor', 'Connect', 'x'.repeat(128)];
const impossible = ['x'.repeat(129), 7, 0, null, undefined, true, {}, ['x'], Symbol('x'), new String('x')];

describe('event names', () => {
  it('V2 the reserved ones are these', () => {
    expect([...RESERVED_EVENTS]).toEqual(reserved);
  });

  it.each(usual)('V2 %o may be used and may come from the wire', (name) => {
    expect([checkEventName(name, 'here'), isDispatchable(name)]).toEqual([name, true]);
  });

  it.each(reserved)('V2 %s may be neither', (name) => {
    expect(isDispatchable(name)).toBe(false);
    expect(() => checkEventName(name, 'Chat.here')).toThrow(/FSK_RESERVED_EVENT.*Chat\.here/);
  });

  it('V2 error may be sent to clients, and comes from none', () => {
    expect([checkEventName('error', 'here'), isDispatchable('error')]).toEqual(['error', false]);
    expect(() => checkHandledEvent('error', 'Chat.here')).toThrow(/FSK_RESERVED_EVENT.*Chat\.here/);
  });

  it.each(impossible)('V2 %o may be neither', (name) => {
    expect(isDispatchable(name)).toBe(false);
    expect(() => checkEventName(name, 'Chat.here')).toThrow(/FSK_INVALID_EVENT.*Chat\.here/);
  });

  it('V2 an empty one is of no use to a handler', () => {
    expect(() => checkEventName('', 'here')).toThrow(/FSK_INVALID_EVENT/);
  });
});
