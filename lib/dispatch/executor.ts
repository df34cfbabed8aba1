import { isObservable, lastValueFrom } from 'rxjs';
import { toArguments } from '../common/args.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown } from '../common/printable.js';
import { chain, guarded, isThenable } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { SessionCopy } from '../context/session-copy.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import type { Handler, Passed } from '../handlers/handler.js';
import { whileThere } from '../handlers/results.js';
import type { ScopedInstances } from '../handlers/scoped-instances.js';
import { type Failures, safeError } from './failures.js';
import { InFlight } from './in-flight.js';
import { endInstances } from './instance-hooks.js';
import { type Observer, watched } from './observer.js';

/** A handler about to run. */
export interface Run {
  request: SocketRequest;
  handler: Handler;
  values: readonly unknown[];
  /** What has to be settled between the guards and the function. */
  afterGuards?: () => void | PromiseLike<void>;
}

/** What came of a handler that ran: its result, or what it threw. */
export type Outcome = { result: unknown } | { error: unknown };

/** What is done with an outcome. */
type Finish = (run: Run, outcome: Outcome) => void | PromiseLike<void>;

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
  handleEvent(run: Run): void | Promise<void> {
    return this.#run(run, this.#acknowledge);
  }

  /** Runs a handler whose result nobody waits for; errors go to the error handlers. */
  runWithoutResult(run: Run): void | Promise<void> {
    return this.#run(run, this.#ignore);
  }

  /** Runs a handler and hands its outcome on. */
  runForOutcome(run: Run, finish: Finish): void | Promise<void> {
    return this.#run(run, finish);
  }

  #run(run: Run, finish: Finish): void | Promise<void> {
    const { observer } = this;
    if (!observer) return storage.run(run.request, this.#execute, run, finish);
    return watched(observer, run, () => storage.run(run.request, this.#execute, run, finish));
  }

  /** From the opening of the session to the end of the instances, in this order. Never throws, never rejects. */
  readonly #execute = (run: Run, finish: Finish): void | Promise<void> => {
    const ended = guarded<void>(
      () => chain(this.#outcomeOf(run), (outcome) => this.#finish(run, finish, outcome)),
      (error) => this.#lost(run, error),
    );
    if (isThenable(ended)) return this.inFlight.track(ended as Promise<void>, run.request.connection.client);
  };

  /** The result of a handler when its session is saved, or what it, or the session, threw. */
  #outcomeOf(run: Run): Outcome | PromiseLike<Outcome> {
    return guarded<Outcome>(
      () => {
        const opening = openSession(run);
        if (!opening) return resultOf(run);
        // Nothing in between: what the handler writes at once, the client's next event is to find in its session.
        return opening.then(
          () => resultOf(run),
          (error: unknown) => this.#unopened(run, error),
        );
      },
      (error) => ({ error }),
    );
  }

  /** Without its session an event is not handled, and its error handlers see none; a client that leaves keeps the old one. */
  #unopened(run: Run, error: unknown): Outcome | PromiseLike<Outcome> {
    if (run.request.event.message !== 'disconnect') {
      run.request.sessionCopy = new SessionCopy(undefined);
      throw error;
    }
    this.#reportSession(run, error);
    return resultOf(run);
  }

  #finish(run: Run, finish: Finish, outcome: Outcome): void | PromiseLike<void> {
    return chain(finish(run, outcome), () =>
      chain(this.#endInstances(run), () =>
        chain(this.#keepSession(run), () => run.request.sessionCopy?.end(run.handler.place)),
      ),
    );
  }

  /** What the error handlers answer to an error, when their session is saved. Never rejects. */
  async answerTo(run: Run, error: unknown): Promise<unknown> {
    const { request, handler } = run;
    this.observer?.failed(run);
    try {
      return await settled(this.failures.handle(request, handler, error));
    } catch (second) {
      return this.failures.twice(request, handler, { first: error, second });
    } finally {
      await this.#keepSession(run);
    }
  }

  /** Saves what error handlers and instances that end have written to the session besides. */
  #keepSession(run: Run): void | PromiseLike<void> {
    if (!run.request.sessionKeeper) return;
    return guarded<void>(
      () => closeSession(run),
      (error) => this.#reportSession(run, error),
    );
  }

  #reportSession({ request, handler }: Run, error: unknown): void {
    const line = `Session of ${handler.place}, sid ${request.sid}: ${describeThrown(error)}`;
    this.logger.error(line, `session of ${handler.place} ${nameOfThrown(error)}`);
  }

  #endInstances({ request }: Run): void | Promise<void> {
    if (!request.instances && !request.loaded) return;
    return endInstances(this.scoped.instancesOf(request), 'onEventEnd', this.logger);
  }

  /** Tells a connection's durable instances that it is over. */
  endConnection(connection: Connection): void {
    if (!connection.durable) return;
    const ending = endInstances(this.scoped.durableInstancesOf(connection), 'onConnectionEnd', this.logger);
    if (ending) void this.inFlight.track(ending, connection.client);
  }

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

/** What comes of guards and function, when the session is saved. */
function resultOf(run: Run): Outcome | PromiseLike<Outcome> {
  return chain(settledNow(guardedRun(run), run.request), (result) =>
    chain(closeSession(run), () => ({ result })),
  );
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

/** Keeps what has been written to the session; a promise where that goes to a store. */
function closeSession({ request }: Run): Promise<void> | undefined {
  return request.sessionKeeper?.close(request);
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

/** The same; at once where nothing has to be waited for. */
function settledNow(result: unknown, request: SocketRequest): unknown {
  return isThenable(result) || isObservable(result) ? settled(result, request) : result;
}
