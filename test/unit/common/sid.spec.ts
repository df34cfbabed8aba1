import { describe, expect, it } from 'vitest';
import { isSid, newSid } from '../../../lib/common/sid.js';

describe('newSid', () => {
  it('gives 20 characters of base64url, each time others', () => {
    const sids = new Set(Array.from({ length: 1_000 }, newSid));

    expect(sids.size).toBe(1_000);
    expect([...sids].filter((sid) => !/^[\w-]{20}$/.test(sid))).toEqual([]);
  });
});

describe('isSid', () => {
  it('knows every sid', () => {
    expect(Array.from({ length: 1_000 }, newSid).filter((sid) => !isSid(sid))).toEqual([]);
  });

  it('knows no other name, not even one that differs in a single character', () => {
    const sid = newSid();
    const others = Array.from(sid, (character, index) => sid.slice(0, index) + (character === 'x' ? 'y' : 'x') + sid.slice(index + 1)); // prettier-ignore

    expect(others.filter(isSid)).toEqual([]);
    expect(['', 'lobby', `${sid}x`, sid.slice(1), '日'.repeat(20), 'aaaaaaaaaaaaaaaaaaaa'].filter(isSid)).toEqual([]); // prettier-ignore
  });
});
