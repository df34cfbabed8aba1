import { HttpException, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import { ConnectionRefusedError } from '../common/errors.js';
import { describeThrown, printable, summarizeThrown } from '../common/printable.js';
import { chain, guarded, isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { isInstance } from './filters.js';
import type { GuardResult, InstanceResolver } from './handler.js';

type AsyncVerdict = PromiseLike<boolean> | Observable<boolean>;

/** Calls guards one after the other, and throws when one refuses. Returns a promise only if a guard does. */
export function runGuards(
  guards: readonly InstanceResolver<CanActivate>[],
  request: SocketRequest,
  context: ExecutionContext,
): void | Promise<void> {
  for (let index = 0; index < guards.length; index++) {
    const verdict = callGuard(guards[index] as InstanceResolver<CanActivate>, request, context);
    if (verdict === true) continue;
    if (!isThenable(verdict) && !isObservable(verdict)) deny(request);
    return continueGuards(verdict as AsyncVerdict, guards.slice(index + 1), { request, context });
  }
}

/**
 * Calls all guards of a disconnect handler for their side effects, and logs their refusals. The client has already gone, so
 * the handler runs in any case.
 */
export function runDisconnectGuards(
  guards: readonly InstanceResolver<CanActivate>[],
  request: SocketRequest,
  context: ExecutionContext,
): void | PromiseLike<void> {
  let before: void | PromiseLike<void> = undefined;
  for (const guard of guards) {
    before = chain(before, () =>
      guarded<void>(
        () => runGuards([guard], request, context),
        (thrown) => ignoreRefusal(request, thrown),
      ),
    );
  }
  return before;
}

function ignoreRefusal(request: SocketRequest, thrown: unknown): void {
  request.denied = false;
  const { runtime, socket } = request.connection;
  const what = `the disconnect of ${printable(socket.nsp.name)}, sid ${socket.id}, which is handled all the same`;
  const isRefusal = isInstance(thrown, WsException) || isInstance(thrown, HttpException);
  if (isRefusal) runtime.logger.debug?.(`A guard refused ${what}: ${summarizeThrown(thrown)}`);
  else runtime.logger.error(`Error in a guard of ${what}: ${describeThrown(thrown)}`);
}

/** The guard of `@AuthenticatedOnly()`. Without a user, it refuses a connect; at any other event it disconnects. */
export function requireUser(request: SocketRequest): GuardResult {
  if (request.user !== undefined && request.user !== null) return;
  if (request.event.message === 'connect') throw new ConnectionRefusedError();
  request.connection.socket.disconnect();
  return false;
}

async function continueGuards(
  later: AsyncVerdict,
  rest: readonly InstanceResolver<CanActivate>[],
  { request, context }: { request: SocketRequest; context: ExecutionContext },
): Promise<void> {
  const verdict = await settleVerdict(request, later);
  if (!verdict) deny(request);
  return runGuards(rest, request, context);
}

/** Calls a guard. A truthy result counts as `true`. An error of the guard is a refusal, too. */
function callGuard(
  guard: InstanceResolver<CanActivate>,
  request: SocketRequest,
  context: ExecutionContext,
): unknown {
  try {
    const verdict: unknown = guard(request).canActivate(context);
    return isThenable(verdict) || isObservable(verdict) ? verdict : Boolean(verdict);
  } catch (error) {
    request.denied = true;
    throw error;
  }
}

async function settleVerdict(request: SocketRequest, later: AsyncVerdict): Promise<boolean> {
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
