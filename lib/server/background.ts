import { AsyncLocalStorage } from 'node:async_hooks';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown } from '../common/printable.js';
import { DETACHED } from '../common/thenable.js';
import { storage } from '../context/storage.js';
import type { Election } from '../queue/election.js';
import type { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** A function to run in the background. Its last argument is a signal that is aborted when it has to stop. */
export type BackgroundFunction<Values extends unknown[], Result> = (
  ...values: [...Values, AbortSignal]
) => Result;

/** A task that is running, or a run of it with a signal of its own. */
interface RunningTask {
  signal: AbortSignal;
  /** Called after each `sleep()`; it may abort the signal. */
  afterSleep?: () => unknown;
}

/** The task of the current asynchronous context: its `sleep()` ends when it is cancelled. */
const currentTask = new AsyncLocalStorage<RunningTask>();

/** Options of a background task. */
export interface BackgroundTaskOptions {
  /**
   * A name. Of all processes that share the message queue, one runs the task of that name. When that process ends,
   * another one takes over.
   */
  once?: string;
}

/**
 * A running background task. `await` it for its result, which is `undefined` after a cancellation. An error of the task
 * is logged; it also rejects the `await`.
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
  /** @internal A handler that returns a task does not wait for it. */
  readonly [DETACHED] = true;
  readonly #abort = new AbortController();
  readonly #result: Promise<Result | undefined>;

  /** @internal Use `SocketIO.startBackgroundTask()`. */
  constructor(run: (signal: AbortSignal) => Result | PromiseLike<Result>, logger: Log) {
    const { signal } = this.#abort;
    const start = () => runInTask({ signal }, run);
    this.#result = storage
      .exit(() => Promise.resolve().then(start))
      .catch((error: unknown) => {
        if (signal.aborted) return undefined;
        logger.error(`Error in a background task: ${describeThrown(error)}`, `task ${nameOfThrown(error)}`);
        throw error;
      });
    this.#result.catch(() => {}); // already logged; an `await` of the task still rejects
  }

  /** Asks the task to stop: aborts its signal, which also ends its `sleep()`. */
  cancel(): void {
    this.#abort.abort();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a task can be awaited
  then<Value = Result | undefined, Other = never>(
    fulfilled?: ((value: Result | undefined) => Value | PromiseLike<Value>) | null,
    rejected?: ((reason: unknown) => Other | PromiseLike<Other>) | null,
  ): Promise<Value | Other> {
    return this.#result.then(fulfilled, rejected);
  }
}

/** Runs a function as a task; its signal may be that of the task or one that ends earlier. */
export function runInTask<Result>(task: RunningTask, run: (signal: AbortSignal) => Result): Result {
  return currentTask.run(task, run, task.signal);
}

/** Whether the caller runs in a background task. */
export function isInBackgroundTask(): boolean {
  return currentTask.getStore() !== undefined;
}

/** Waits. In a background task, rejects as soon as the task is cancelled. Fake timers of a test control it. */
export function sleep(milliseconds: number): Promise<void> {
  const { signal, afterSleep } = currentTask.getStore() ?? {};
  return new Promise((resolve, reject) => {
    const cancelled = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      afterSleep?.();
      signal?.removeEventListener('abort', cancelled);
      resolve();
    }, milliseconds);
    if (signal?.aborted) cancelled();
    else signal?.addEventListener('abort', cancelled, { once: true });
  });
}

/** The same list of types, which TypeScript does not infer from the function. */
type Declared<Values extends unknown[]> = { [Index in keyof Values]: NoInfer<Values[Index]> };

/** Lets TypeScript infer literal types for strings and numbers. */
type Literals = (string | number | bigint | boolean | symbol | object | null | undefined)[];

/** A task that runs while this process is the leader. */
interface LeaderTask {
  election: Election;
  run: (signal: AbortSignal) => unknown;
  signal: AbortSignal;
}

