/** A broker is asked for a sign of life so often, in milliseconds, and is away when it has left so many unanswered. */
const ASKING = 3_000;
const UNANSWERED = 2;

/**
 * Asks a broker for signs of life, so that one that hangs is noticed. Counts signs rather than time: a process that
 * was busy for long has not seen the answers that are there. Returns what ends it.
 */
export function watch(ask: () => Promise<unknown>, lost: (reason: unknown) => void): () => void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered++ === UNANSWERED) return lost(new Error('it does not answer'));
    ask().then(() => (unanswered = 0), lost);
  }, ASKING).unref();
  return () => clearInterval(timer);
}
