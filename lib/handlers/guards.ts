import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import { chain, guarded, isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
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
 * Asks guards of a handler that runs whatever they say: cleaning up is never refused. Their refusals are one debug
 * line each.
 */
export function consult(
  [guard, ...others]: readonly Source<CanActivate>[],
  request: SocketRequest,
  context: ExecutionContext,
): void | Promise<void> {
  if (!guard) return;
  const asked = guarded<void>(
    () => admit([guard], request, context),
    () => overruled(request, context),
  );
  return chain(asked, () => consult(others, request, context)) as void | Promise<void>; // `admit` makes real promises
}

function overruled(request: SocketRequest, context: ExecutionContext): void {
  request.denied = false;
  const place = `${context.getClass().name}.${context.getHandler().name}`;
  request.connection.runtime.logger.debug?.(`A guard refused at ${place}, which runs all the same.`);
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
