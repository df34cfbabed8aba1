import { describe, expect, it } from 'vitest';
import { KeyedSerialQueue, SerialQueue } from '../../../lib/common/serial-queue.js';

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((given) => (resolve = given));
  return { promise, resolve: () => resolve() };
}

describe('SerialQueue', () => {
  it('runs a task at once where none is running, and makes no promise for it', () => {
    const queue = new SerialQueue();
    expect([queue.run(() => 1), queue.last]).toEqual([1, undefined]);
  });

  it('runs the tasks one after the other, in the order of the calls', async () => {
    const queue = new SerialQueue();
    const first = deferred();
    const order: string[] = [];
    void queue.run(() => first.promise.then(() => order.push('first')));
    void queue.run(() => Promise.resolve().then(() => order.push('second')));
    void queue.run(() => order.push('third'));
    expect(order).toEqual([]);
    first.resolve();
    await queue.last;
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('rejects as the task does, and runs the next one all the same', async () => {
    const queue = new SerialQueue();
    const failed = queue.run(() => Promise.reject(new Error('no')));
    const next = queue.run(() => 'next');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
  });

  it('is empty again when the last task has ended', async () => {
    const queue = new SerialQueue();
    void queue.run(() => Promise.resolve());
    const last = queue.run(() => Promise.resolve());
    expect(queue.last).toBeDefined();
    await last;
    await queue.last;
    expect(queue.last).toBeUndefined();
  });
});

describe('KeyedSerialQueue', () => {
  it('lets tasks with the same key wait for each other, and no others', async () => {
    const queues = new KeyedSerialQueue();
    const first = deferred();
    const order: string[] = [];
    const slow = queues.run('a', () => first.promise.then(() => void order.push('a1')));
    const next = queues.run('a', () => Promise.resolve(void order.push('a2')));
    await queues.run('b', () => Promise.resolve(void order.push('b1')));
    expect(order).toEqual(['b1']);
    first.resolve();
    await Promise.all([slow, next]);
    expect(order).toEqual(['b1', 'a1', 'a2']);
  });

  it('forgets a key that nothing is queued for', async () => {
    const queues = new KeyedSerialQueue();
    await queues.run('a', () => Promise.resolve());
    expect(queues.last('a')).toBeUndefined();
  });
});
