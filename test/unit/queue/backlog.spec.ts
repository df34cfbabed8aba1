import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backlog, RateLimitedCounter } from '../../../lib/queue/backlog.js';

const message = (topic: string, bytes = 1) => ({ topic, payload: Buffer.alloc(bytes) });

describe('the backlog', () => {
  it('P6 gives what waited in its order, once', () => {
    const backlog = new Backlog();
    for (const topic of ['a', 'b', 'c']) backlog.add(message(topic));
    expect(backlog.size).toBe(3);
    expect(backlog.take().map(({ topic }) => topic)).toEqual(['a', 'b', 'c']);
    expect([backlog.size, backlog.take()]).toEqual([0, []]);
  });

  it('P6 keeps 10,000 messages: the oldest go, and are counted', () => {
    const backlog = new Backlog();
    const dropped = Array.from({ length: 10_003 }, (_, n) => backlog.add(message(`${n}`)));
    expect(dropped.reduce((sum, count) => sum + count)).toBe(3);
    expect([backlog.size, backlog.take()[0]!.topic]).toEqual([10_000, '3']);
  });

  it('P6 keeps 8 MiB: as many of the oldest go as the new one needs', () => {
    const backlog = new Backlog();
    const mebibyte = 1024 * 1024;
    for (const topic of ['a', 'b', 'c']) expect(backlog.add(message(topic, 2 * mebibyte))).toBe(0);
    expect(backlog.add(message('d', 5 * mebibyte))).toBe(2);
    expect(backlog.take().map(({ topic }) => topic)).toEqual(['c', 'd']);
  });

  it('P6 counts bytes from nothing again when all was taken', () => {
    const backlog = new Backlog();
    for (let round = 0; round < 3; round++) {
      expect(backlog.add(message('a', 8_000_000))).toBe(0);
      backlog.take();
    }
  });
});

describe('the counter of what goes wrong', () => {
  const said: string[] = [];
  const counting = () => new RateLimitedCounter((count, why) => said.push(`${count}: ${why}`));

  beforeEach(() => {
    vi.useFakeTimers();
    said.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('P6 says the first at once, and what follows once a minute', () => {
    const counter = counting();
    for (let n = 0; n < 1_000; n++) counter.add(1, 'malformed');
    expect(said).toEqual(['1 message: malformed']);
    vi.advanceTimersByTime(60_000);
    expect(said.slice(1)).toEqual(['999 messages: malformed']);
    vi.advanceTimersByTime(600_000);
    expect([said.length, counter.total]).toEqual([2, 1_000]);
  });

  it('P6 says at its end what was not said yet', () => {
    const counter = counting();
    counter.add(1, 'a');
    counter.add(2, 'b');
    counter.close();
    expect(said).toEqual(['1 message: a', '2 messages: b']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('P6 says nothing of nothing', () => {
    counting().add(0, 'a');
    expect(said).toEqual([]);
  });
});
