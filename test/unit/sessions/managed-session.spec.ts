import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SessionCopy, type EventSession } from '../../../lib/context/session-copy.js';
import { ManagedSession } from '../../../lib/sessions/managed-session.js';

const anEvent = (): EventSession => ({ sessionCopy: undefined, sessionKeeper: undefined });

/** A managed session, of a minute if not said otherwise, its store, and a clock. */
function start({ refresh = 60_000 } = {}) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const copy = new SessionCopy({ name: 'anna' });
  const source = { key: '1', read: vi.fn(async () => ({ name: 'berta' })), save: async () => {} };
  const managed = new ManagedSession({ session: copy.session }, copy, { source, refresh });
  const nameIn = async () => {
    const event = anEvent();
    await managed.open(event);
    return event.sessionCopy?.session['name'];
  };
  return { source, nameIn };
}

describe('a managed session', () => {
  it('K5 is read again when it is as old as sessionRefresh says', async () => {
    const { nameIn } = start();

    vi.advanceTimersByTime(59_999);
    const young = await nameIn();
    vi.advanceTimersByTime(1);

    expect([young, await nameIn()]).toEqual(['anna', 'berta']);
  });

  it('K5 is read once in that time, also by events that come at once', async () => {
    const { source, nameIn } = start();
    vi.advanceTimersByTime(60_000);

    const names = await Promise.all([nameIn(), nameIn(), nameIn()]);

    expect([names, source.read.mock.calls.length]).toEqual([['berta', 'berta', 'berta'], 1]);
  });

  it('K5 is read again at once after the store has failed', async () => {
    const { source, nameIn } = start();
    vi.advanceTimersByTime(60_000);
    source.read.mockRejectedValueOnce(new Error('down'));

    const failed = await nameIn().catch((error: Error) => error.message);

    expect([failed, await nameIn()]).toEqual(['down', 'berta']);
  });

  it('K5 is read for many events at once as often as they need it: one reading runs, those who come meanwhile share the next', async () => {
    const { source, nameIn } = start({ refresh: 0 });
    const answers: ((name: string) => void)[] = [];
    source.read.mockImplementation(() => new Promise((resolve) => answers.push((name) => resolve({ name }))));

    const first = nameIn();
    const others = Array.from({ length: 5000 }, nameIn);
    answers[0]!('read before the others came');
    await first;
    const late = nameIn();
    answers[1]!('read for them');
    const seen = new Set(await Promise.all(others));
    answers[2]!('read for the last');

    expect([await first, [...seen], await late, answers.length]).toEqual([
      'read before the others came',
      ['read for them'],
      'read for the last',
      3,
    ]);
  });

  it('K5 fails for those who shared a reading, and for no other', async () => {
    const { source, nameIn } = start({ refresh: 0 });
    source.read.mockResolvedValueOnce({ name: 'first' }).mockRejectedValueOnce(new Error('down'));

    const names = await Promise.allSettled([nameIn(), nameIn(), nameIn()]);

    expect(names.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await nameIn()).toBe('berta');
  });
});
