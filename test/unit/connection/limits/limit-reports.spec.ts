import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveLimits } from '../../../../lib/common/limits.js';
import { LimitReports } from '../../../../lib/connection/limits/limit-reports.js';
import type { Observer } from '../../../../lib/dispatch/observer.js';
import { keptLog } from '../../../support/units.js';

describe('reports of limits', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function reporting() {
    const logger = keptLog();
    const seen: string[] = [];
    const observer = { limitReached: (limit: string) => void seen.push(limit) } as unknown as Observer;
    const reports = new LimitReports({ limits: () => resolveLimits(), logger, executor: { observer } });
    return { reports, logger, seen };
  }

  it('L10 counts every time, and tells the metrics', () => {
    const { reports, seen } = reporting();
    const client = {};
    reports.reached('eventRate', { by: client, what: 'Too many events of sid a' });
    reports.reached('eventRate', { by: client, what: 'Too many events of sid a' });

    expect(reports.counts.eventRate).toBe(2);
    expect(seen).toEqual(['eventRate', 'eventRate']);
  });

  it.each([
    ['a client', {}, {}],
    ['an address', '192.0.2.1', '192.0.2.2'],
  ])('L10 logs it once a minute for %s', (_, one, other) => {
    const { reports, logger } = reporting();
    for (let count = 0; count < 3; count++) reports.reached('eventRate', { by: one, what: 'one' });
    reports.reached('eventRate', { by: other, what: 'other' });
    reports.reached('roomsPerConnection', { by: one, what: 'rooms' });
    vi.advanceTimersByTime(60_000);
    reports.reached('eventRate', { by: one, what: 'again' });

    expect(logger.lines).toEqual([
      'warn: one (limits.eventRate: 500)',
      'warn: other (limits.eventRate: 500)',
      'warn: rooms (limits.roomsPerConnection: 1000)',
      'warn: again (limits.eventRate: 500)',
    ]);
  });
});
