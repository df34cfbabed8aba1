/** Whether `await` would wait for this value. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** `next(value)` now, or after `value` where it is a promise: no promise is made for what is there already. */
export function chain<T, R>(
  value: T | PromiseLike<T>,
  next: (value: T) => R | PromiseLike<R>,
): R | PromiseLike<R> {
  return isThenable(value) ? value.then(next) : next(value);
}

/** Runs `attempt`; what it throws, now or later, goes to `failed`, whose result takes its place. */
export function guarded<T>(
  attempt: () => T | PromiseLike<T>,
  failed: (thrown: unknown) => T | PromiseLike<T>,
): T | PromiseLike<T> {
  try {
    const value = attempt();
    return isThenable(value) ? value.then(undefined, failed) : value;
  } catch (thrown) {
    return failed(thrown);
  }
}

/** Marks what can be awaited, but runs on its own: nobody waits for it where a handler returns it. */
export const DETACHED = Symbol('nestjs-flask-socket detached');

/** Whether a value is marked so. */
export function isDetached(value: object): boolean {
  return (value as { [DETACHED]?: unknown })[DETACHED] === true;
}

/** The promise, or a rejection with what `late()` makes when it has not settled after some milliseconds. */
export function withinTime<T>(promise: PromiseLike<T>, milliseconds: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), milliseconds);
    const end = () => clearTimeout(timer);
    promise.then(
      (value) => (end(), resolve(value)),
      (error: unknown) => (end(), reject(error)),
    );
  });
}

/** Resolves when the promise has settled, or after some milliseconds. */
export async function waitFor(promise: PromiseLike<unknown>, milliseconds: number): Promise<void> {
  await withinTime(promise, milliseconds, () => new Error('too late')).catch(() => {});
}
