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
 * Turns what a method has returned into what interceptors and the acknowledgement handle. A generator becomes a stream of
 * its values, of which the last one counts. A background task becomes nothing, because nobody waits for it.
 */
export function normalizeResult(result: unknown, request: SocketRequest, place: string): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (isThenable(result)) return isDetached(result) ? warnOfDetached(request, place) : result;
  return isGenerator(result) ? streamOfGenerator(result) : result;
}

function warnOfDetached({ connection }: SocketRequest, place: string): void {
  if (process.env['NODE_ENV'] === 'production') return;
  connection.runtime.warnOnce(
    `detached ${place}`,
    `${place} returns its background task, which is no answer and is not waited for. Return nothing, or await it.`,
  );
}

/**
 * A handler's stream that ends when its client disconnects, as in Nest. The stream of a disconnect handler does not, since
 * its client has gone before.
 */
export function untilDisconnect(stream: Observable<unknown>, request: SocketRequest): Observable<unknown> {
  const { connection, event } = request;
  if (event.message === 'disconnect') return stream;
  return new Observable((subscriber) => {
    if (isDisconnected(connection)) return subscriber.complete();
    const scope = new AsyncResource('Stream'); // the teardown of the stream runs in the context of its event
    const onDisconnect = () => endStream(request, () => scope.runInAsyncScope(() => subscriber.complete()));
    connection.pendingCalls.add(onDisconnect);
    subscriber.add(() => connection.pendingCalls.delete(onDisconnect));
    stream.subscribe(subscriber);
  });
}

function isDisconnected({ state }: Connection): boolean {
  return state !== 'connecting' && state !== 'connected';
}

/** Ends a stream, and logs an error of its teardown, so that the disconnect goes on. */
function endStream({ connection, event, sid }: SocketRequest, end: () => void): void {
  try {
    end();
  } catch (error) {
    connection.runtime.logger.error(
      `Error at the end of a stream of ${printable(event.message)}, sid ${sid}: ${describeThrown(error)}`,
      `stream ${nameOfThrown(error)}`,
    );
  }
}

/** Whether a generator function returned the object. Iterators of lists, cursors and readable streams are none. */
function isGenerator(result: object): result is AnyGenerator {
  const { next, return: end, throw: fail } = result as Partial<AnyGenerator>;
  if (typeof fail !== 'function' || typeof next !== 'function' || typeof end !== 'function') return false;
  return Symbol.asyncIterator in result || Symbol.iterator in result;
}

/** A stream of what the generator yields, then of what it returns. Its body runs in the context of the handler. */
function streamOfGenerator(generator: AnyGenerator): Observable<unknown> {
  const scope = new AsyncResource('Generator');
  return new Observable((subscriber) => {
    scope.runInAsyncScope(() => {
      if (Symbol.asyncIterator in generator) void pullAsync(generator, subscriber);
      else pull(generator, subscriber);
    });
  });
}

function pull(generator: Generator, subscriber: Subscriber<unknown>): void {
  try {
    while (emitNext(generator.next(), subscriber));
    if (subscriber.closed) generator.return(undefined);
  } catch (error) {
    subscriber.error(error);
  }
}

async function pullAsync(generator: AsyncGenerator, subscriber: Subscriber<unknown>): Promise<void> {
  try {
    while (emitNext(await generator.next(), subscriber));
    if (subscriber.closed) await generator.return(undefined);
  } catch (error) {
    subscriber.error(error);
  }
}

/** Emits a value of the generator. Returns whether the stream goes on and still has a subscriber. */
function emitNext({ done, value }: IteratorResult<unknown>, subscriber: Subscriber<unknown>): boolean {
  if (!done || value !== undefined) subscriber.next(value);
  if (done) subscriber.complete();
  return !subscriber.closed;
}

/** In development, warns once for each handler if Nest would send what it returns as an event. */
export function withResponseWarning(
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
    const checkResult = (value: unknown) => {
      if (isNestResponse(value)) warn('{ event, data }', 'To send an event, use emit(event, data).');
    };
    const result = run(request, values);
    if (isObservable(result))
      return countValues(result, () => warn('an Observable of several values', LAST_COUNTS));
    if (isThenable(result)) void result.then(checkResult, () => {});
    else checkResult(result);
    return result;
  };
}

const LAST_COUNTS = 'Its last value counts; to send each of them, use emit().';

function isNestResponse(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { event?: unknown }).event === 'string' && 'data' in value;
}

/** The same stream. Calls `onSecond` at its second value. */
function countValues(stream: Observable<unknown>, onSecond: () => void): Observable<unknown> {
  let count = 0;
  return stream.pipe(
    tap(() => {
      count++;
      if (count === 2) onSecond();
    }),
  );
}
