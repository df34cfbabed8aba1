import { describe, expect, it } from 'vitest';
import { RESERVED_EVENTS } from '../../../lib/common/constants.js';
import { checkEventName, checkHandledEvent, isDispatchable } from '../../../lib/common/args.js';

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