/** Ends the tasks with the application. */
export interface TaskTracker {
  /** Tracks a task until it has ended. */
  trackTask<T>(task: BackgroundTask<T>): BackgroundTask<T>;
}

/** The methods of `SocketIO` for background tasks. */
export abstract class Background {
  readonly #runtime: FlaskSocketRuntime;
  readonly #tracker: TaskTracker;

  constructor(runtime: FlaskSocketRuntime, tracker: TaskTracker) {
    this.#runtime = runtime;
    this.#tracker = tracker;
  }

  /**
   * Runs a function in the background until it ends or the application stops. The function receives the values, and
   * after them an `AbortSignal`.
   */
  startBackgroundTask<Values extends unknown[], Result>(
    fn: BackgroundFunction<Declared<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  /** The same for parameters that take only some texts or numbers. */
  startBackgroundTask<Values extends Literals, Result>(
    fn: BackgroundFunction<Declared<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  /**
   * The same with options: `{ once: 'ticker' }` runs the function in one process of all. When that process ends, another
   * one takes over.
   *
   * @throws `FSK_NO_LEADER` with an adapter factory in option `messageQueue`.
   */
  startBackgroundTask<Values extends unknown[], Result>(
    options: BackgroundTaskOptions,
    fn: BackgroundFunction<Declared<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  /** The same for parameters that take only some texts or numbers. */
  startBackgroundTask<Values extends Literals, Result>(
    options: BackgroundTaskOptions,
    fn: BackgroundFunction<Declared<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  startBackgroundTask(...given: unknown[]): BackgroundTask {
    return this.#tracker.trackTask(this.#startTask(given));
  }

  /**
   * Whether this process is the leader under a name. Of all processes that ask, one is. Use it in a job that a scheduler
   * starts in each process. The first answer may take some seconds; later ones come at once.
   *
   * @throws `FSK_NO_LEADER` with an adapter factory in option `messageQueue`.
   */
  async isLeader(name: string): Promise<boolean> {
    const election = this.#runtime.messageQueue.election(name, 'isLeader()');
    election.join();
    return await election.isLeaderOnceKnown();
  }

  /** Waits for a number of milliseconds. In a background task, rejects as soon as the task is cancelled. */
  sleep(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** Starts a task from the arguments: options (optional), a function, its values. */
  #startTask(given: unknown[]): BackgroundTask {
    const withOptions = typeof given[0] === 'function' ? [{}, ...given] : given;
    const [{ once }, fn, ...values] = withOptions as [
      BackgroundTaskOptions,
      (...values: unknown[]) => unknown,
      ...unknown[],
    ];
    const { messageQueue, logger } = this.#runtime;
    const run = (signal: AbortSignal) => fn(...values, signal);
    if (once === undefined) return new BackgroundTask(run, logger);
    const election = messageQueue.election(once, `Background task "${once}"`);
    return new BackgroundTask((signal) => runWhileLeading({ election, run, signal }), logger);
  }
}

/**
 * Runs a function each time this process becomes the leader, one run at a time. After the function has ended by itself,
 * this process stays the leader, so that no other process runs it again. After the task was cancelled and has ended, this
 * process leaves the election.
 */
async function runWhileLeading(part: LeaderTask): Promise<unknown> {
  const { election, signal } = part;
  const leave = election.join();
  try {
    return await runUntilEnded(part);
  } finally {
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  }
}

/** Repeats the run until it ends by itself or the task is cancelled, instead of by losing the leadership. */
async function runUntilEnded({ election, run, signal }: LeaderTask): Promise<unknown> {
  for (;;) {
    const leadership = await election.leadership(signal);
    const outcome = await settle({ election, run, signal: AbortSignal.any([signal, leadership]) });
    if (!leadership.aborted || signal.aborted) return outcome();
  }
}

/** Waits for the function's end. What it returns gives the result, or throws what the function has thrown. */
async function settle({ election, run, signal }: LeaderTask): Promise<() => unknown> {
  try {
    const result = await runInTask({ signal, afterSleep: () => election.isLeader }, run);
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
