import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { EXCEPTION_EVENT, INTERNAL_ERROR } from '../../common/constants.js';
import type { FlaskSocketLogger } from '../../common/logger.js';
import { describeThrown, printable } from '../../common/printable.js';
import { guarded } from '../../common/thenable.js';
import { sendEvent } from '../../context/socket-internals.js';
import type { SocketRequest } from '../../context/socket-request.js';
import type { Filter, Handler } from '../../handlers/handler.js';
import type { HandlerRegistry } from '../../handlers/handler.registry.js';

/** What a client may know of an error. */
export interface SafeError {
  status: 'error';
  message: unknown;
  [key: string]: unknown;
}

/**
 * What happens to something thrown (promise X2): exception filters of method and class, `@OnError()`,
 * `@OnErrorDefault()`, global filters, and at last a log line and a safe answer.
 */
export class Failures {
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly logger: FlaskSocketLogger,
  ) {}

  /** Handles what was thrown; the result becomes the acknowledgement. Neither throws nor rejects. */
  handle(request: SocketRequest, handler: Handler, error: unknown): unknown {
    return guarded<unknown>(
      () => this.#answer(request, handler, error),
      (second) => this.#default(request, handler, second),
    );
  }

  /** The last resort, for what no handler is asked about. */
  report(request: SocketRequest, handler: Handler, error: unknown): SafeError {
    const { message } = request.event;
    const what = message === null ? 'a callback' : printable(message);
    const where = `${printable(request.namespace)}, sid ${request.sid} (${handler.place})`;
    if (request.denied && isMeantForClient(error)) this.logger.warn(`A guard refused ${what} in ${where}`);
    else this.logger.error(`Error in ${what} of ${where}: ${describeThrown(error)}`);
    return safeError(error);
  }

  #answer(request: SocketRequest, handler: Handler, error: unknown): unknown {
    const filter = catching(handler.filters, error);
    if (filter) return filter.catch(error, request);
    const errorHandler = this.registry.errorHandler(request.namespace);
    if (errorHandler) return errorHandler.invoke(request, [error]);
    const global = catching(handler.globalFilters, error);
    return global ? global.catch(error, request) : this.#default(request, handler, error);
  }

  #default(request: SocketRequest, handler: Handler, error: unknown): SafeError {
    const safe = this.report(request, handler, error);
    const { socket, state } = request.connection;
    if (state === 'connected' && request.event.message !== 'connect') tell(() => sendEvent(socket, [EXCEPTION_EVENT, safe], {})); // prettier-ignore
    return safe;
  }
}

function catching(filters: readonly Filter[], error: unknown): Filter | undefined {
  return filters.find((filter) => filter.catches(error));
}

/** What an exception says of itself may not be serialisable; the acknowledgement then says less. */
function tell(send: () => void): void {
  try {
    send();
  } catch {
    // the acknowledgement reports it
  }
}

function isMeantForClient(error: unknown): error is WsException | HttpException {
  return error instanceof WsException || error instanceof HttpException;
}

/** An error as its client may see it: the words of Nest's exceptions are meant for it, all others are not. */
export function safeError(error: unknown): SafeError {
  if (error instanceof WsException) return fromWords(error.getError());
  if (error instanceof HttpException) return fromWords(error.getResponse());
  return { status: 'error', message: INTERNAL_ERROR };
}

function fromWords(words: unknown): SafeError {
  const message =
    typeof words === 'object' && words !== null ? (words as { message?: unknown }).message : words;
  return { status: 'error', message: isSerializable(message) ? message : INTERNAL_ERROR };
}

function isSerializable(message: unknown): boolean {
  try {
    return JSON.stringify(message) !== undefined;
  } catch {
    return false;
  }
}
