import { counted } from '../common/printable.js';

const QUIET = 60_000;

/** Counts what goes wrong and says so: the first at once, what follows at most once a minute. */
export class Tally {
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
