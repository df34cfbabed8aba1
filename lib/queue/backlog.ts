import { counted } from '../common/printable.js';
import type { TopicMessage } from './queue.js';

const LIMIT = { messages: 10_000, bytes: 8 * 1024 * 1024 };

/** Messages that wait for the broker, in order. Beyond the limit the oldest are dropped. */
export class Backlog {
  #messages: TopicMessage[] = [];
  #bytes = 0;

  get size(): number {
    return this.#messages.length;
  }

  /** Adds a message; returns how many older ones were dropped. */
  add(message: TopicMessage): number {
    this.#messages.push(message);
    this.#bytes += message.payload.length;
    let dropped = 0;
    while (this.#messages.length - dropped > LIMIT.messages || this.#bytes > LIMIT.bytes)
      this.#bytes -= this.#messages[dropped++]?.payload.length ?? 0;
    if (dropped > 0) this.#messages.splice(0, dropped);
    return dropped;
  }

  /** Removes and returns all messages, oldest first. */
  take(): TopicMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    return messages;
  }
}

const REPORT_INTERVAL = 60_000;

/** Counts messages and reports the count: the first at once, then at most once a minute. */
export class RateLimitedCounter {
  total = 0;
  #unreported = 0;
  #reason = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly report: (count: string, reason: string) => void) {}

  add(count: number, reason: string): void {
    if (count === 0) return;
    this.total += count;
    this.#unreported += count;
    this.#reason = reason;
    if (!this.#timer) this.#report();
  }

  close(): void {
    clearTimeout(this.#timer);
    if (this.#unreported > 0) this.#report();
    clearTimeout(this.#timer);
  }

  #report(): void {
    this.report(counted(this.#unreported, 'message'), this.#reason);
    this.#unreported = 0;
    this.#timer = setTimeout(() => this.#intervalEnded(), REPORT_INTERVAL).unref();
  }

  #intervalEnded(): void {
    this.#timer = undefined;
    if (this.#unreported > 0) this.#report();
  }
}
