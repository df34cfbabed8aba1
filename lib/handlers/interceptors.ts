import { AsyncResource } from 'node:async_hooks';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { from, isObservable, mergeMap, Observable, of, tap, type Observer, type Subscriber } from 'rxjs';
import { Args, asArgs } from '../common/args.js';
import { ConnectionRefusedError } from '../common/errors.js';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import { isA } from './filters.js';
import type { Source } from './handler.js';
import { whileThere } from './results.js';

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
  const passage = new Passage(interceptors, call);
  const last = new LastValue((value) => passage.outcomeOf(value));
  streamOf(passage.enter(0)).subscribe(last);
  passage.proceed();
  return last.outcome();
}

/** One way through the interceptors to the handler and back. */
class Passage {
  /** What has been subscribed to and has not started, in its order; nothing once that is left to promises. */
  #waiting: (() => void)[] | undefined = [];

  /** What the handler has returned last. */
  #answer: unknown;
  /** What it has thrown instead. */
  #failure: { thrown: unknown } | undefined;

  constructor(
    private readonly interceptors: readonly Source<NestInterceptor>[],
    private readonly call: Intercepted,
  ) {}

  /** Calls an interceptor, or behind the last one the handler. */
  enter(index: number): unknown {
    const interceptor = this.interceptors[index];
    const { request, context } = this.call;
    if (!interceptor) return this.#handler();
    return interceptor(request).intercept(context, { handle: () => this.#handle(index + 1) });
  }

  #handler(): unknown {
    try {
      const result = inContext(this.call);
      if (isObservable(result) || isThenable(result))
        return this.#valuesOf(result).pipe(tap({ next: this.#note, error: this.#noteFailure }));
      this.#note(result);
      return result;
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
  }

  #valuesOf(result: Observable<unknown> | PromiseLike<unknown>): Observable<unknown> {
    if (isObservable(result)) return whileThere(result, this.call.request);
    return from(Promise.resolve(result)).pipe(
      mergeMap((value) => (isObservable(value) ? whileThere(value, this.call.request) : of(value))),
    );
  }

  readonly #note = (value: unknown): void => {
    this.#answer = value;
    this.#failure = undefined;
  };

  readonly #noteFailure = (thrown: unknown): void => {
    this.#failure = { thrown };
  };

  /** What came out, as what the handler meant by its own: several arguments are as many, a refusal is one. */
  outcomeOf(value: unknown): unknown {
    if (this.call.request.event.message === 'connect') return this.#verdict(value);
    return this.#answer instanceof Args ? asArgs(value, this.#answer) : value;
  }

  /**
   * No interceptor lets a client in by accident: a `false` stays one, whatever it is wrapped in; an error may be
   * answered with `true`, as an error handler does, and a refusal by nothing.
   */
  #verdict(value: unknown): unknown {
    if (!this.#failure) return this.#answer === false ? false : value;
    const { thrown } = this.#failure;
    if (value === true && !isA(thrown, ConnectionRefusedError)) return true;
    throw thrown;
  }

  /**
   * What an interceptor calls `next.handle()`. It runs in the asynchronous context of that call, and tells whoever
   * subscribes in that of the subscription: what AsyncLocalStorage holds is what it is in Nest.
   */
  #handle(index: number): ReturnType<CallHandler['handle']> {
    const scope = new AsyncResource('Intercepted');
    const enter = () => scope.runInAsyncScope(() => this.enter(index));
    const isInterceptor = index < this.interceptors.length;
    return new Observable((subscriber) => this.#later(subscriber, isInterceptor ? entered(enter) : enter));
  }

  /**
   * Nothing runs or arrives before all that is subscribing has subscribed: as in Nest, who shares the stream shares
   * one call. That needs no promise as long as the first subscription is still being made.
   */
  #later(subscriber: Subscriber<unknown>, enter: () => unknown): void {
    const start = () => {
      if (!subscriber.closed) begin(subscriber, enter);
    };
    if (!this.#waiting) return void Promise.resolve().then(start);
    const scope = new AsyncResource('Subscribed');
    this.#waiting.push(() => scope.runInAsyncScope(start));
  }

  /** The first subscription has been made: starts what waits, and what comes to wait through that. */
  proceed(): void {
    const waiting = this.#waiting ?? [];
    for (const start of waiting) start(); // grows meanwhile
    this.#waiting = undefined;
  }
}

/** Interceptors are called at once, as in Nest; what came of it waits. */
function entered(enter: () => unknown): () => unknown {
  try {
    const result = enter();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function begin(subscriber: Subscriber<unknown>, enter: () => unknown): void {
  try {
    const result = enter();
    if (isObservable(result) || isThenable(result)) return void streamOf(result).subscribe(subscriber);
    subscriber.next(result);
    subscriber.complete();
  } catch (error) {
    subscriber.error(error);
  }
}

/** An interceptor may have called from anywhere: the handler runs in its own context all the same. */
function inContext({ request, next }: Intercepted): unknown {
  return storage.getStore() === request ? next() : storage.run(request, next);
}

/** A result as a stream: an observable's values, those of a promise's value, or the value itself. */
function streamOf(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  return isThenable(result) ? from(Promise.resolve(result)).pipe(mergeMap(streamOf)) : of(result);
}
/** Keeps the last value of a stream; `finish` makes the result of it. */
class LastValue implements Observer<unknown> {
  #last: unknown;
  #error: { thrown: unknown } | undefined;
  #isOver = false;
  #waiting: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined;

  constructor(private readonly finish: (value: unknown) => unknown) {}

  next(value: unknown): void {
    this.#last = value;
  }

  error(thrown: unknown): void {
    this.#error = { thrown };
    this.#waiting?.reject(thrown);
  }

  complete(): void {
    try {
      this.#last = this.finish(this.#last);
    } catch (thrown) {
      return this.error(thrown);
    }
    this.#isOver = true;
    this.#waiting?.resolve(this.#last);
  }

  /** The value, or what the stream failed with; a promise while it runs. */
  outcome(): unknown {
    if (this.#isOver) return this.#last;
    if (this.#error) throw this.#error.thrown;
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }
}
