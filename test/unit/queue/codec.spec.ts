import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { decode, encode, hasBytes, msgpack, sign, verify, withoutProto } from '../../../lib/queue/codec.js';

describe('the codec of queue messages', () => {
  it.each([
    { text: 'Zürich 💬', list: [1, null, true], nested: { deep: [[{}]] } },
    { bytes: Buffer.from([0, 123, 255]) },
    { nested: [{ bytes: Buffer.alloc(0) }] },
  ])('P4 brings back %o', (message) => {
    expect(decode(encode(message))).toEqual(message);
  });

  it.each([
    ['half a pair', { text: '\ud83d', bytes: Buffer.from('a') }],
    ['half a pair in a key', { '\ud83d': 1, '\udc00': [2], bytes: Buffer.from('a') }],
    ['numbers beyond 64 bits', { list: [2 ** 64, -1e300], bytes: Buffer.from('a') }],
    ['NaN and Infinity', { list: [Number.NaN, Number.POSITIVE_INFINITY] }],
    ['dates', { at: new Date(1_700_000_000_123) }],
  ])('P4 brings back %s', (_, message) => {
    expect(decode(encode(message))).toEqual(message);
    expect(msgpack.decode(msgpack.encode([message, 1]))).toEqual([message, 1]);
  });

  it.each([[null], [[[0, '{}']]], [[[0, '"']]], [[1]]])(
    'P4 throws for repairs that are none: %j',
    (repairs) => {
      expect(() =>
        msgpack.decode(msgpack.encode({ '~repairs': repairs, bytes: Buffer.from('a') })),
      ).toThrow();
    },
  );

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

  it.each([
    ['JSON', (json: string) => Buffer.from(json)],
    ['msgpack', (json: string) => msgpack.encode(JSON.parse(json))],
  ])('L7 loses each key __proto__ in %s', (_, encoded) => {
    const payload = encoded('{"a":[{"__proto__":{"b":1},"c":2}],"__proto__":[3],"text":"__proto__"}');

    expect(inspect(decode(withoutProto(payload)))).toBe("{ a: [ { c: 2 } ], text: '__proto__' }");
  });

  it.each(['"__proto__"', String.raw`"\u005f_proto__"`])('L7 loses one that repairs name %s', (key) => {
    const payload = msgpack.encode({ a: { b: 1 }, c: 2, '~repairs': [[0, key]] });

    expect(inspect(decode(withoutProto(payload)))).toBe('{ c: 2 }');
  });

  it.each(['{"text":"__proto__ and \\u0000"}', '["__proto__"]', 'x'])(
    'L7 is the same without one: %s',
    (json) => {
      const payload = Buffer.from(json);
      expect(withoutProto(payload)).toBe(payload);
    },
  );
});

const payload = Buffer.from('{"is":"here"}');
const secret = 'sixteen characters';

describe('a seal', () => {
  it('P4 is taken off by those who know the secret', () => {
    expect(verify(secret, 'topic', sign(secret, 'topic', payload))).toEqual(payload);
  });

  it('P4 is no part of messages without a secret', () => {
    expect(sign(undefined, 'topic', payload)).toBe(payload);
    expect(verify(undefined, 'topic', payload)).toBe(payload);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a signature', Buffer.alloc(15)],
    ['a message without one', payload],
    ['zeros instead of one', Buffer.concat([Buffer.alloc(16), payload])],
    ['one of another secret', sign('another secret, longer', 'topic', payload)],
    ['one for another topic', sign(secret, 'topic2', payload)],
    ['one of other bytes', Buffer.concat([sign(secret, 'topic', payload), Buffer.from(' ')])],
  ])('P4 refuses %s', (_, sealed) => {
    expect(verify(secret, 'topic', sealed)).toBeUndefined();
  });

  it('P4 knows where the topic ends and the message begins', () => {
    const sealed = sign(secret, 'topic', Buffer.from('x message'));
    const moved = Buffer.concat([sealed.subarray(0, 16), Buffer.from(' message')]);
    expect(verify(secret, 'topicx', moved)).toBeUndefined();
  });
});
