/*
 * In place of `node:timers/promises`, whose clock no test can turn:
 * `vi.mock('node:timers/promises', () => import('../../support/fakeable-delay.js'))`.
 */

/** What `setTimeout` of `node:timers/promises` does, on the clock of the global one. */
export function setTimeout<T>(
  milliseconds?: number,
  value?: T,
  { signal }: { signal?: AbortSignal } = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = globalThis.setTimeout(() => resolve(value as T), milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
