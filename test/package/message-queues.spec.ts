import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCHEMES } from '../../lib/queue/back-ends.js';
import { backEnds } from '../contract/back-ends.js';
import { capabilities, updated } from '../contract/capabilities.mjs';
import { root } from '../support/repository.js';

describe('the table of docs/message-queues.md', () => {
  it('is that of the contract suite (if not: node test/contract/capabilities.mjs)', async () => {
    expect(readFileSync(`${root}docs/message-queues.md`, 'utf8')).toBe(await updated());
  });

  it('names the back ends that run the suite, and schemes that there are', () => {
    expect(Object.keys(capabilities)).toEqual(backEnds.map(({ name }) => name));
    const named = Object.values(capabilities).flatMap(({ urls }) => urls);
    expect(named.filter((url) => !SCHEMES.includes(url.replace('://', '')))).toEqual([]);
  });
});
