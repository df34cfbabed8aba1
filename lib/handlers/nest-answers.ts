import { isObservable, tap, type Observable } from 'rxjs';
import { isThenable } from '../common/thenable.js';
import type { HandlerMetadata } from '../decorators/handler.metadata.js';
import type { Handler } from './handler.js';

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
