/*
 * The timers are read when this module is loaded, so that a test's fake timers do not affect the test client.
 */
const realSetTimeout = setTimeout;
const realClearTimeout = clearTimeout;

/** Calls a function in the next iteration of the event loop. */
export const realSetImmediate: (run: () => void) => unknown = setImmediate;

/** Milliseconds of the real clock. */
export const realNow = performance.now.bind(performance);

/** Clears a timer, real or fake. */
export function clearAnyTimer(timer: ReturnType<typeof setTimeout> | null | undefined): void {
  realClearTimeout(timer ?? undefined);
  if (clearTimeout !== realClearTimeout) clearTimeout(timer ?? undefined);
}

/** Like the executor of a promise, but returns a function that is called when the result is no longer waited for. */
export type CancellableExecutor<T> = (
  resolve: (value: T) => void,
  reject: (error: Error) => void,
) => () => void;

/** The result of `executor`. After so many real milliseconds, `timedOut` resolves or rejects in its place. */
export function withTimeout<T>(
  milliseconds: number,
  timedOut: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  executor: CancellableExecutor<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let cancel = () => {};
    const timer = realSetTimeout(() => {
      settle();
      timedOut(resolve, reject);
    }, milliseconds);
    const settle = () => {
      isSettled = true;
      realClearTimeout(timer);
      cancel();
    };
    cancel = executor(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
    if (isSettled) cancel(); // it was settled before `executor` returned
  });
}
