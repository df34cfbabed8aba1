import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { credentialsOf, couldMatch, type ProofOptions } from '../../../../lib/connection/recovery/proof.js';

const options: ProofOptions = { areHandlersAsked: true, engineCookie: 'io', secret: undefined };

/** The proof of a client that connects with these. */
function proof(auth: object, headers: object = {}, more: Partial<ProofOptions> = {}) {
  return credentialsOf({ auth, request: { headers } as IncomingMessage }, { ...options, ...more });
}

describe('the proof of who comes back', () => {
  it("N4 is what a client connected with, without what is another one's for each connection", () => {
    const own = proof({ token: 1 }, { cookie: 'io=a; user=Ann' });

    expect(proof({ token: 1, pid: 'x', offset: 'y' }, { cookie: 'user=Ann; io=b' })).toBe(own);
    expect(proof({ token: 2 }, { cookie: 'user=Ann' })).not.toBe(own);
    expect(proof({ token: 1 }, { cookie: 'user=Ben' })).not.toBe(own);
    expect(proof({ token: 1 }, { cookie: 'user=Ann', authorization: 'Bearer x' })).not.toBe(own);
  });

  it('N4 is none where nothing came that could prove anything', () => {
    expect([proof({}), proof({ pid: 'x' }, { cookie: 'io=a' })]).toEqual([undefined, undefined]);
    expect(couldMatch(undefined, { credentials: undefined, session: undefined })).toBe(false);
  });

  it('N4 is made with queueSecret where there is one, so that nobody else can try what it was made of', () => {
    const [open, one, other] = [undefined, 'a secret of many characters', 'another secret of them'].map(
      (secret) => proof({ pin: 1234 }, {}, { secret }),
    );

    expect(new Set([open, one, other]).size).toBe(3);
    expect(proof({ pin: 1234 }, {}, { secret: 'a secret of many characters' })).toBe(one);
  });
});
