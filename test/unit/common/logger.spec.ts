import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GuardedLog, type FlaskSocketLogger } from '../../../lib/common/logger.js';

/** Loggers that fail in every way. */
const FAILING: [string, FlaskSocketLogger][] = [
  ['throws', failing(() => { throw new Error('disk full'); })], // prettier-ignore
  ['rejects', failing(() => Promise.reject(new Error('disk full')))],
  // oxlint-disable-next-line unicorn/no-thenable -- what a logger may return
  ['returns a thenable that rejects', failing(() => ({ then: (_: unknown, no: (e: Error) => void) => no(new Error('disk full')) }))], // prettier-ignore
  // oxlint-disable-next-line unicorn/no-thenable -- what a logger may return
  ['returns what throws when it is looked at', failing(() => ({ get then() { throw new Error('disk full'); } }))], // prettier-ignore
  ['has no such method', {} as FlaskSocketLogger],
  ['cannot be found', new Proxy({} as FlaskSocketLogger, { get() { throw new Error('disk full'); } })], // prettier-ignore
];

function failing(write: () => unknown): FlaskSocketLogger {
  return { log: write, error: write, warn: write, debug: write };
}

/** A log and the lines that its logger got. */
function keeping() {
  const lines: string[] = [];
  const keep = (level: string) => (line: string) => void lines.push(`${level}: ${line}`);
  const logger = { log: keep('log'), error: keep('error'), warn: keep('warn'), debug: keep('debug') };
  return { lines, log: new GuardedLog(() => logger) };
}

const fakeTime = () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
};

const times = (count: number, act: (index: number) => void) => {
  for (let index = 0; index < count; index++) act(index);
};

describe('GuardedLog', () => {
  it.each(FAILING)(
    'X5 writes to the standard error what a logger that %s does not take',
    async (_, logger) => {
      const complained = vi.spyOn(console, 'error').mockReturnValue();
      onTestFinished(() => complained.mockRestore());
      const log = new GuardedLog(() => logger);

      for (const level of ['log', 'error', 'warn'] as const) log[level](`a line at ${level}`);
      await Promise.resolve();

      expect(complained.mock.calls.map(([text]) => (text as string).split('\n')[0])).toEqual([
        'a line at log',
        'a line at error',
        'a line at warn',
      ]);
    },
  );

  it('X5 does without debug where a logger has none', () => {
    const complained = vi.spyOn(console, 'error').mockReturnValue();
    onTestFinished(() => complained.mockRestore());
    const log = new GuardedLog(() => ({ log: () => {}, error: () => {}, warn: () => {} }));

    log.debug('a line');

    expect(complained).not.toHaveBeenCalled();
  });

  it('X5 calls a logger as its own method', () => {
    const seen: unknown[] = [];
    const logger: FlaskSocketLogger = {
      log() {},
      warn() {},
      error(this: unknown) {
        seen.push(this);
      },
    };

    new GuardedLog(() => logger).error('a line');

    expect(seen).toEqual([logger]);
  });

  it('X5 counts the lines of one place beyond ten in a minute, and says how many they were', () => {
    fakeTime();
    const { log, lines } = keeping();

    times(25, (index) => log.error(`broken ${index}\n    at x`, 'A.b'));
    vi.advanceTimersByTime(60_000);

    expect({ count: lines.length, last: lines.at(-1) }).toEqual({
      count: 11,
      last: 'error: 15 more like it in the last minute. broken 24',
    });
  });

  it('X5 counts anew in the next minute', () => {
    fakeTime();
    const { log, lines } = keeping();

    times(10, () => log.warn('broken', 'A.b'));
    vi.advanceTimersByTime(60_000);
    times(10, () => log.warn('broken', 'A.b'));
    vi.advanceTimersByTime(60_000);

    expect(lines).toEqual(Array(20).fill('warn: broken'));
  });

  it('X5 tells places and levels apart, and does not count lines without a place', () => {
    fakeTime();
    const { log, lines } = keeping();

    times(10, () => log.error('a', 'A.a'));
    times(10, () => log.error('b', 'A.b'));
    times(10, () => log.debug('a', 'A.a'));
    times(20, () => log.warn('no place'));

    expect(lines).toHaveLength(50);
  });

  it('X5 keeps a bounded number of places', () => {
    fakeTime();
    const { log, lines } = keeping();

    times(5_000, (index) => log.error('x', `place ${index}`));
    log.flush();

    expect(lines.length).toBeLessThan(1_020);
    expect(lines.at(-1)).toMatch(/^error: \d+ more like it in the last minute\. x$/);
  });

  it('X5 cuts a line of any length', () => {
    const { log, lines } = keeping();

    log.error('x'.repeat(900_000));

    expect(lines[0]?.length).toBeLessThan(17_000);
  });
});
