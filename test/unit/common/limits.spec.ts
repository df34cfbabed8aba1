import { describe, expect, it } from 'vitest';
import { LIMIT_DEFAULTS, resolveLimits } from '../../../lib/common/limits.js';

describe('resolveLimits', () => {
  it('N8 gives every limit its default', () => {
    expect(resolveLimits(undefined)).toEqual(LIMIT_DEFAULTS);
  });

  it('N8 takes false as no limit, for one and for all', () => {
    expect(resolveLimits({ eventRate: false, payloadDepth: 7 })).toEqual({
      ...LIMIT_DEFAULTS,
      eventRate: Infinity,
      payloadDepth: 7,
    });
    const { eventPolicy, ...numbers } = resolveLimits(false);
    expect(eventPolicy).toBe('pause');
    expect(new Set(Object.values(numbers))).toEqual(new Set([Infinity]));
  });
});
