import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { defer, from, isObservable, lastValueFrom, mergeAll, of, type Observable } from 'rxjs';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { storage } from '../context/storage.js';
import type { Source } from './handler.js';

/** Runs `next` inside interceptors, the first outermost; resolves with the last value that comes out. */
export function intercept(
  interceptors: readonly Source<NestInterceptor>[],
  { request, context }: { request: SocketRequest; context: ExecutionContext },
  next: () => unknown,
): Promise<unknown> {
  const innermost: CallHandler = { handle: () => defer(() => streamOf(storage.run(request, next))) };
  const outermost = interceptors.reduceRight<CallHandler>(
    (inner, interceptor) => ({
      handle: () =>
        defer(() => from(Promise.resolve(interceptor(request).intercept(context, inner)))).pipe(mergeAll()),
    }),
    innermost,
  );
  return lastValueFrom(outermost.handle(), { defaultValue: undefined });
}

/** A handler's result as a stream: an observable's values, a promise's value, or the value itself. */
function streamOf(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  if (!isThenable(result)) return of(result);
  return from(Promise.resolve(result).then((value) => (isObservable(value) ? value : of(value)))).pipe(
    mergeAll(),
  );
}
