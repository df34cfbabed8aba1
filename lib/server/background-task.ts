import { AsyncLocalStorage } from 'node:async_hooks';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown } from '../common/printable.js';
import { DETACHED } from '../common/thenable.js';
import { storage } from '../context/storage.js';

/** A function for the background: its arguments, then a signal that says when to stop. */
export type BackgroundFunction<Values extends unknown[], Result> = (
  ...values: [...Values, AbortSignal]
) => Result;

/** A task, as far as it runs. */
interface Running {
  signal: AbortSignal;
  /** Aborts the signal if that is due and has not happened yet. */
  check?: () => unknown;
}

/** The task that is running, so that its `sleep()` ends with it. */
const current = new AsyncLocalStorage<Running>();

/** Options of a background task. */
export interface BackgroundTaskOptions {
  /**
   * A name, under which the task runs in one process of all that share the message queue. When that process ends, it
   * runs in another one.
   */
  once?: string;
}

/**
 * A running background task. `await` it for its result (`undefined` after a cancellation); an error was logged already
 * and rejects only if somebody awaits it.
 *
 * @see docs/getting-started.md#background-tasks
 * @example
 * ```ts
 * import type { SocketIO } from 'nestjs-flask-socket';
 *
 * function tick(socketio: SocketIO) {
 *   const task = socketio.startBackgroundTask(async (signal: AbortSignal) => {
 *     for (let count = 0; !signal.aborted; count++) {
 *       socketio.emit('tick', { count });
 *       await socketio.sleep(1_000);
 *     }
 *   });
 *   return () => task.cancel();
 * }
 * ```
 */
export class BackgroundTask<Result = unknown> implements PromiseLike<Result | undefined> {
  /** @internal A handler that returns it does not wait for it. */
  readonly [DETACHED] = true;
  readonly #abort = new AbortController();
  readonly #result: Promise<Result | undefined>;

  /** @internal Started by `SocketIO.startBackgroundTask()`. */
  constructor(run: (signal: AbortSignal) => Result | PromiseLike<Result>, logger: Log) {
    const { signal } = this.#abort;
    const start = () => runAs({ signal }, run);
    this.#result = storage
      .exit(() => Promise.resolve().then(start))
      .catch((error: unknown) => {
        if (signal.aborted) return undefined;
        logger.error(`Error in a background task: ${describeThrown(error)}`, `task ${nameOfThrown(error)}`);
        throw error;
      });
    this.#result.catch(() => {}); // logged; who awaits the task hears of it, too
  }

  /** Asks the task to stop: its signal is aborted, and a `sleep()` in it ends at once. */
  cancel(): void {
    this.#abort.abort();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a task is there to be awaited
  then<Value = Result | undefined, Other = never>(
    fulfilled?: ((value: Result | undefined) => Value | PromiseLike<Value>) | null,
    rejected?: ((reason: unknown) => Other | PromiseLike<Other>) | null,
  ): Promise<Value | Other> {
    return this.#result.then(fulfilled, rejected);
  }
}

/** Runs a task, or the part of it that ends with a signal of its own. */
export function runAs<Result>(task: Running, run: (signal: AbortSignal) => Result): Result {
  return current.run(task, run, task.signal);
}

/** Whether a background task is running here. */
export function isInBackgroundTask(): boolean {
  return current.getStore() !== undefined;
}

/** Waits; in a background task no longer than the task lives. The fake timers of a test move it. */
export function sleep(milliseconds: number): Promise<void> {
  const { signal, check } = current.getStore() ?? {};
  return new Promise((resolve, reject) => {
    const cancelled = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      check?.();
      signal?.removeEventListener('abort', cancelled);
      resolve();
    }, milliseconds);
    if (signal?.aborted) cancelled();
    else signal?.addEventListener('abort', cancelled, { once: true });
  });
}
