import { isObservable, lastValueFrom } from 'rxjs';
import { toArguments } from '../common/args.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown } from '../common/printable.js';
import { chain, isThenable } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { SessionCopy } from '../context/session-copy.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import type { Handler, Passed } from '../handlers/handler.js';
import { whileThere } from '../handlers/results.js';
import type { ScopedInstances } from '../handlers/scoped-instances.js';
import type { Failures } from './failures.js';
import { InFlight } from './in-flight.js';
import { endInstances } from './instance-hooks.js';
import { watched, type Observer } from './observer.js';
import { safeError } from './safe-error.js';

/** A handler about to run. */
export interface Run {
  request: SocketRequest;
  handler: Handler;
  values: readonly unknown[];
  /** What has to be settled between the guards and the function. */
  afterGuards?: () => void | PromiseLike<void>;
}

/** What came of a handler that ran: its result, or what it threw. */
type Finish = (run: Run, outcome: { result: unknown } | { error: unknown }) => void | PromiseLike<void>;

/** Runs handlers in their context. Whatever they do, nothing is thrown and no promise rejects. */
export class Executor {
  /** The handlers that are running. */
  readonly inFlight = new InFlight();
  /** Who watches, if anybody does. */
  observer: Observer | undefined;

  constructor(
    private readonly failures: Failures,
    private readonly scoped: ScopedInstances,
    private readonly logger: Log,
  ) {}

  /** Handles an event: the result, or what an error handler makes of an error, becomes the acknowledgement. */
  event(run: Run): void | Promise<void> {
    return this.#run(run, this.#acknowledge);
  }

  /** Runs a handler whose result nobody waits for; errors go to the error handlers. */
  quietly(run: Run): void | Promise<void> {
    return this.#run(run, this.#ignore);
  }

  /** Runs a handler and hands its outcome on. */
  decide(run: Run, finish: Finish): void | Promise<void> {
    return this.#run(run, finish);
  }

  #run(run: Run, finish: Finish): void | Promise<void> {
    const { observer } = this;
    if (!observer) return storage.run(run.request, this.#execute, run, finish);
    return watched(observer, run, () => storage.run(run.request, this.#execute, run, finish));
  }

  /** What the error handlers answer to an error. Never rejects. */
  async answerTo(run: Run, error: unknown): Promise<unknown> {
    const { request, handler } = run;
    this.observer?.failed(run);
    try {
      return await settled(this.failures.handle(request, handler, error));
    } catch (second) {
      return this.failures.twice(request, handler, { first: error, second });
    } finally {
      if (request.sessionKeeper) await this.#keepSession({ request, handler });
    }
  }

  /** Saves what an event that failed has written to its session, its error handlers included. */
  async #keepSession(run: Pick<Run, 'request' | 'handler'>): Promise<void> {
    try {
      await closeSession(run.request);
    } catch (error) {
      this.#reportSession(run, error);
    }
  }

  #reportSession({ request, handler }: Pick<Run, 'request' | 'handler'>, error: unknown): void {
    const line = `Session of ${handler.place}, sid ${request.sid}: ${describeThrown(error)}`;
    this.logger.error(line, `session of ${handler.place} ${nameOfThrown(error)}`);
  }

  /** Tells a connection's durable instances that it is over. */
  endConnection(connection: Connection): void {
    if (!connection.durable) return;
    const ending = endInstances(this.scoped.durableInstancesOf(connection), 'onConnectionEnd', this.logger);
    if (ending) void this.inFlight.track(ending, connection.client);
  }

