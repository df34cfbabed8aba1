type Done = (error?: Error) => void;

/** A middleware of socket.io, its arguments in place: of a namespace (`namespace.use`) or a socket (`socket.use`). */
export type Middleware = (next: Done) => unknown;

/**
 * Runs middlewares one after the other, each at most once. What one passes to `next` ends the row and goes to
 * `done`, as in socket.io; what one throws, now or later, goes to `failed`, whose error takes its place.
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
