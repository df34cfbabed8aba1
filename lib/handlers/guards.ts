import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { isObservable, lastValueFrom, type Observable } from 'rxjs';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Source } from './handler.js';

type Verdict = boolean | Promise<boolean> | Observable<boolean>;

/** Asks guards one after the other; throws when one says no. A promise only if one of them answers with one. */
export function admit(
  guards: readonly Source<CanActivate>[],
  request: SocketRequest,
  context: ExecutionContext,
): void | Promise<void> {
  for (const [index, guard] of guards.entries()) {
    const verdict: Verdict = refusing(request, () => guard(request).canActivate(context));
    if (isThenable(verdict) || isObservable(verdict)) return admitLater(verdict, guards.slice(index + 1), { request, context }); // prettier-ignore
    if (!verdict) deny(request);
  }
}

async function admitLater(
  verdict: Verdict,
  rest: readonly Source<CanActivate>[],
  { request, context }: { request: SocketRequest; context: ExecutionContext },
): Promise<void> {
  try {
    const value = await verdict;
    if (!(isObservable(value) ? await lastValueFrom(value, { defaultValue: false }) : value)) deny(request);
  } catch (error) {
    request.denied = true;
    throw error;
  }
  return admit(rest, request, context);
}

/** What a guard throws is a no, too. */
function refusing(request: SocketRequest, ask: () => Verdict): Verdict {
  try {
    return ask();
  } catch (error) {
    request.denied = true;
    throw error;
  }
}

function deny(request: SocketRequest): never {
  request.denied = true;
  throw new WsException('Forbidden resource');
}
