/** Counts what is running, so that a shutdown can wait for it. */
export class InFlight {
  readonly #running = new Map<Promise<void>, object | undefined>();

  /** Counts a promise until it settles; `owner` is for whom it runs. */
  track(promise: Promise<void>, owner?: object): Promise<void> {
    const over = () => this.#running.delete(promise);
    this.#running.set(promise, owner);
    promise.then(over, over);
    return promise;
  }

  /** How many there are. */
  get size(): number {
    return this.#running.size;
  }

  /** What runs for an owner. */
  of(owner: object): Promise<void>[] {
    return [...this.#running].filter(([, each]) => each === owner).map(([promise]) => promise);
  }

  /** Resolves when nothing runs any more, with true; or after `timeout` milliseconds, with false. */
  idle(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout, false);
      void this.#drained().then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  async #drained(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.keys());
  }
}
