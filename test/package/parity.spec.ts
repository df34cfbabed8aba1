import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { namedBy, numbersOf, promises, rows, titlesIn, updated } from '../support/parity-table.mjs';
import { root } from '../support/repository.js';

describe('the promises', () => {
  const all = promises();
  const named = namedBy();

  it('are read from their page, and from the titles of tests', () => {
    expect(all.length).toBeGreaterThan(60);
    expect(named.size).toBeGreaterThan(30);
  });

  it('that this version has are named by a test each', () => {
    expect(all.filter(({ id, isBuilt }) => isBuilt && !named.has(id))).toEqual([]);
  });

  it('that tests name are promised', () => {
    const known = all.map(({ id }) => id);
    expect([...named].filter(([id]) => !known.includes(id))).toEqual([]);
  });

  it('stand in the table of docs/from-flask.md, each with words on both sides', () => {
    const table = rows();
    expect([...table.keys()]).toEqual(all.map(({ id }) => id));
    expect([...table].filter(([, { flask, here }]) => flask === '' || here === '')).toEqual([]);
  });

  it('stand there with their tests (if not: node test/support/parity-table.mjs)', async () => {
    expect(readFileSync(`${root}docs/from-flask.md`, 'utf8')).toBe(await updated());
  });
});

describe('the counting of titles', () => {
  it('finds those of tests and groups, in every form', () => {
    const text = [
      "describe('A1 group', () => { it('A2 A3 test', () => {}); });",
      "it.each([['B9 no title']])('B1 of %s', () => {});",
      "describe.skipIf(true)('B2 group', () => {});",
      'it(`B3 ${x}`, () => {});',
      "other('B4 no test');",
    ].join('\n');

    const titles = titlesIn('a.spec.ts', text);

    expect(titles.flatMap(numbersOf)).toEqual(['A1', 'A2', 'A3', 'B1', 'B2', 'B3']);
  });

  it('takes no number from within a title', () => {
    expect(numbersOf('says why E4 is not A1')).toEqual([]);
  });

  it('knows what this version does not have', () => {
    const text =
      '- **A1** All of it.\n- **A2** **Not in this version:** more.\n- **A3** Some. **Not in this version:** the rest.';

    expect(promises(text).map(({ isBuilt }) => isBuilt)).toEqual([true, false, true]);
  });
});
