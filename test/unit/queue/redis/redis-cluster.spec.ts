import { describe, expect, it } from 'vitest';
import { slotOf } from '../../../../lib/queue/redis/redis-cluster.js';

describe('the slot of a key in a Redis Cluster', () => {
  // What CLUSTER KEYSLOT of a real Redis 7 answers.
  it.each([
    ['', 0],
    ['a', 15_495],
    ['123456789', 12_739],
    ['ü#日本', 15_220],
    ['{a}b', 15_495],
    ['x{a}{b}', 15_495],
    ['{}x', 10_595],
    ['x{}{b}', 10_463],
    ['{a', 10_276],
    ['x}{y}', 12_222],
    ['foo{{bar}}zap', 4_015],
  ])('P4 of %j is %i', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });
});
