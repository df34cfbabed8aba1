/** Lets the events of a client go on in the order in which they came, though each waits for its session. */
export class SessionTurns {
  #last: Promise<void> | undefined;

  /** Settles when no earlier event waits any more. */
  get last(): Promise<void> | undefined {
    return this.#last;
  }

  /** Whether an event is still waiting. */
  get areTaken(): boolean {
    return this.#last !== undefined;
  }

  /** Calls `use` with what was read, after all earlier ones; rejects where reading failed. */
  take<T>(reading: PromiseLike<T>, use: (value: T) => void): Promise<void> {
    const turn = inTurn(this.#last, reading, use);
    const last = turn.catch(() => {});
    this.#last = last;
    void last.then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    return turn;
  }
}

async function inTurn<T>(
  earlier: Promise<void> | undefined,
  reading: PromiseLike<T>,
  use: (value: T) => void,
): Promise<void> {
  const [read] = await Promise.allSettled([reading, earlier]);
  if (read.status === 'rejected') throw read.reason;
  use(read.value);
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

/** Tasks with the same key run one after the other, others at the same time. */
export class OneAfterAnother {
  readonly #last = new Map<unknown, Promise<unknown>>();

  /** Settles when the tasks with this key that are known by now have ended. */
  last(key: unknown): Promise<unknown> | undefined {
    return this.#last.get(key);
  }

  run<T>(key: unknown, task: () => Promise<T>): Promise<T> {
    const running = (this.#last.get(key) ?? Promise.resolve()).then(task);
    const ended = running.catch(() => {});
    this.#last.set(key, ended);
    void ended.then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    return running;
  }
}
