import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import type { Socket } from 'socket.io';
import { isDispatchable } from '../common/args.js';
import { EXCEPTION_EVENT, INTERNAL_ERROR } from '../common/constants.js';
import { FlaskSocketError } from '../common/errors.js';
import type { Log } from '../common/logger.js';
import { describeThrown, nameOfThrown, printable, summarizeThrown } from '../common/printable.js';
import type { SocketRequest } from '../context/socket-request.js';
import { isInstance } from '../handlers/filters.js';
import type { Filter, Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { sendEvent } from '../socketio/socket-internals.js';

/** An event's error, and the error that its error handler threw. */
export interface ErrorPair {
  first: unknown;
  second: unknown;
}

/**
 * Handles what a handler throws (promise X2). The first that applies: exception filters of method and class,
 * `@OnError()`, `@OnErrorDefault()`, global filters, and last a log line and a safe error for the client.
 */
export class Failures {
  /** The events whose error has been logged. */
  readonly #logged = new WeakSet<SocketRequest>();

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly logger: Log,
  ) {}

  /** Handles an error; the result becomes the acknowledgement. If this throws, call {@link errorHandlerFailed}. */
  handle(request: SocketRequest, handler: Handler, error: unknown): unknown {
    const filter = findFilter(handler.filters, error, request);
    if (filter) return filter.catch(error, request);
    const errorHandler = this.registry.errorHandler(request.namespace);
    if (errorHandler) return errorHandler.run(request, [error]);
    const global = findFilter(handler.globalFilters, error, request);
    return global ? global.catch(error, request) : this.#handleByDefault(request, handler, error);
  }

  /** An error handler threw: both errors are logged, and the client gets the first one, as without error handlers. */
  errorHandlerFailed(request: SocketRequest, handler: Handler, { first, second }: ErrorPair): unknown {
    const where = describeEvent(request, handler);
    const isLogged = this.#logged.has(request);
    const describe = isClientError(first) ? summarizeThrown : describeThrown;
    if (!isLogged) this.logger.error(`Error in ${where}: ${describe(first)}`, placeOf(handler, first));
    this.logger.error(
      `Error while that error was handled, in ${where}: ${describeThrown(second)}`,
      placeOf(handler, second),
    );
    return isLogged ? safeError(first) : this.#sendException(request, first);
  }

  #handleByDefault(request: SocketRequest, handler: Handler, error: unknown): unknown {
    this.#log(request, handler, error);
    return this.#sendException(request, error);
  }

  /** Logs an error of the server with its stack, an error of the client in one line. */
  #log(request: SocketRequest, handler: Handler, error: unknown): void {
    this.#logged.add(request);
    const where = describeEvent(request, handler);
    const place = placeOf(handler, error);
    if (!isClientError(error)) this.logger.error(`Error in ${where}: ${describeThrown(error)}`, place);
    else if (request.denied) this.logger.warn(`A guard refused ${where}`, place);
    else this.logger.debug?.(`Refused ${where}: ${summarizeThrown(error)}`, place);
  }

  #sendException(request: SocketRequest, error: unknown): unknown {
    const safe = safeError(error);
    const { socket, state } = request.connection;
    if (state === 'connected' && request.event.message !== 'connect')
      ignoreErrors(() => sendEvent(socket, [EXCEPTION_EVENT, safe], {}));
    return safe;
  }
}

function describeEvent(request: SocketRequest, handler: Handler): string {
  const { message } = request.event;
  const what = message === null ? 'a callback' : printable(message);
  return `${what} of ${printable(request.namespace)}, sid ${request.sid} (${handler.place})`;
}

function placeOf(handler: Handler, error: unknown): string {
  return `${handler.place} ${nameOfThrown(error)}`;
}

function findFilter(filters: readonly Filter[], error: unknown, request: SocketRequest): Filter | undefined {
  return filters.find((filter) => filter.catches(error, request));
}

function ignoreErrors(send: () => void): void {
  try {
    send();
  } catch {
    // it cannot be serialized: the acknowledgement falls back to a generic error
  }
}

/** What a client gets for an error that is not meant for it. */
const GENERIC_ERROR = { status: 'error', message: INTERNAL_ERROR };

