import type { Election } from '../queue/election.js';
import {
  type BackgroundFunction,
  BackgroundTask,
  type BackgroundTaskOptions,
  runAs,
  sleep,
} from './background-task.js';
import type { FlaskSocketRuntime } from './flask-socket.runtime.js';
import type { Shutdown } from './shutdown.js';

/** The types of a list as they are: what takes them has no say in what they are. */
type Given<Values extends unknown[]> = { [Index in keyof Values]: NoInfer<Values[Index]> };

/** Values of which texts and numbers are taken for themselves. */
type Literals = (string | number | bigint | boolean | symbol | object | null | undefined)[];

/** What is run while this process leads. */
interface Part {
  election: Election;
  run: (signal: AbortSignal) => unknown;
  signal: AbortSignal;
}

/** What `SocketIO` does in the background. */
export abstract class Background {
  readonly #runtime: FlaskSocketRuntime;
  readonly #shutdown: Pick<Shutdown, 'keep'>;

  constructor(runtime: FlaskSocketRuntime, shutdown: Pick<Shutdown, 'keep'>) {
    this.#runtime = runtime;
    this.#shutdown = shutdown;
  }

  /**
   * Runs a function in the background; it ends with the application. The function gets the values, and after them its
   * signal, which it need not declare.
   */
  startBackgroundTask<Values extends unknown[], Result>(
    fn: BackgroundFunction<Given<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  /** The same for parameters that take only some texts or numbers. */
  startBackgroundTask<Values extends Literals, Result>(
    fn: BackgroundFunction<Given<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  /**
   * The same with options: `{ once: 'ticker' }` runs it in one process of all, and when that one ends in another.
   *
   * @throws `FSK_NO_LEADER` with an adapter factory in option `messageQueue`.
   */
  startBackgroundTask<Values extends unknown[], Result>(
    options: BackgroundTaskOptions,
    fn: BackgroundFunction<Given<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  /** The same for parameters that take only some texts or numbers. */
  startBackgroundTask<Values extends Literals, Result>(
    options: BackgroundTaskOptions,
    fn: BackgroundFunction<Given<Values>, Result>,
    ...values: Values
  ): BackgroundTask<Awaited<Result>>;
  startBackgroundTask(...given: unknown[]): BackgroundTask {
    return this.#shutdown.keep(this.#started(given));
  }

  /**
   * Whether this process leads under a name: one does of all that ask. For what a scheduler calls in each of them. The
   * first answer may take some seconds, further ones come at once.
   *
   * @throws `FSK_NO_LEADER` with an adapter factory in option `messageQueue`.
   */
  async isLeader(name: string): Promise<boolean> {
    const election = this.#runtime.messageQueue.election(name, 'isLeader()');
    election.join();
    return await election.isLeaderOnceKnown();
  }

  /** Waits for a number of milliseconds; in a background task no longer than the task lives. */
  sleep(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** Options, if there are any, a function, its values. */
  #started(given: unknown[]): BackgroundTask {
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
    return new BackgroundTask((signal) => whileLeading({ election, run, signal }), logger);
  }
}

/**
 * Runs a function while this process leads, anew each time that it begins to, and never twice at a time. When the
 * function has ended by itself, this process goes on leading: no other one runs it as long as this one lives. When the
 * task has been cancelled and has ended, another process leads.
 */
async function whileLeading(part: Part): Promise<unknown> {
  const { election, signal } = part;
  const leave = election.join();
  try {
    return await untilEnded(part);
  } finally {
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  }
}

async function untilEnded({ election, run, signal }: Part): Promise<unknown> {
  for (;;) {
    const reign = await election.leadership(signal);
    const outcome = await ended({ election, run, signal: AbortSignal.any([signal, reign]) });
    if (!reign.aborted || signal.aborted) return outcome();
  }
}

/** What a function ends with; what it throws is thrown when that is asked for. */
async function ended({ election, run, signal }: Part): Promise<() => unknown> {
  try {
    const result = await runAs({ signal, check: () => election.isLeader }, run);
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
