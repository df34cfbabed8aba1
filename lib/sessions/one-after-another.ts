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
