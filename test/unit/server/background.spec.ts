import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ElectionMessage } from '../../../lib/queue/election-transport.js';
import { Election, LEASE } from '../../../lib/queue/election.js';
import { Background, sleep } from '../../../lib/server/background.js';
import type { FlaskSocketRuntime } from '../../../lib/server/flask-socket.runtime.js';
import { Gate } from '../../support/journal.js';

/** A process with the broker to itself, until the broker keeps what it is told. */
class Lonely {
  isCut = false;
  readonly said: ElectionMessage['is'][] = [];
  readonly errors: string[] = [];
  readonly steps: string[] = [];
  readonly election = new Election('clock', { log: () => {}, warn: () => {}, error: () => {} });

  constructor() {
    this.election.useTransport({
      id: 'a',
      isConnected: true,
      publish: (word) => {
        this.said.push(word.is);
        if (!this.isCut) queueMicrotask(() => this.election.receive(word));
      },
      subscribe: () => {},
    });
  }

  get tasks(): Background {
    const runtime = {
      messageQueue: { election: () => this.election },
      logger: { error: (line: string) => this.errors.push(line) },
    };
    class Testing extends Background {}
    const all = runtime as unknown as FlaskSocketRuntime; // all that it needs of it
    return new Testing(all, { trackTask: (task) => task });
  }

  /** A task that ticks each second until it is told to end, and notes what happens. */
  readonly tick = async (signal: AbortSignal) => {
    this.steps.push('start');
    try {
      for (;;) {
        await sleep(1_000);
        this.steps.push('tick');
      }
    } finally {
      this.steps.push(signal.aborted ? 'end' : 'left');
    }
  };
}

const SOON = 6_000;

describe('a background task that runs once in the fleet', () => {
  let process: Lonely;

  beforeEach(() => {
    vi.useFakeTimers();
    process = new Lonely();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('Q4 starts when its process leads, with its values and a signal', async () => {
    const task = process.tasks.startBackgroundTask(
      { once: 'clock' },
      (...values: unknown[]) => values,
      'one',
      2,
    );
    const ended = vi.fn();
    void task.then(ended);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(SOON);
    expect(await task).toEqual(['one', 2, expect.any(AbortSignal)]);
  });

  it('Q4 is told to end when its process leads no longer, and starts again when it leads again', async () => {
    process.tasks.startBackgroundTask({ once: 'clock' }, process.tick);
    await vi.advanceTimersByTimeAsync(SOON);
    process.isCut = true;
    await vi.advanceTimersByTimeAsync(LEASE + 500);
    expect(process.steps.at(-1)).toBe('end');
    process.isCut = false;
    await vi.advanceTimersByTimeAsync(2 * SOON);
    expect(process.steps.filter((step) => step !== 'tick')).toEqual(['start', 'end', 'start']);
    expect(process.errors).toEqual([]);
  });

  it('Q4 does not run twice in a process, where it does not end when it is told to', async () => {
    let running = 0;
    let most = 0;
    const stubborn = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      running--;
    };
    process.tasks.startBackgroundTask({ once: 'clock' }, stubborn);
    await vi.advanceTimersByTimeAsync(SOON);
    process.isCut = true;
    await vi.advanceTimersByTimeAsync(SOON);
    process.isCut = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect([most, running]).toEqual([1, 1]);
  });

  it('Q4 does not wake up from a sleep in which its process hung, and lost its place', async () => {
    process.tasks.startBackgroundTask({ once: 'clock' }, process.tick);
    while (process.steps.length === 0) await vi.advanceTimersByTimeAsync(10);
    await vi.advanceTimersByTimeAsync(1_000);
    const due = 1_100; // between two looks, of which there is one each 250 ms
    process.steps.length = 0;
    process.tasks.startBackgroundTask({ once: 'clock' }, async () => {
      await sleep(due);
      process.steps.push('awake');
    });
    await vi.advanceTimersByTimeAsync(due - 1);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + LEASE);
    await vi.advanceTimersByTimeAsync(1);
    expect(process.steps).not.toContain('awake');
    expect(process.steps.at(-1)).toBe('end');
  });

  it('Q4 that has ended by itself is not started again, and its process goes on leading', async () => {
    const work = vi.fn(() => 'done');
    expect(await awaited(process.tasks.startBackgroundTask({ once: 'clock' }, work))).toBe('done');
    await vi.advanceTimersByTimeAsync(60_000);
    expect([work.mock.calls.length, process.election.isLeader]).toEqual([1, true]);
  });

  it('Q4 that throws is logged, rejects where it is awaited, and is not started again', async () => {
    const work = vi.fn(() => {
      throw new Error('no luck');
    });
    await expect(awaited(process.tasks.startBackgroundTask({ once: 'clock' }, work))).rejects.toThrow(
      'no luck',
    );
    await vi.advanceTimersByTimeAsync(60_000);
    expect(process.errors).toEqual([expect.stringContaining('no luck')]);
    expect([work.mock.calls.length, process.election.isLeader]).toEqual([1, true]);
  });

  it('Q4 that is cancelled while it waits never starts', async () => {
    const work = vi.fn();
    const task = process.tasks.startBackgroundTask({ once: 'clock' }, work);
    await vi.advanceTimersByTimeAsync(1_000);
    task.cancel();
    expect(await task).toBeUndefined();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([work.mock.calls.length, process.said]).toEqual([0, []]);
  });

  it('Q4 that is cancelled gives its place away when it has ended, and not before', async () => {
    const cleanedUp = new Gate();
    const task = process.tasks.startBackgroundTask({ once: 'clock' }, async () => {
      await sleep(60_000).catch(() => {});
      await cleanedUp.opened;
    });
    await vi.advanceTimersByTimeAsync(SOON);
    task.cancel();
    await vi.advanceTimersByTimeAsync(500);
    expect(process.said).not.toContain('resigns');
    cleanedUp.open();
    await vi.advanceTimersByTimeAsync(0);
    expect(process.said.at(-1)).toBe('resigns');
  });

  it('Q4 that has ended by itself gives its place away when it is cancelled', async () => {
    const task = process.tasks.startBackgroundTask({ once: 'clock' }, () => 'done');
    await awaited(task);
    task.cancel();
    expect([process.said.at(-1), process.election.isLeader]).toEqual(['resigns', false]);
  });

  async function awaited<T>(task: PromiseLike<T>): Promise<T> {
    const settled = Promise.resolve(task);
    settled.catch(() => {});
    await vi.advanceTimersByTimeAsync(SOON);
    return await settled;
  }
});