/** The keys that Nest writes into the response of an HttpException created with a text. */
const NEST_RESPONSE_KEYS: ReadonlySet<string> = new Set(['statusCode', 'message', 'error']);

/** The first HTTP status of a server error. */
const SERVER_ERROR = 500;

/** Errors of limits that a client has caused, and what it is told. */
const LIMIT_ERRORS: Readonly<Record<string, string>> = { FSK_TOO_MANY_ROOMS: 'Too many rooms' };

function limitMessageOf(error: unknown): string | undefined {
  return isInstance(error, FlaskSocketError) ? LIMIT_ERRORS[error.code] : undefined;
}

/** Whether an error is the client's: a WsException, an HttpException below 500, or a limit's, which has logged it. */
export function isClientError(error: unknown): boolean {
  if (isInstance(error, WsException) || limitMessageOf(error) !== undefined) return true;
  return isInstance(error, HttpException) && statusOf(error) < SERVER_ERROR;
}

function statusOf(error: HttpException): number {
  try {
    return error.getStatus();
  } catch {
    return SERVER_ERROR;
  }
}

/** An error as its client may see it: only the content of Nest's exceptions is sent, of others a generic error. */
export function safeError(error: unknown): unknown {
  try {
    if (isInstance(error, WsException)) return errorPayload(error.getError());
    if (isInstance(error, HttpException)) return errorPayload(withoutNestKeys(error.getResponse()));
  } catch {
    // reading it throws: send the generic error
  }
  const limit = limitMessageOf(error);
  return limit === undefined ? { ...GENERIC_ERROR } : { status: 'error', message: limit };
}

/** The message that an HttpException was created with, without the keys that Nest adds. */
function withoutNestKeys(response: string | object): unknown {
  const isFromNest = isPlain(response) && Object.keys(response).every((key) => NEST_RESPONSE_KEYS.has(key));
  return isFromNest && 'message' in response ? { message: response['message'] } : response;
}

/** The payload of an exception: an object is sent as it is, a text as `message`. */
function errorPayload(content: unknown): unknown {
  if (content instanceof Error) return errorPayload(content.message);
  if (!isSerializable(content)) {
    const { message } = (content ?? {}) as { message?: unknown };
    return isSerializable(message) ? { status: 'error', message } : { ...GENERIC_ERROR };
  }
  if (isPlain(content)) return { status: 'error', ...content };
  return typeof content === 'object' && content !== null ? content : { status: 'error', message: content };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isSerializable(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

/** Limits memory: clients choose the names. */
const MAX_WARNED_NAMES = 100;
/** The most handled events that a warning lists. */
const MAX_LISTED_NAMES = 20;

/** With option `debug`, logs events that have no handler. */
export class UnhandledEvents {
  readonly #warned = new Set<string>();

  constructor(private readonly parts: { registry: HandlerRegistry; logger: Log; debug: () => boolean }) {}

  /** Warns, once per name, if the client waits for an acknowledgement: it will not get one. */
  report(socket: Socket, name: string, expectsAck: boolean): void {
    const { logger, debug } = this.parts;
    if (!debug()) return;
    const line = `No handler for ${printable(name)} in ${printable(socket.nsp.name)}, sid ${socket.id}`;
    if (!expectsAck || !this.#isNew(`${socket.nsp.name} ${name}`))
      return void logger.debug?.(line, 'no handler');
    logger.warn(`${line}, which waits for an acknowledgement. ${this.#namesFor(socket)}`);
  }

  #isNew(subject: string): boolean {
    if (this.#warned.size >= MAX_WARNED_NAMES || this.#warned.has(subject)) return false;
    this.#warned.add(subject);
    return true;
  }

  #namesFor(socket: Socket): string {
    const custom = socket.eventNames().filter(isDispatchable); // socket.io itself listens to `error`
    const names = [...new Set([...this.parts.registry.eventNames(socket.nsp.name), ...custom])];
    if (names.length === 0) return 'No event of this namespace has one.';
    const more = names.length > MAX_LISTED_NAMES ? ', …' : '';
    return `There are: ${names.slice(0, MAX_LISTED_NAMES).map(printable).join(', ')}${more}.`;
  }
}
