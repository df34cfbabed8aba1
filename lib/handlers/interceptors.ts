import { AsyncResource } from 'node:async_hooks';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { from, isObservable, mergeMap, Observable, of, tap, type Observer, type Subscriber } from 'rxjs';
import { keepArguments } from '../common/args.js';
import { isGenerator } from '../common/generator.js';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import type { Source } from './handler.js';

/** What interceptors are wrapped around. */
export interface Intercepted {
  request: SocketRequest;
  context: ExecutionContext;
  next: () => unknown;
}

/**
 * Runs a handler inside interceptors, the first outermost. Returns the last value that comes out; a promise of it
 * only if it is not there at once.
 */
export function intercept(interceptors: readonly Source<NestInterceptor>[], call: Intercepted): unknown {
  return new Interception(interceptors, call).outcome();
}

/**
 * One event on its way through interceptors, as in Nest: what lies behind an interceptor starts with each subscription
 * to `next.handle()`, in the asynchronous context in which `handle()` was called, and its values come when all that
 * subscribes in the same turn has done so. An interceptor that shares them has its handler run once.
 */
class Interception {
  readonly #interceptors: readonly Source<NestInterceptor>[];
  readonly #call: Intercepted;
  /** What the handler returned last. */
  #returned: unknown;
  /** What has started, and has its values delivered when the turn of the subscriptions is over. */
  #started: (() => void)[] | undefined = [];

  constructor(interceptors: readonly Source<NestInterceptor>[], call: Intercepted) {
    this.#interceptors = interceptors;
    this.#call = call;
  }

  /** The last value, or what came to be thrown. */
  outcome(): unknown {
    const last = new LastValue((value) => keepArguments(this.#returned, value));
    streamOf(this.#start(0)).subscribe(last);
    for (let next = this.#started?.shift(); next; next = this.#started?.shift()) next();
    this.#started = undefined;
    return last.outcome();
  }

  /** Calls an interceptor, or behind the last one the handler. */
  #start(index: number): unknown {
    const { request, context, next } = this.#call;
    const interceptor = this.#interceptors[index];
    if (interceptor) return interceptor(request).intercept(context, this.#handlerOf(index + 1));
    return this.#noted(storage.getStore() === request ? next() : storage.run(request, next));
  }

  /** Notes what comes of the handler. */
  #noted(result: unknown): unknown {
    const note = (value: unknown) => (this.#returned = value);
    if (isThenable(result)) return Promise.resolve(result).then((value) => this.#noted(value));
    return isObservable(result) ? result.pipe(tap(note)) : note(result);
  }

  #handlerOf(index: number): CallHandler {
    return {
      handle: () => {
        const scope = new AsyncResource('next.handle()');
        const start = () => this.#start(index);
        return new Observable((subscriber) => {
          const result = outcomeOf(() => scope.runInAsyncScope(start));
          this.#later(() => deliver(result, subscriber));
        });
      },
    };
  }

  /** At the end of the turn; with a microtask where the subscription came later. */
  #later(action: () => void): void {
    if (this.#started) this.#started.push(action);
    else queueMicrotask(action);
  }
}

type Outcome = { value: unknown } | { thrown: unknown };

function outcomeOf(start: () => unknown): Outcome {
  try {
    const value = start();
    if (!isThenable(value)) return { value };
    const promise = Promise.resolve(value);
    promise.catch(() => {}); // nobody may be left who listens
    return { value: promise };
  } catch (thrown) {
    return { thrown };
  }
}

function deliver(outcome: Outcome, subscriber: Subscriber<unknown>): void {
  if (subscriber.closed) return;
  if ('thrown' in outcome) subscriber.error(outcome.thrown);
  else subscriber.add(streamOf(outcome.value).subscribe(subscriber));
}

/** A result as a stream: an observable's or a generator's values, those of a promise's value, or the value itself. */
function streamOf(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  if (isGenerator(result)) return from(result);
  return isThenable(result) ? from(Promise.resolve(result)).pipe(mergeMap(streamOf)) : of(result);
}

/** Keeps the last value of a stream. */
class LastValue implements Observer<unknown> {
  #last: unknown;
  #error: { thrown: unknown } | undefined;
  #isOver = false;
  #waiting: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined;

  constructor(private readonly finish: (last: unknown) => unknown) {}

  next(value: unknown): void {
    this.#last = value;
  }

  error(thrown: unknown): void {
    this.#error = { thrown };
    this.#waiting?.reject(thrown);
  }

  complete(): void {
    this.#isOver = true;
    this.#waiting?.resolve(this.finish(this.#last));
  }

  /** The value, or what the stream failed with; a promise while it runs. */
  outcome(): unknown {
    if (this.#isOver) return this.finish(this.#last);
    if (this.#error) throw this.#error.thrown;
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }
}
