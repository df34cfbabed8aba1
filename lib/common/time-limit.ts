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