  readonly #execute = (run: Run, finish: Finish): void | Promise<void> => {
    try {
      const opening = openSession(run);
      return opening ? this.#track(run, this.#whenOpen(opening, run, finish)) : this.#invoke(run, finish);
    } catch (error) {
      return this.#lost(run, error);
    }
  };

  /** Nothing else has taken care of an error: it goes no further, and the client hears that there was one. */
  #lost({ request, handler }: Run, error: unknown): void {
    const line = `Error after ${handler.place}, sid ${request.sid}: ${describeThrown(error)}`;
    this.logger.error(line, `after ${handler.place} ${nameOfThrown(error)}`);
    try {
      acknowledge(request, safeError(undefined));
    } catch {
      // it cannot even be told
    }
  }

  async #whenOpen(opening: Promise<void>, run: Run, finish: Finish): Promise<void> {
    try {
      await opening;
    } catch (error) {
      if (run.request.event.message !== 'disconnect') return this.#unopened(run, finish, error);
      this.#reportSession(run, error); // the handler sees the session as it was
    }
    await this.#invoke(run, finish);
  }

  /** Without its session an event is not handled. Its error handlers see none rather than an old one. */
  #unopened(run: Run, finish: Finish, error: unknown): Promise<void> {
    run.request.sessionCopy = new SessionCopy(undefined);
    return this.#finishing(run, finish(run, { error }));
  }

  #invoke(run: Run, finish: Finish): void | Promise<void> {
    try {
      const result = guardedRun(run);
      if (isThenable(result) || isObservable(result))
        return this.#track(run, this.#later(run, result, finish));
      const closing = closeSession(run.request);
      if (closing) return this.#track(run, this.#later(run, closing.then(() => result), finish)); // prettier-ignore
      const finished = finish(run, { result });
      const ended = isThenable(finished) ? this.#finishing(run, finished) : this.#endedAtOnce(run);
      return ended && this.#track(run, ended);
    } catch (error) {
      return this.#track(run, this.#finishing(run, finish(run, { error })));
    }
  }

  #track(run: Run, promise: Promise<void>): Promise<void> {
    const total = promise.then(undefined, (error: unknown) => this.#lost(run, error));
    return this.inFlight.track(total, run.request.connection.client);
  }

  async #later(run: Run, result: unknown, finish: Finish): Promise<void> {
    const outcome = await settledAndKept(run, result).then(
      (value) => ({ result: value }),
      (error: unknown) => ({ error }),
    );
    await this.#finishing(run, finish(run, outcome));
  }

  async #finishing(run: Run, finished: void | PromiseLike<void>): Promise<void> {
    await finished;
    await this.#ended(run);
    if (run.request.sessionKeeper) await this.#keepSession(run);
    run.request.sessionCopy?.end(run.handler.place);
  }

  /** Its hooks may write to its session. */
  #endedAtOnce(run: Run): void | Promise<void> {
    const { instances, loaded, sessionKeeper } = run.request;
    if (sessionKeeper && (instances ?? loaded)) return this.#finishing(run, undefined);
    run.request.sessionCopy?.end(run.handler.place);
    return this.#ended(run);
  }

  #ended({ request }: Run): void | Promise<void> {
    if (!request.instances && !request.loaded) return;
    return endInstances(this.scoped.instancesOf(request), 'onEventEnd', this.logger);
  }

  readonly #acknowledge: Finish = (run, outcome) => {
    if ('error' in outcome) return this.#acknowledgeError(run, outcome.error);
    if (run.handler.acknowledgesItself) return;
    try {
      acknowledge(run.request, outcome.result);
    } catch (error) {
      return this.#acknowledgeError(run, error);
    }
  };

  async #acknowledgeError(run: Run, error: unknown): Promise<void> {
    const answer = await this.answerTo(run, error);
    try {
      acknowledge(run.request, answer);
    } catch (second) {
      const { request, handler } = run;
      const safe = this.failures.twice(request, handler, { first: error, second });
      acknowledgeSafely(request, safe);
    }
  }

  readonly #ignore: Finish = (run, outcome) => {
    if ('error' in outcome) return this.answerTo(run, outcome.error).then(() => undefined);
  };
}

/** Guards, then the function with all that is around it. */
function guardedRun(run: Run): unknown {
  const passed = run.handler.guard?.(run.request);
  return isThenable(passed) ? passed.then((later) => passedRun(run, later)) : passedRun(run, passed);
}

function passedRun({ request, handler, values, afterGuards }: Run, passed: Passed): unknown {
  if (passed === false) return undefined;
  if (!afterGuards) return handler.run(request, values);
  return chain(afterGuards(), () => handler.run(request, values));
}

/** Gives an event its session; a promise where that is in a store. */
function openSession({ request, handler }: Run): Promise<void> | undefined {
  const { keeper } = request.connection.client;
  if (handler.session !== false) return keeper?.open(request);
  request.withoutSession = handler.place;
  return keeper?.skip();
}

function closeSession(request: SocketRequest): Promise<void> | undefined {
  return request.sessionKeeper?.close(request);
}

/** The result of a handler, when its session is saved. */
async function settledAndKept({ request }: Run, result: unknown): Promise<unknown> {
  const value = await settled(result, request);
  const closing = closeSession(request);
  if (closing) await closing;
  return value;
}

/** Answers the client, if it asked and is still here. Throws what cannot be encoded. */
function acknowledge({ acknowledge: answer, connection }: SocketRequest, result: unknown): void {
  if (answer && connection.socket.connected) answer(...toArguments(result));
}

/** Answers with what may be told of an error; where not even that can be encoded, with less. */
function acknowledgeSafely(request: SocketRequest, safe: unknown): void {
  try {
    acknowledge(request, safe);
  } catch {
    acknowledge(request, safeError(undefined));
  }
}

/**
 * The value of a promise, the last one of an observable; of a promise of an observable, too. One of a handler (whose
 * event it is) ends with its client.
 */
async function settled(result: unknown, request?: SocketRequest): Promise<unknown> {
  const value = await result;
  if (!isObservable(value)) return value;
  const stream = request ? whileThere(value, request) : value;
  return lastValueFrom(stream, { defaultValue: undefined });
}
