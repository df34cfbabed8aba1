import { AsyncResource } from 'node:async_hooks';
import { Observable, type Subscriber } from 'rxjs';
import { isDetached, isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';

/** What a generator function returns, or an asynchronous one. */
type AnyGenerator = Generator | AsyncGenerator;

/**
 * What a method has returned, as interceptors and the acknowledgement understand it: the values of a generator as a
 * stream, whose last one counts; nothing for a background task, which goes on by itself.
 */
export function resultOf(result: unknown, request: SocketRequest, place: string): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (isThenable(result)) return isDetached(result) ? detached(request, place) : result;
  return isGenerator(result) ? valuesOf(result) : result;
}

function detached({ connection }: SocketRequest, place: string): void {
  if (process.env['NODE_ENV'] === 'production') return;
  connection.runtime.warnOnce(
    `detached ${place}`,
    `${place} returns its background task, which is no answer and is not waited for. Return nothing, or await it.`,
  );
}

/** A stream that can be read from, a list's iterator or a cursor is none: only what a generator function returns. */
function isGenerator(result: object): result is AnyGenerator {
  const { next, return: end, throw: fail } = result as Partial<AnyGenerator>;
  if (typeof fail !== 'function' || typeof next !== 'function' || typeof end !== 'function') return false;
  return Symbol.asyncIterator in result || Symbol.iterator in result;
}

/** What it yields, then what it returns, if that is anything. Its body runs in the context of the handler. */
function valuesOf(generator: AnyGenerator): Observable<unknown> {
  const scope = new AsyncResource('Generator');
  return new Observable((subscriber) => {
    scope.runInAsyncScope(() => {
      if (Symbol.asyncIterator in generator) void pullLater(generator, subscriber);
      else pull(generator, subscriber);
    });
  });
}

function pull(generator: Generator, subscriber: Subscriber<unknown>): void {
  try {
    while (advance(generator.next(), subscriber));
    if (subscriber.closed) generator.return(undefined);
  } catch (error) {
    subscriber.error(error);
  }
}

async function pullLater(generator: AsyncGenerator, subscriber: Subscriber<unknown>): Promise<void> {
  try {
    while (advance(await generator.next(), subscriber));
    if (subscriber.closed) await generator.return(undefined);
  } catch (error) {
    subscriber.error(error);
  }
}

/** Whether there is more to come, and somebody to take it. */
function advance({ done, value }: IteratorResult<unknown>, subscriber: Subscriber<unknown>): boolean {
  if (!done || value !== undefined) subscriber.next(value);
  if (done) subscriber.complete();
  return !subscriber.closed;
}
