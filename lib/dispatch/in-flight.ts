/** Tracks running handlers, so that a shutdown can wait for them. */
export class InFlight {
  readonly #running = new Map<Promise<void>, object | undefined>();

  /** Tracks a promise until it settles; `owner` groups them for {@link of}. */
  track(promise: Promise<void>, owner?: object): Promise<void> {
    const untrack = () => this.#running.delete(promise);
    this.#running.set(promise, owner);
    promise.then(untrack, untrack);
    return promise;
  }

  get size(): number {
    return this.#running.size;
  }

  /** The promises of an owner. */
  of(owner: object): Promise<void>[] {
    return [...this.#running].filter(([, each]) => each === owner).map(([promise]) => promise);
  }

  /** Resolves with true when nothing runs any more, with false after `timeout` milliseconds. */
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
