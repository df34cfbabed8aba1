type Done = (error?: Error) => void;

/** A middleware of a namespace (`namespace.use`) or a socket (`socket.use`), bound to all arguments but `next`. */
export type Middleware = (next: Done) => unknown;

/**
 * Runs middlewares one after the other. If one passes an error to `next`, the others are skipped and `done` gets the
 * error, as in socket.io. If one throws or rejects, `done` gets the error that `failed` returns.
 */
export function runMiddlewares(
  [first, ...rest]: readonly Middleware[],
  after: { failed: (thrown: unknown) => Error; done: Done },
): void {
  if (!first) return after.done();
  let called = false;
  const next: Done = (error) => {
    if (called) return;
    called = true;
    if (error) after.done(error);
    else runMiddlewares(rest, after);
  };
  const failed = (thrown: unknown) => next(after.failed(thrown));
  try {
    Promise.resolve(first(next)).catch(failed);
  } catch (thrown) {
    failed(thrown);
  }
}
