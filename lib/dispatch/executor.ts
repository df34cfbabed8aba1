import { isObservable, lastValueFrom } from 'rxjs';
import { toArguments } from '../common/args.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown } from '../common/printable.js';
import { chain, guarded, isThenable } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import { SessionCopy } from '../context/session-copy.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import type { Handler, GuardResult } from '../handlers/handler.js';
import { untilDisconnect } from '../handlers/results.js';
import type { ScopedInstances } from '../handlers/scoped-instances.js';
import { type Failures, safeError } from './failures.js';
import { InFlight } from './in-flight.js';
import { callEndHooks } from './instance-hooks.js';
import { type Observer, runObserved } from './observer.js';

/** A handler about to run. */
export interface HandlerRun {
  request: SocketRequest;
  handler: Handler;
  values: readonly unknown[];
  /** Called between the guards and the handler. */
  afterGuards?: () => void | PromiseLike<void>;
}

/** What a handler returned or threw. */
export type Outcome = { result: unknown } | { error: unknown };

/** Uses the outcome of a handler: acknowledges, reports the error. */
type Finish = (run: HandlerRun, outcome: Outcome) => void | PromiseLike<void>;

/** Runs handlers in their context. It never throws, and its promises never reject. */
export class Executor {
  /** The handlers that are running, for a shutdown to wait for. */
  readonly inFlight = new InFlight();
  /** Set if the application collects metrics. */
  observer: Observer | undefined;

  constructor(
    private readonly failures: Failures,
    private readonly scoped: ScopedInstances,
    private readonly logger: Log,
  ) {}

  /** Runs the handler of an event and acknowledges with its result, or with what an error handler returns. */
  handleEvent(run: HandlerRun): void | Promise<void> {
    return this.#run(run, this.#acknowledge);
  }

  /** Runs a handler and ignores its result; errors go to the error handlers. */
  runWithoutResult(run: HandlerRun): void | Promise<void> {
    return this.#run(run, this.#discardResult);
  }

  /** Runs a handler and passes its outcome to `finish`. */
  runForOutcome(run: HandlerRun, finish: Finish): void | Promise<void> {
    return this.#run(run, finish);
  }

  #run(run: HandlerRun, finish: Finish): void | Promise<void> {
    const { observer } = this;
    if (!observer) return storage.run(run.request, this.#execute, run, finish);
    return runObserved(observer, run, () => storage.run(run.request, this.#execute, run, finish));
  }

  /** Opens the session, runs the handler, finishes, ends the event's instances. Never throws or rejects. */
  readonly #execute = (run: HandlerRun, finish: Finish): void | Promise<void> => {
    const ended = guarded<void>(
      () => chain(this.#runHandler(run), (outcome) => this.#finish(run, finish, outcome)),
      (error) => this.#handleUnexpected(run, error),
    );
    if (isThenable(ended)) return this.inFlight.track(ended as Promise<void>, run.request.connection.client);
  };

  /** The outcome of guards, handler and session: the result is there once the session is saved. */
  #runHandler(run: HandlerRun): Outcome | PromiseLike<Outcome> {
    return guarded<Outcome>(
      () => {
        const opening = openSession(run);
        if (!opening) return runAndSaveSession(run);
        // Runs in the same microtask: the client's next event must find what the handler writes synchronously.
        return opening.then(
          () => runAndSaveSession(run),
          (error: unknown) => this.#sessionUnavailable(run, error),
        );
      },
      (error) => ({ error }),
    );
  }

  /** An event whose session cannot be read is not handled; its error handlers see an empty one. A disconnect is handled anyway. */
  #sessionUnavailable(run: HandlerRun, error: unknown): Outcome | PromiseLike<Outcome> {
    if (run.request.event.message !== 'disconnect') {
      run.request.sessionCopy = new SessionCopy(undefined);
      throw error;
    }
    this.#logSessionError(run, error);
    return runAndSaveSession(run);
  }

  #finish(run: HandlerRun, finish: Finish, outcome: Outcome): void | PromiseLike<void> {
    return chain(finish(run, outcome), () =>
      chain(this.#endEventInstances(run), () =>
        chain(this.#saveSession(run), () => run.request.sessionCopy?.end(run.handler.place)),
      ),
    );
  }

  /** Passes an error to the error handlers, saves their session, and resolves with what they return. Never rejects. */
  async handleError(run: HandlerRun, error: unknown): Promise<unknown> {
    const { request, handler } = run;
    this.observer?.handlerFailed(run);
    try {
      return await resolveResult(this.failures.handle(request, handler, error));
    } catch (second) {
      return this.failures.errorHandlerFailed(request, handler, { first: error, second });
    } finally {
      await this.#saveSession(run);
    }
  }

