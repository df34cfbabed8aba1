import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import type { Socket } from 'socket.io';
import { isDispatchable } from '../common/args.js';
import { EXCEPTION_EVENT, INTERNAL_ERROR } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable, summarizeThrown } from '../common/printable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { isA } from '../handlers/filters.js';
import type { Filter, Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { sendEvent } from '../socketio/socket-internals.js';

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

/** What a client hears of an error that is not meant for it. */
const NOTHING = { status: 'error', message: INTERNAL_ERROR };

/** What Nest itself writes into the response of an HttpException that was given a text. */
const WRITTEN_BY_NEST: ReadonlySet<string> = new Set(['statusCode', 'message', 'error']);

/** The first HTTP status that is no mistake of the client. */
const SERVER_ERROR = 500;

/** Whether an error says what its client did wrong, and nothing of the server. */
export function isMistakeOfClient(error: unknown): boolean {
  if (isA(error, WsException)) return true;
  return isA(error, HttpException) && statusOf(error) < SERVER_ERROR;
}

function statusOf(error: HttpException): number {
  try {
    return error.getStatus();
  } catch {
    return SERVER_ERROR;
  }
}

/** An error as its client may see it: the words of Nest's exceptions are meant for it, all others are not. */
export function safeError(error: unknown): unknown {
  try {
    if (isA(error, WsException)) return asWritten(error.getError());
    if (isA(error, HttpException)) return asWritten(ownWords(error.getResponse()));
  } catch {
    // words that cannot be read are none
  }
  return { ...NOTHING };
}

/** The text or texts that an HttpException was given, without what Nest writes around them. */
function ownWords(response: string | object): unknown {
  const isNests = isPlain(response) && Object.keys(response).every((key) => WRITTEN_BY_NEST.has(key));
  return isNests && 'message' in response ? { message: response['message'] } : response;
}

/** What an application has written for its client: an object as it is, a text as the message. */
function asWritten(words: unknown): unknown {
  if (words instanceof Error) return asWritten(words.message);
  if (!isSerializable(words)) {
    const { message } = (words ?? {}) as { message?: unknown };
    return isSerializable(message) ? { status: 'error', message } : { ...NOTHING };
  }
  if (isPlain(words)) return { status: 'error', ...words };
  return typeof words === 'object' && words !== null ? words : { status: 'error', message: words };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isSerializable(words: unknown): boolean {
  try {
    return JSON.stringify(words) !== undefined;
  } catch {
    return false;
  }
}

/** So many names, which clients choose, are kept in mind. */
const MOST = 100;
/** So many names that exist are listed. */
const LISTED = 20;

/** Says, while an application is developed, which events nobody handles. */
export class Unhandled {
  readonly #warned = new Set<string>();

  constructor(private readonly parts: { registry: HandlerRegistry; logger: Log; debug: () => boolean }) {}

  /** A client that waits for an acknowledgement waits for ever: that is a warning, once for each name. */
  report(socket: Socket, name: string, isAsked: boolean): void {
    const { logger, debug } = this.parts;
    if (!debug()) return;
    const line = `No handler for ${printable(name)} in ${printable(socket.nsp.name)}, sid ${socket.id}`;
    if (!isAsked || !this.#isNew(`${socket.nsp.name} ${name}`))
      return void logger.debug?.(line, 'no handler');
    logger.warn(`${line}, which waits for an acknowledgement. ${this.#namesFor(socket)}`);
  }

  #isNew(subject: string): boolean {
    if (this.#warned.size >= MOST || this.#warned.has(subject)) return false;
    this.#warned.add(subject);
    return true;
  }

  #namesFor(socket: Socket): string {
    const heard = socket.eventNames().filter(isDispatchable); // socket.io itself listens to `error`
    const names = [...new Set([...this.parts.registry.eventNames(socket.nsp.name), ...heard])];
    if (names.length === 0) return 'No event of this namespace has one.';
    const more = names.length > LISTED ? ', …' : '';
    return `There are: ${names.slice(0, LISTED).map(printable).join(', ')}${more}.`;
  }
}
