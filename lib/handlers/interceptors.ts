import { AsyncResource } from 'node:async_hooks';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { from, isObservable, mergeMap, Observable, of, tap, type Observer, type Subscriber } from 'rxjs';
import { Args, asArgs } from '../common/args.js';
import { ConnectionRefusedError } from '../common/errors.js';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import { isInstance } from './filters.js';
import type { InstanceResolver } from './handler.js';
import { untilDisconnect } from './results.js';

/** A handler's call that interceptors wrap. */
export interface InterceptedCall {
  request: SocketRequest;
  context: ExecutionContext;
  next: () => unknown;
}

/**
 * Runs a handler inside interceptors, of which the first is the outermost. Returns the last value of their stream, or a
 * promise of it if the stream does not end at once.
 */
export function intercept(
  interceptors: readonly InstanceResolver<NestInterceptor>[],
  call: InterceptedCall,
): unknown {
  const chain = new InterceptorChain(interceptors, call);
  const last = new LastValue((value) => chain.outcomeOf(value));
  streamOf(chain.callFrom(0)).subscribe(last);
  chain.start();
  return last.outcome();
}

/** One call through the interceptors to the handler. */
class InterceptorChain {
  /** Subscriptions that have not started, in their order. `undefined` after `start()`: later ones wait for a promise. */
  #waiting: (() => void)[] | undefined = [];

  /** What the handler has returned last; interceptors may call it again. */
  #handlerResult: unknown;
  /** What its last call has thrown. */
  #handlerError: { thrown: unknown } | undefined;

  constructor(
    private readonly interceptors: readonly InstanceResolver<NestInterceptor>[],
    private readonly call: InterceptedCall,
  ) {}

  /** Calls an interceptor, or, after the last one, the handler. */
  callFrom(index: number): unknown {
    const interceptor = this.interceptors[index];
    const { request, context } = this.call;
    if (!interceptor) return this.#callHandler();
    return interceptor(request).intercept(context, { handle: () => this.#nextOf(index + 1) });
  }

  #callHandler(): unknown {
    try {
      const result = runInContext(this.call);
      if (isObservable(result) || isThenable(result))
        return this.#valuesOf(result).pipe(tap({ next: this.#keepResult, error: this.#keepError }));
      this.#keepResult(result);
      return result;
    } catch (error) {
      this.#keepError(error);
      throw error;
    }
  }

  #valuesOf(result: Observable<unknown> | PromiseLike<unknown>): Observable<unknown> {
    if (isObservable(result)) return untilDisconnect(result, this.call.request);
    return from(Promise.resolve(result)).pipe(
      mergeMap((value) => (isObservable(value) ? untilDisconnect(value, this.call.request) : of(value))),
    );
  }

  readonly #keepResult = (value: unknown): void => {
    this.#handlerResult = value;
    this.#handlerError = undefined;
  };

  readonly #keepError = (thrown: unknown): void => {
    this.#handlerError = { thrown };
  };

  /** The final value. If the handler returned several arguments or refused a connect, the value has that meaning, too. */
  outcomeOf(value: unknown): unknown {
    if (this.call.request.event.message === 'connect') return this.#connectResult(value);
    return this.#handlerResult instanceof Args ? asArgs(value, this.#handlerResult) : value;
  }

  /**
   * The result of a connect. An interceptor must not accept a client by accident: the handler's `false` refuses the client,
   * whatever an interceptor makes of it. An interceptor may turn an error into `true`, but not a refusal.
   */
  #connectResult(value: unknown): unknown {
    if (!this.#handlerError) return this.#handlerResult === false ? false : value;
    const { thrown } = this.#handlerError;
    if (value === true && !isInstance(thrown, ConnectionRefusedError)) return true;
    throw thrown;
  }

  /**
   * The stream of an interceptor's `next.handle()`. As in Nest, the next stage runs in the asynchronous context of that
   * call, and its values arrive in that of the subscription.
   */
  #nextOf(index: number): ReturnType<CallHandler['handle']> {
    const scope = new AsyncResource('Intercepted');
    const enter = () => scope.runInAsyncScope(() => this.callFrom(index));
    const isInterceptor = index < this.interceptors.length;
    return new Observable((subscriber) => this.#defer(subscriber, isInterceptor ? callNow(enter) : enter));
  }

  /**
   * Starts a subscription after all that subscribe in the same turn have done so: as in Nest, operators that share the
   * stream share one call. During the first subscription this needs no promise, because `start()` follows.
   */
  #defer(subscriber: Subscriber<unknown>, enter: () => unknown): void {
    const start = () => {
      if (!subscriber.closed) emitResult(subscriber, enter);
    };
    if (!this.#waiting) return void Promise.resolve().then(start);
    const scope = new AsyncResource('Subscribed');
    this.#waiting.push(() => scope.runInAsyncScope(start));
  }

  /** Starts the waiting subscriptions, and those that are added meanwhile. Called after the first subscription. */
  start(): void {
    const waiting = this.#waiting ?? [];
    for (const start of waiting) start(); // the list may grow meanwhile
    this.#waiting = undefined;
  }
}

/** Calls an interceptor at once, as in Nest. What it returns or throws is delivered later. */
function callNow(enter: () => unknown): () => unknown {
  try {
    const result = enter();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function emitResult(subscriber: Subscriber<unknown>, enter: () => unknown): void {
  try {
    const result = enter();
    if (isObservable(result) || isThenable(result)) return void streamOf(result).subscribe(subscriber);
    subscriber.next(result);
    subscriber.complete();
  } catch (error) {
    subscriber.error(error);
  }
}

/** Runs the handler in the context of its event, wherever the interceptor has called it. */
function runInContext({ request, next }: InterceptedCall): unknown {
  return storage.getStore() === request ? next() : storage.run(request, next);
}

/** A result as a stream: an observable's values, those of a promise's value, or the value itself. */
function streamOf(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  return isThenable(result) ? from(Promise.resolve(result)).pipe(mergeMap(streamOf)) : of(result);
}

/** Keeps the last value of a stream. `finish` turns it into the result. */
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

  /** Returns the result or throws the stream's error. While the stream runs, returns a promise. */
  outcome(): unknown {
    if (this.#isOver) return this.#last;
    if (this.#error) throw this.#error.thrown;
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }
}
