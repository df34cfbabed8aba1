const LONGEST = 2_000;

/** Milliseconds to wait before a connection is looked for again: longer each time, up to 2 s, with jitter. */
export function backoff(attempt: number): number {
  return Math.min(LONGEST, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}