  /** Saves what error handlers and end hooks have written to the session. */
  #saveSession(run: HandlerRun): void | PromiseLike<void> {
    if (!run.request.sessionKeeper) return;
    return guarded<void>(
      () => saveSession(run),
      (error) => this.#logSessionError(run, error),
    );
  }

  #logSessionError({ request, handler }: HandlerRun, error: unknown): void {
    const line = `Session of ${handler.place}, sid ${request.sid}: ${describeThrown(error)}`;
    this.logger.error(line, `session of ${handler.place} ${nameOfThrown(error)}`);
  }

  #endEventInstances({ request }: HandlerRun): void | Promise<void> {
    if (!request.instances && !request.nestInstances) return;
    return callEndHooks(this.scoped.instancesOf(request), 'onEventEnd', this.logger);
  }

  /** Calls the end hooks of the connection's durable instances. */
  endConnectionInstances(connection: Connection): void {
    if (!connection.durable) return;
    const ending = callEndHooks(this.scoped.durableInstancesOf(connection), 'onConnectionEnd', this.logger);
    if (ending) void this.inFlight.track(ending, connection.client);
  }

  /** An error outside of handlers and error handlers: it is logged, and the client gets a generic error. */
  #handleUnexpected({ request, handler }: HandlerRun, error: unknown): void {
    const line = `Error after ${handler.place}, sid ${request.sid}: ${describeThrown(error)}`;
    this.logger.error(line, `after ${handler.place} ${nameOfThrown(error)}`);
    try {
      acknowledge(request, safeError(undefined));
    } catch {
      // the acknowledgement itself fails
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

  async #acknowledgeError(run: HandlerRun, error: unknown): Promise<void> {
    const answer = await this.handleError(run, error);
    try {
      acknowledge(run.request, answer);
    } catch (second) {
      const { request, handler } = run;
      const safe = this.failures.errorHandlerFailed(request, handler, { first: error, second });
      acknowledgeSafely(request, safe);
    }
  }

  readonly #discardResult: Finish = (run, outcome) => {
    if ('error' in outcome) return this.handleError(run, outcome.error).then(() => undefined);
  };
}

function runAndSaveSession(run: HandlerRun): Outcome | PromiseLike<Outcome> {
  return chain(resolveIfAsync(runGuardsAndHandler(run), run.request), (result) =>
    chain(saveSession(run), () => ({ result })),
  );
}

function runGuardsAndHandler(run: HandlerRun): unknown {
  const allowed = run.handler.guard?.(run.request);
  return isThenable(allowed)
    ? allowed.then((later) => runAfterGuards(run, later))
    : runAfterGuards(run, allowed);
}

function runAfterGuards(
  { request, handler, values, afterGuards }: HandlerRun,
  allowed: GuardResult,
): unknown {
  if (allowed === false) return undefined;
  if (!afterGuards) return handler.run(request, values);
  return chain(afterGuards(), () => handler.run(request, values));
}

/** Opens the event's session; a promise if it is read from a store. */
function openSession({ request, handler }: HandlerRun): Promise<void> | undefined {
  const { keeper } = request.connection.client;
  if (handler.session !== false) return keeper?.open(request);
  request.withoutSession = handler.place;
  return keeper?.skip();
}

/** Saves what was written to the session; a promise if it goes to a store. */
function saveSession({ request }: HandlerRun): Promise<void> | undefined {
  return request.sessionKeeper?.close(request);
}

/** Acknowledges the event, if its client asked for it and is still connected. Throws if the result cannot be encoded. */
function acknowledge({ acknowledge: answer, connection }: SocketRequest, result: unknown): void {
  if (answer && connection.socket.connected) answer(...toArguments(result));
}

/** Acknowledges with an error payload, or with a generic one if that cannot be encoded. */
function acknowledgeSafely(request: SocketRequest, safe: unknown): void {
  try {
    acknowledge(request, safe);
  } catch {
    acknowledge(request, safeError(undefined));
  }
}

/**
 * Awaits a promise, and takes the last value of an observable. With a `request` the observable is unsubscribed when its
 * client disconnects.
 */
async function resolveResult(result: unknown, request?: SocketRequest): Promise<unknown> {
  const value = await result;
  if (!isObservable(value)) return value;
  const stream = request ? untilDisconnect(value, request) : value;
  return lastValueFrom(stream, { defaultValue: undefined });
}

/** Like {@link resolveResult}, but returns a plain value at once. */
function resolveIfAsync(result: unknown, request: SocketRequest): unknown {
  return isThenable(result) || isObservable(result) ? resolveResult(result, request) : result;
}
