import { EXCEPTION_EVENT } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable, summarizeThrown } from '../common/printable.js';
import { sendEvent } from '../socketio/socket-internals.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Filter, Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { isMistakeOfClient, safeError } from './safe-error.js';

/** Two errors of one event: what was thrown, and what was thrown while that was handled. */
export interface Twice {
  first: unknown;
  second: unknown;
}

/**
 * What happens to something thrown (promise X2): exception filters of method and class, `@OnError()`,
 * `@OnErrorDefault()`, global filters, and at last a log line and a safe answer.
 */
export class Failures {
  /** The events whose error has been logged. */
  readonly #reported = new WeakSet<SocketRequest>();

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly log: Log,
  ) {}

  /** Handles what was thrown; the result becomes the acknowledgement. What it throws itself goes to {@link twice}. */
  handle(request: SocketRequest, handler: Handler, error: unknown): unknown {
    const filter = catching(handler.filters, error, request);
    if (filter) return filter.catch(error, request);
    const errorHandler = this.registry.errorHandler(request.namespace);
    if (errorHandler) return errorHandler.run(request, [error]);
    const global = catching(handler.globalFilters, error, request);
    return global ? global.catch(error, request) : this.#default(request, handler, error);
  }

  /** An error handler failed: both errors are logged, and the client hears of the first, as if nobody handled it. */
  twice(request: SocketRequest, handler: Handler, { first, second }: Twice): unknown {
    const where = whereOf(request, handler);
    const isReported = this.#reported.has(request);
    const describe = isMistakeOfClient(first) ? summarizeThrown : describeThrown;
    if (!isReported) this.log.error(`Error in ${where}: ${describe(first)}`, placeOf(handler, first));
    this.log.error(
      `Error while that error was handled, in ${where}: ${describeThrown(second)}`,
      placeOf(handler, second),
    );
    return isReported ? safeError(first) : this.#tell(request, first);
  }

  #default(request: SocketRequest, handler: Handler, error: unknown): unknown {
    this.#report(request, handler, error);
    return this.#tell(request, error);
  }

  /** A fault of the server with its stack, a mistake of the client in one line. */
  #report(request: SocketRequest, handler: Handler, error: unknown): void {
    this.#reported.add(request);
    const where = whereOf(request, handler);
    const place = placeOf(handler, error);
    if (!isMistakeOfClient(error)) this.log.error(`Error in ${where}: ${describeThrown(error)}`, place);
    else if (request.denied) this.log.warn(`A guard refused ${where}`, place);
    else this.log.debug?.(`Refused ${where}: ${summarizeThrown(error)}`, place);
  }

  #tell(request: SocketRequest, error: unknown): unknown {
    const safe = safeError(error);
    const { socket, state } = request.connection;
    if (state === 'connected' && request.event.message !== 'connect') tell(() => sendEvent(socket, [EXCEPTION_EVENT, safe], {})); // prettier-ignore
    return safe;
  }
}

function whereOf(request: SocketRequest, handler: Handler): string {
  const { message } = request.event;
  const what = message === null ? 'a callback' : printable(message);
  return `${what} of ${printable(request.namespace)}, sid ${request.sid} (${handler.place})`;
}

function placeOf(handler: Handler, error: unknown): string {
  return `${handler.place} ${nameOfThrown(error)}`;
}

function catching(filters: readonly Filter[], error: unknown, request: SocketRequest): Filter | undefined {
  return filters.find((filter) => filter.catches(error, request));
}

/** What an exception says of itself may not be serialisable; the acknowledgement then says less. */
function tell(send: () => void): void {
  try {
    send();
  } catch {
    // the acknowledgement reports it
  }
}
