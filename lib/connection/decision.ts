import { toArguments } from '../common/args.js';
import { CONNECTION_REJECTED, INTERNAL_ERROR, PacketType } from '../common/constants.js';
import { ConnectionRefusedError } from '../common/errors.js';
import { describeThrown, nameOfThrown, printable } from '../common/printable.js';
import { chain, guarded } from '../common/thenable.js';
import {
  adoptExpiry,
  type Connection,
  expiredRefusal,
  isExpired,
  type Runtime,
} from '../context/connection.js';
import { authOf } from '../context/socket-request.js';
import type { Executor, Outcome, HandlerRun } from '../dispatch/executor.js';
import { safeError } from '../dispatch/failures.js';
import type { Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import type { Identification } from './identification.js';
import type { Recovery } from './recovery/recovery.js';

/** Why a client is refused; `undefined` if it is accepted. */
export type Refusal = Error | undefined | PromiseLike<Error | undefined>;

/** Decides whether a client is accepted, by `@OnConnect()`, option `identify` and the expiry (promises C1 to C6). */
export class Decision {
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly executor: Executor,
    private readonly parts: { identification: Identification; recovery: Recovery },
  ) {}

  /** Runs guards, option `identify` and `@OnConnect()`; returns why the client is refused, if it is. Never throws or rejects. */
  decide(connection: Connection): Refusal {
    const handler = this.registry.lifecycleHandler(connection.socket.nsp.name, 'connect');
    return guarded<Error | undefined>(
      () => {
        adoptExpiry(connection);
        const refusal = handler && this.#runConnectHandler(handler, connection);
        return chain<Error | undefined, Error | undefined>(
          refusal,
          (error) => error ?? this.#identifyIfNeeded(connection),
        );
      },
      (thrown) => (thrown instanceof ConnectionRefusedError ? thrown : middlewareFailed(connection, thrown)),
    );
  }

  /** Whether a returning client proves to be the same without running handlers (promise N4). */
  isSameClient(connection: Connection): boolean | PromiseLike<boolean> {
    const { identification, recovery } = this.parts;
    const proved = guarded<boolean>(
      () => chain(identification.ensureIdentified(connection), () => recovery.isProven(connection)),
      () => false,
    );
    return chain(proved, (isProved) => {
      if (!isProved) connection.identity = undefined; // handlers run now, so `identify` is called again after them
      return isProved;
    });
  }

  /** Calls option `identify` if the connect handler did not: no client is accepted without it. */
  #identifyIfNeeded(connection: Connection): Refusal {
    return chain(this.parts.identification.ensureIdentified(connection), () => lateRefusal(connection));
  }

  #runConnectHandler(handler: Handler, connection: Connection): Refusal {
    const values = toArguments(authOf(connection));
    const request = new EventRequest(connection, { message: 'connect', args: values });
    const run: HandlerRun = { request, handler, values, afterGuards: () => this.#identify(connection) };
    let refusal: Error | undefined | 'undecided' = 'undecided';
    const running = this.executor.runForOutcome(run, (_, outcome) =>
      chain(this.#refusalFrom(run, outcome), (error) => {
        refusal = error ?? (connection.state === 'refused' ? new ConnectionRefusedError() : undefined);
      }),
    );
    const failed = () => (refusal === 'undecided' ? new ConnectionRefusedError(INTERNAL_ERROR) : refusal);
    return chain(running as PromiseLike<void>, failed);
  }

  /** Runs between guards and handler: guards may set user and expiry, and the handler may emit to the user's room. */
  #identify(connection: Connection): void | PromiseLike<void> {
    if (isExpired(connection.client)) throw expiredRefusal();
    return this.parts.identification.identify(connection);
  }

  #refusalFrom(run: HandlerRun, outcome: Outcome): Refusal {
    if ('result' in outcome) return outcome.result === false ? new ConnectionRefusedError() : undefined;
    const { error } = outcome;
    if (error instanceof ConnectionRefusedError) return error;
    return this.executor.handleError(run, error).then((answer) => {
      if (answer === true && !run.request.denied) return undefined;
      return refusalFor(error);
    });
  }
}

/** Logs what a middleware threw; returns the refusal for the client, which does not contain it. */
export function middlewareFailed({ runtime, socket }: Connection, thrown: unknown): Error {
  runtime.logger.error(
    `Error in a middleware of ${printable(socket.nsp.name)}: ${describeThrown(thrown)}`,
    `namespace middleware ${nameOfThrown(thrown)}`,
  );
  return new Error(INTERNAL_ERROR);
}

/** The refusal as it is sent: with a message, and with `data` only if that can be encoded. */
export function sendableRefusal(refusal: Error, { server, logger }: Runtime): Error {
  let message: string | undefined;
  try {
    const { message: text, data } = refusal as Error & { data?: unknown };
    message = typeof text === 'string' ? text : undefined;
    server.encoder.encode({ type: PacketType.CONNECT_ERROR, nsp: '/', data: { message, data } });
    return new ConnectionRefusedError(message, data);
  } catch (error) {
    const line = `The data of a refusal cannot be sent and is left out: ${describeThrown(error)}`;
    logger.error(line, `refusal ${nameOfThrown(error)}`);
    return new ConnectionRefusedError(message);
  }
}

/**
 * The refusal of a client whose `@OnConnect()` threw: the message of {@link safeError}, and as `data` the whole payload
 * if it has more than a message.
 */
export function refusalFor(error: unknown): ConnectionRefusedError {
  const payload = safeError(error) as { message?: unknown };
  const message = refusalMessage(Array.isArray(payload) ? payload : payload.message);
  const isText = Object.keys(payload).every((key) => key === 'status' || key === 'message');
  return new ConnectionRefusedError(message, isText || isStringArray(payload) ? undefined : payload);
}

function refusalMessage(message: unknown): string {
  if (isStringArray(message)) return message.join(', ');
  return typeof message === 'string' && message !== '' ? message : CONNECTION_REJECTED;
}

function isStringArray(words: unknown): words is string[] {
  return Array.isArray(words) && words.every((word) => typeof word === 'string');
}

/** Why an accepted client is refused after all: it has expired, or the application disconnected it meanwhile. */
export function lateRefusal({ client, state }: Connection): ConnectionRefusedError | undefined {
  if (isExpired(client)) return expiredRefusal();
  return state === 'refused' ? new ConnectionRefusedError() : undefined;
}
