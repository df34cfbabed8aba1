import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backoff } from '../../../lib/queue/session-driver.js';
import { RateLimitedCounter } from '../../../lib/queue/backlog.js';

describe('the tally of what goes wrong', () => {
  const said: string[] = [];
  const tallied = () => new RateLimitedCounter((count, why) => said.push(`${count}: ${why}`));

  beforeEach(() => {
    vi.useFakeTimers();
    said.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('P6 says the first at once, and what follows once a minute', () => {
    const tally = tallied();
    for (let n = 0; n < 1_000; n++) tally.add(1, 'malformed');
    expect(said).toEqual(['1 message: malformed']);
    vi.advanceTimersByTime(60_000);
    expect(said.slice(1)).toEqual(['999 messages: malformed']);
    vi.advanceTimersByTime(600_000);
    expect([said.length, tally.total]).toEqual([2, 1_000]);
  });

  it('P6 says at its end what was not said yet', () => {
    const tally = tallied();
    tally.add(1, 'a');
    tally.add(2, 'b');
    tally.close();
    expect(said).toEqual(['1 message: a', '2 messages: b']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('P6 says nothing of nothing', () => {
    tallied().add(0, 'a');
    expect(said).toEqual([]);
  });
});

describe('the backoff', () => {
  it('P6 grows to two seconds, and is different each time', () => {
    const waits = Array.from({ length: 50 }, (_, attempt) => backoff(attempt));
    expect(waits[0]).toBeLessThanOrEqual(50);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
    expect(Math.min(...waits.slice(6))).toBeGreaterThanOrEqual(1_000);
    expect(new Set(waits).size).toBeGreaterThan(40);
  });
});
