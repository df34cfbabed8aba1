import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { from, isObservable, mergeMap, Observable, of, type Observer } from 'rxjs';
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
  return lastValueOf(streamFrom(0, interceptors, call));
}

/** The stream of an interceptor, or behind the last one that of the handler. Nothing runs before a subscription. */
function streamFrom(
  index: number,
  interceptors: readonly Source<NestInterceptor>[],
  call: Intercepted,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const interceptor = interceptors[index];
    if (!interceptor) return streamOf(inContext(call)).subscribe(subscriber);
    const inner: CallHandler = { handle: () => streamFrom(index + 1, interceptors, call) };
    return streamOf(interceptor(call.request).intercept(call.context, inner)).subscribe(subscriber);
  });
}

/** An interceptor may have subscribed from anywhere: the handler runs in its own context all the same. */
function inContext({ request, next }: Intercepted): unknown {
  return storage.getStore() === request ? next() : storage.run(request, next);
}

/** A result as a stream: an observable's values, those of a promise's value, or the value itself. */
function streamOf(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  return isThenable(result) ? from(Promise.resolve(result)).pipe(mergeMap(streamOf)) : of(result);
}

/** Subscribes; what has come to its end by then needs no promise. */
function lastValueOf(stream: Observable<unknown>): unknown {
  const last = new LastValue();
  stream.subscribe(last);
  return last.outcome();
}

/** Keeps the last value of a stream. */
class LastValue implements Observer<unknown> {
  #last: unknown;
  #error: { thrown: unknown } | undefined;
  #isOver = false;
  #waiting: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined;

  next(value: unknown): void {
    this.#last = value;
  }

  error(thrown: unknown): void {
    this.#error = { thrown };
    this.#waiting?.reject(thrown);
  }

  complete(): void {
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
