import { counted } from '../common/printable.js';
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

const QUIET = 60_000;

/** Counts what goes wrong and says so: the first at once, what follows at most once a minute. */
export class RateLimitedCounter {
  total = 0;
  #unsaid = 0;
  #why = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly say: (count: string, why: string) => void) {}

  add(count: number, why: string): void {
    if (count === 0) return;
    this.total += count;
    this.#unsaid += count;
    this.#why = why;
    if (!this.#timer) this.#tell();
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#unsaid > 0) this.#tell();
    clearTimeout(this.#timer);
  }

  #tell(): void {
    this.say(counted(this.#unsaid, 'message'), this.#why);
    this.#unsaid = 0;
    this.#timer = setTimeout(() => this.#again(), QUIET).unref();
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#unsaid > 0) this.#tell();
  }
}
