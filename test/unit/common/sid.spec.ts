import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSid, sidFrom } from '../../../lib/common/address.js';

/** As socket.io makes them. */
const newId = () => randomBytes(15).toString('base64url');
const newSid = () => sidFrom(newId());

describe('sidFrom', () => {
  it('gives 20 characters of base64url, each time others, from what is random', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    const sids = ids.map(sidFrom);

    expect(new Set(sids).size).toBe(1_000);
    expect(sids.filter((sid) => !/^[\w-]{20}$/.test(sid))).toEqual([]);
    expect(sids.map((sid) => sid.slice(0, 16))).toEqual(ids.map((id) => id.slice(0, 16)));
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
