import { describe, expect, it } from 'vitest';
import { decode, encode, hasBytes } from '../../../lib/queue/codec.js';

describe('the codec of queue messages', () => {
  it.each([
    { text: 'Zürich 💬', list: [1, null, true], nested: { deep: [[{}]] } },
    { bytes: Buffer.from([0, 123, 255]) },
    { nested: [{ bytes: Buffer.alloc(0) }] },
  ])('P4 brings back %o', (message) => {
    expect(decode(encode(message))).toEqual(message);
  });

  it('P4 is JSON where there are no bytes', () => {
    expect(encode({ a: [1] }).toString()).toBe('{"a":[1]}');
  });

  it.each([
    [Buffer.alloc(1), true],
    [new Uint8Array(1), true],
    [new ArrayBuffer(1), true],
    [{ a: [{ b: new DataView(new ArrayBuffer(1)) }] }, true],
    [{ toJSON: () => ({ a: Buffer.alloc(1) }) }, true],
    [{ a: Buffer.alloc(1), toJSON: () => ({ a: 1 }) }, false],
    [{ a: [null, 'x', 1, undefined] }, false],
    [null, false],
  ])('P4 finds bytes where JSON would lose them: %o', (value, found) => {
    expect(hasBytes(value)).toBe(found);
  });

  it.each(['', '{', 'xx', '\u00c1'])('P4 throws for what is no message: %j', (text) => {
    expect(() => decode(Buffer.from(text, 'latin1'))).toThrow();
  });

  it('P4 lets nobody change what all objects have', () => {
    decode(Buffer.from('{"__proto__":{"polluted":true}}'));
    expect('polluted' in {}).toBe(false);
  });
});
