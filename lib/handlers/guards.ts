import { HttpException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import { describeThrown, printable, summarizeThrown } from '../common/printable.js';
import { chain, guarded, isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { isA } from './filters.js';
import type { Source } from './handler.js';

type Later = PromiseLike<boolean> | Observable<boolean>;

/** Asks guards one after the other; throws when one says no. A promise only if one of them answers with one. */
export function admit(
  guards: readonly Source<CanActivate>[],
  request: SocketRequest,
  context: ExecutionContext,
): void | Promise<void> {
  for (let index = 0; index < guards.length; index++) {
    const verdict = ask(guards[index] as Source<CanActivate>, request, context);
    if (verdict === true) continue;
    if (!isThenable(verdict) && !isObservable(verdict)) deny(request);
    return admitLater(verdict as Later, guards.slice(index + 1), { request, context });
  }
}

/**
 * Asks the guards of a disconnect handler, all of them, for what they do besides: the client has gone, whatever they
 * say, and its cleanup is never refused.
 */
export function hear(
  guards: readonly Source<CanActivate>[],
  request: SocketRequest,
  context: ExecutionContext,
): void | PromiseLike<void> {
  let before: void | PromiseLike<void> = undefined;
  for (const guard of guards) {
    before = chain(before, () =>
      guarded<void>(
        () => admit([guard], request, context),
        (thrown) => overrule(request, thrown),
      ),
    );
  }
  return before;
}

function overrule(request: SocketRequest, thrown: unknown): void {
  request.denied = false;
  const { runtime, socket } = request.connection;
  const what = `the disconnect of ${printable(socket.nsp.name)}, sid ${socket.id}, which is handled all the same`;
  const isRefusal = isA(thrown, WsException) || isA(thrown, HttpException);
  if (isRefusal) runtime.logger.debug?.(`A guard refused ${what}: ${summarizeThrown(thrown)}`);
  else runtime.logger.error(`Error in a guard of ${what}: ${describeThrown(thrown)}`);
}

async function admitLater(
  later: Later,
  rest: readonly Source<CanActivate>[],
  { request, context }: { request: SocketRequest; context: ExecutionContext },
): Promise<void> {
  const verdict = await refusing(request, later);
  if (!verdict) deny(request);
  return admit(rest, request, context);
}

/** A guard's answer, truthy ones as `true`. What a guard throws is a no, too. */
function ask(guard: Source<CanActivate>, request: SocketRequest, context: ExecutionContext): unknown {
  try {
    const verdict: unknown = guard(request).canActivate(context);
    return isThenable(verdict) || isObservable(verdict) ? verdict : Boolean(verdict);
  } catch (error) {
    request.denied = true;
    throw error;
  }
}

async function refusing(request: SocketRequest, later: Later): Promise<boolean> {
  try {
    const verdict: unknown = await later;
    return Boolean(isObservable(verdict) ? await lastValueFrom(verdict, { defaultValue: false }) : verdict);
  } catch (error) {
    request.denied = true;
    throw error;
  }
}

function deny(request: SocketRequest): never {
  request.denied = true;
  throw new WsException('Forbidden resource');
}
