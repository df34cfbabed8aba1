import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../lib/queue/backlog.js';

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
