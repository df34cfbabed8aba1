import type { Written } from './queue.js';

/** At most so much waits: what is older goes first, and is counted. */
const LIMIT = { messages: 10_000, bytes: 8 * 1024 * 1024 };

/** Messages that could not be published yet, in their order; bounded in number and bytes. */
export class Backlog {
  #waiting: Written[] = [];
  #bytes = 0;

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Keeps a message; returns how many older ones had to go for it. */
  add(message: Written): number {
    this.#waiting.push(message);
    this.#bytes += message.payload.length;
    let dropped = 0;
    while (this.#waiting.length - dropped > LIMIT.messages || this.#bytes > LIMIT.bytes)
      this.#bytes -= this.#waiting[dropped++]?.payload.length ?? 0;
    if (dropped > 0) this.#waiting.splice(0, dropped);
    return dropped;
  }

  /** All that waited, oldest first; nothing waits then. */
  take(): Written[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }
}
