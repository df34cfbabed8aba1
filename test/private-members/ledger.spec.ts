import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { root } from '../support/repository.js';
import { Bench } from './bench.js';
import { ledger } from './ledger.js';

const versionOf = (library: string): string =>
  library === 'node'
    ? process.versions.node
    : (JSON.parse(readFileSync(`${root}node_modules/${library}/package.json`, 'utf8')) as { version: string })
        .version;

describe.each(ledger)('the private members of $library', ({ library, members }) => {
  it.each(members)(`${library} ${versionOf(library)} has $member`, async ({ check }) => {
    const bench = new Bench();
    try {
      await check(bench);
    } finally {
      await bench.close();
    }
    expect.hasAssertions();
  });
});

describe('a check of the table', () => {
  const { check } = ledger
    .flatMap(({ members }) => members)
    .find(({ member }) => member === 'Namespace._fns')!;
  const served = (main: object) => ({ main }) as Bench;

  it.each([
    ['is gone', { use: () => {} }, 'there is no _fns'],
    ['has another name', { use: () => {}, _middlewares: [] }, 'there is no _fns'],
    ['does something else', { use: () => {}, _fns: [] }, 'to deeply equal'],
  ])('fails for a member that %s', (_, main, why) => {
    expect(() => check(served(main))).toThrow(why);
  });
});
