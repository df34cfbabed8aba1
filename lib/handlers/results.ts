import { AsyncResource } from 'node:async_hooks';
import { isObservable, Observable, type Subscriber, tap } from 'rxjs';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { isDetached, isThenable } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { HandlerMetadata } from '../decorators/handler.metadata.js';
import type { Handler } from './handler.js';

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

/**
 * The stream of a handler, as long as its client is there. When that has gone nobody waits for its values: it is
 * unsubscribed from and has ended, as in Nest. A disconnect handler's goes on, since its client is never there.
 */
export function whileThere(stream: Observable<unknown>, request: SocketRequest): Observable<unknown> {
  const { connection, event } = request;
  if (event.message === 'disconnect') return stream;
  return new Observable((subscriber) => {
    if (hasLeft(connection)) return subscriber.complete();
    const scope = new AsyncResource('Stream'); // what the stream tidies up, it does in the context of its event
    const left = () => ended(request, () => scope.runInAsyncScope(() => subscriber.complete()));
    connection.pendingCalls.add(left);
    subscriber.add(() => connection.pendingCalls.delete(left));
    stream.subscribe(subscriber);
  });
}

function hasLeft({ state }: Connection): boolean {
  return state !== 'connecting' && state !== 'connected';
}

/** An error of a stream's teardown does not stop the disconnect. */
function ended({ connection, event, sid }: SocketRequest, end: () => void): void {
  try {
    end();
  } catch (error) {
    connection.runtime.logger.error(
      `Error at the end of a stream of ${printable(event.message)}, sid ${sid}: ${describeThrown(error)}`,
      `stream ${nameOfThrown(error)}`,
    );
  }
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

/** Whether the stream goes on and still has a subscriber. */
function advance({ done, value }: IteratorResult<unknown>, subscriber: Subscriber<unknown>): boolean {
  if (!done || value !== undefined) subscriber.next(value);
  if (done) subscriber.complete();
  return !subscriber.closed;
}

/** In development, says once for each handler that what Nest sends as an event is an acknowledgement here. */
export function noticing(
  run: Handler['run'],
  { kind, place }: { kind: HandlerMetadata['kind']; place: string },
): Handler['run'] {
  if (kind !== 'event' || process.env['NODE_ENV'] === 'production') return run;
  return (request, values) => {
    const warn = (what: string, instead: string) =>
      request.connection.runtime.warnOnce(
        `answer of ${place}`,
        `${place} returned ${what}. Nest's own gateways send that to the client as an event; here it is the ` +
          `acknowledgement. ${instead}`,
      );
    const look = (value: unknown) => {
      if (isNestResponse(value)) warn('{ event, data }', 'To send an event, use emit(event, data).');
    };
    const result = run(request, values);
    if (isObservable(result))
      return counted(result, () => warn('an Observable of several values', LAST_COUNTS));
    if (isThenable(result)) void result.then(look, () => {});
    else look(result);
    return result;
  };
}

const LAST_COUNTS = 'Its last value counts; to send each of them, use emit().';

function isNestResponse(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { event?: unknown }).event === 'string' && 'data' in value;
}

/** The same stream; `several` is called at its second value. */
function counted(stream: Observable<unknown>, several: () => void): Observable<unknown> {
  let count = 0;
  return stream.pipe(
    tap(() => {
      count++;
      if (count === 2) several();
    }),
  );
}
