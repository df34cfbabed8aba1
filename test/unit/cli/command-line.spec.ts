import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../lib/cli/command-line.js';

const sid = '-5gYZ8vJtR4mXw1cAAAB';
const dashes = '--gYZ8vJtR4mXw1cAAAB';

describe('a value that begins with a dash', () => {
  it.each<[string, string[], object]>([
    ['as a sid', ['disconnect', sid], { positionals: ['disconnect', sid] }],
    ['as a sid, with two of them', ['disconnect', dashes], { positionals: ['disconnect', dashes] }],
    ['as a number', ['emit', 'x', '-5', '-.5'], { positionals: ['emit', 'x', '-5', '-.5'] }],
    ['as standard input', ['emit', 'x', '-'], { positionals: ['emit', 'x', '-'] }],
    ['behind --', ['emit', '--json', '--', '--to', '-x'], { positionals: ['emit', '--to', '-x'] }],
    ['as the value of an option', ['send', '--to', '-x', '--to', sid], { values: { to: ['-x', sid] } }],
    ['as that of a short option', ['send', '-n', '-x'], { values: { namespace: '-x' } }],
    ['as that of an option with =', ['send', '--to=-x'], { values: { to: ['-x'] } }],
  ])('O1 is taken for what it is: %s', (_, args, expected) => {
    expect(parseCommandLine(args)).toMatchObject(expected);
  });

  it('O1 keeps the order of the values between options', () => {
    expect(parseCommandLine(['emit', '--to', 'a', 'x', '-q', 'redis://b', '1', '--json'])).toMatchObject({
      positionals: ['emit', 'x', '1'],
      values: { to: ['a'], queue: 'redis://b', json: true },
    });
  });
});
