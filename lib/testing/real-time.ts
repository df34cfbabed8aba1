/*
 * Taken when this module is loaded: the fake timers of a test stop neither the test client nor what it waits for.
 */
const realTimeout = setTimeout;
const realClear = clearTimeout;
const realImmediate = setImmediate;
const now = performance.now.bind(performance);

/** Milliseconds of the real clock. */
export const realNow = now;

/** Calls a function in the next turn of the event loop. */
export const nextTurn: (run: () => void) => unknown = realImmediate;

/** Ends a timer that may be a real one or a fake one. */
export function clearAnyTimer(timer: ReturnType<typeof setTimeout> | null | undefined): void {
  realClear(timer ?? undefined);
  if (clearTimeout !== realClear) clearTimeout(timer ?? undefined);
}

/** Something to wait for: calls `resolve` or `reject` when it comes; what it returns ends the waiting. */
export type Expected<T> = (resolve: (value: T) => void, reject: (error: Error) => void) => () => void;

/** What is waited for, or what `late` says of it after real milliseconds: an error to reject with, or a value. */
export function within<T>(
  milliseconds: number,
  late: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  expected: Expected<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    let stop = () => {};
    const timer = realTimeout(() => {
      end();
      late(resolve, reject);
    }, milliseconds);
    const end = () => {
      over = true;
      realClear(timer);
      stop();
    };
    stop = expected(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
    if (over) stop();
  });
}
