import { SerialQueue } from '../common/serial-queue.js';

/** Lets the events of a client go on in the order in which they came, though each waits for its session. */
export class SessionTurns {
  readonly #queue = new SerialQueue();

  /** Resolves when no earlier event waits any more; `undefined` if none does. */
  get last(): PromiseLike<void> | undefined {
    return this.#queue.last;
  }

  /** Calls `use` with what was read, after all earlier ones; rejects where reading failed. */
  take<T>(reading: Promise<T>, use: (value: T) => void): Promise<void> {
    reading.catch(() => {}); // the task hears of it when its turn has come
    return this.#queue.run(() => reading.then(use)) as Promise<void>;
  }

  /** Resolves after all earlier ones; `undefined` if there are none. */
  skip(use: () => void = () => {}): Promise<void> | undefined {
    return this.#queue.last && this.take(Promise.resolve(), use);
  }
}

/**
 * Readings that callers share. Each caller gets one that begins after its call, so that it sees what was written before;
 * at most one runs, and those who come meanwhile share the next one.
 */
export class SharedReadings<T> {
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(private readonly begin: () => Promise<T>) {}

  read(): Promise<T> {
    const start = () => this.#start();
    if (!this.#running) return this.#next ?? start();
    return (this.#next ??= this.#running.then(start, start));
  }

  #start(): Promise<T> {
    this.#next = undefined;
    const reading = this.begin();
    const end = () => {
      if (this.#running === reading) this.#running = undefined;
    };
    reading.then(end, end);
    return (this.#running = reading);
  }
}
