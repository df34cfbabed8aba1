/** What all events carry, as JSON. */
export const DATA = JSON.stringify({ id: 1234, text: 'the quick brown fox', read: false });

/** Where a message stands. */
export interface Span {
  start: number;
  end: number;
}

/** Ends the benchmark at an answer that is not the expected one. Most are judged by their length. */
export class Checker {
  /** How many there were. */
  count = 0;

  check(data: Buffer, { start, end }: Span, expected: string): void {
    if (end - start === expected.length && this.count++ % 1_000 !== 0) return;
    const text = data.toString('utf8', start, end);
    if (text !== expected) throw new Error(`The server sent ${text} instead of ${expected}.`);
  }
}
