import { isThenable } from './thenable.js';

/**
 * Runs tasks one after the other, in the order of the calls. A task runs at once where none is running, and makes no
 * promise unless it returns one. One that fails does not keep the next from running.
 */
export class SerialQueue {
  #last: PromiseLike<void> | undefined;

  /** Resolves, never rejects, when all tasks that are queued by now have ended; `undefined` if there are none. */
  get last(): PromiseLike<void> | undefined {
    return this.#last;
  }

  /** Runs a task after all earlier ones; the result is the task's, or a promise of it. */
  run<T>(task: () => PromiseLike<T>): PromiseLike<T>;
  run<T>(task: () => T | PromiseLike<T>): T | PromiseLike<T>;
  run<T>(task: () => T | PromiseLike<T>): T | PromiseLike<T> {
    const result = this.#last ? this.#last.then(task) : task();
    if (!isThenable(result)) return result;
    const end = () => {
      if (this.#last === ended) this.#last = undefined;
    };
    const ended = result.then(end, end);
    this.#last = ended;
    return result;
  }
}

/** A {@link SerialQueue} for each key, which is forgotten when it is empty. */
export class KeyedSerialQueue {
  readonly #queues = new Map<unknown, SerialQueue>();

  /** Resolves when the tasks with this key that are queued by now have ended; `undefined` if there are none. */
  last(key: unknown): PromiseLike<void> | undefined {
    return this.#queues.get(key)?.last;
  }

  /** Runs a task after the earlier ones with the same key. */
  run<T>(key: unknown, task: () => PromiseLike<T>): PromiseLike<T> {
    const queue = this.#queues.get(key) ?? new SerialQueue();
    this.#queues.set(key, queue);
    const result = queue.run(task);
    const forget = () => {
      if (!queue.last && this.#queues.get(key) === queue) this.#queues.delete(key);
    };
    void result.then(forget, forget);
    return result;
  }
}
