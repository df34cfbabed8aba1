/** Whether `await` would wait for this value. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** Calls `next` with a value, or when a promise of it resolves. Makes no promise if there is none. */
export function chain<T, R>(
  value: T | PromiseLike<T>,
  next: (value: T) => R | PromiseLike<R>,
): R | PromiseLike<R> {
  return isThenable(value) ? value.then(next) : next(value);
}

/** Runs `attempt`; if it throws or rejects, the result is that of `failed`. Makes no promise if there is none. */
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

/** Marks a thenable (a background task) that is not awaited if a handler returns it. */
export const DETACHED = Symbol('nestjs-flask-socket detached');

/** Whether a value is marked so. */
export function isDetached(value: object): boolean {
  return (value as { [DETACHED]?: unknown })[DETACHED] === true;
}

/** The promise; rejects with the error of `late()` if it has not settled after some milliseconds. */
export function withTimeout<T>(promise: PromiseLike<T>, milliseconds: number, late: () => Error): Promise<T> {
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
  await withTimeout(promise, milliseconds, () => new Error('too late')).catch(() => {});
}
