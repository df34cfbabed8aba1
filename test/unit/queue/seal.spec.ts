import { describe, expect, it } from 'vitest';
import { seal, unseal } from '../../../lib/queue/codec.js';

const payload = Buffer.from('{"is":"here"}');
const secret = 'sixteen characters';

describe('a seal', () => {
  it('P4 is taken off by those who know the secret', () => {
    expect(unseal(secret, 'topic', seal(secret, 'topic', payload))).toEqual(payload);
  });

  it('P4 is no part of messages without a secret', () => {
    expect(seal(undefined, 'topic', payload)).toBe(payload);
    expect(unseal(undefined, 'topic', payload)).toBe(payload);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a signature', Buffer.alloc(15)],
    ['a message without one', payload],
    ['zeros instead of one', Buffer.concat([Buffer.alloc(16), payload])],
    ['one of another secret', seal('another secret, longer', 'topic', payload)],
    ['one for another topic', seal(secret, 'topic2', payload)],
    ['one of other bytes', Buffer.concat([seal(secret, 'topic', payload), Buffer.from(' ')])],
  ])('P4 refuses %s', (_, sealed) => {
    expect(unseal(secret, 'topic', sealed)).toBeUndefined();
  });

  it('P4 knows where the topic ends and the message begins', () => {
    const sealed = seal(secret, 'topic', Buffer.from('x message'));
    const moved = Buffer.concat([sealed.subarray(0, 16), Buffer.from(' message')]);
    expect(unseal(secret, 'topicx', moved)).toBeUndefined();
  });
});
