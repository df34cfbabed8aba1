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
import type { Executor, Outcome, Run } from '../dispatch/executor.js';
import { safeError } from '../dispatch/failures.js';
import type { Handler } from '../handlers/handler.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import type { Identification } from './identification.js';
import type { Recovery } from './recovery/recovery.js';

/** Why a client is refused, if it is. */
export type Verdict = Error | undefined | PromiseLike<Error | undefined>;

/** Decides whether a client is connected to a namespace: `@OnConnect()`, option `identify`, and the time (promises C1 to C6). */
export class Decision {
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly executor: Executor,
    private readonly parts: { identification: Identification; recovery: Recovery },
  ) {}

  /** Guards, option `identify`, `@OnConnect()`: nothing, or why the client is refused. Never throws or rejects. */
  about(connection: Connection): Verdict {
    const handler = this.registry.hook(connection.socket.nsp.name, 'connect');
    return guarded<Error | undefined>(
      () => {
        adoptExpiry(connection);
        const refusal = handler && this.#ask(handler, connection);
        return chain<Error | undefined, Error | undefined>(
          refusal,
          (error) => error ?? this.#settled(connection),
        );
      },
      (thrown) => (thrown instanceof ConnectionRefusedError ? thrown : broken(connection, thrown)),
    );
  }

  /** Whether a returning client has proved to be the one that it was, without asking handlers (promise N4). */
  isBack(connection: Connection): boolean | PromiseLike<boolean> {
    const { identification, recovery } = this.parts;
    const proved = guarded<boolean>(
      () => chain(identification.settle(connection), () => recovery.isProved(connection)),
      () => false,
    );
    return chain(proved, (isProved) => {
      if (!isProved) connection.identity = undefined; // to be asked again, when handlers have said who it is
      return isProved;
    });
  }

  /** Nobody is connected whom option `identify` has not been asked about. */
  #settled(connection: Connection): Verdict {
    return chain(this.parts.identification.settle(connection), () => lateRefusal(connection));
  }

  #ask(handler: Handler, connection: Connection): Verdict {
    const values = toArguments(authOf(connection));
    const request = new EventRequest(connection, { message: 'connect', args: values });
    const run: Run = { request, handler, values, afterGuards: () => this.#identify(connection) };
    let refusal: Error | undefined | 'undecided' = 'undecided';
    const running = this.executor.runForOutcome(run, (_, outcome) =>
      chain(this.#refusal(run, outcome), (error) => {
        refusal = error ?? (connection.state === 'refused' ? new ConnectionRefusedError() : undefined);
      }),
    );
    const failed = () => (refusal === 'undecided' ? new ConnectionRefusedError(INTERNAL_ERROR) : refusal);
    return chain(running as PromiseLike<void>, failed);
  }

  /** The guards may have set user and expiry, and the handler may emit to the user. */
  #identify(connection: Connection): void | PromiseLike<void> {
    if (isExpired(connection.client)) throw expiredRefusal();
    return this.parts.identification.ask(connection);
  }

  #refusal(run: Run, outcome: Outcome): Verdict {
    if ('result' in outcome) return outcome.result === false ? new ConnectionRefusedError() : undefined;
    const { error } = outcome;
    if (error instanceof ConnectionRefusedError) return error;
    return this.executor.answerTo(run, error).then((answer) => {
      if (answer === true && !run.request.denied) return undefined;
      return refusalFor(error);
    });
  }
}

/** Something that decides has thrown: the log says what, and the client hears that something failed. */
export function broken({ runtime, socket }: Connection, thrown: unknown): Error {
  runtime.logger.error(
    `Error in a middleware of ${printable(socket.nsp.name)}: ${describeThrown(thrown)}`,
    `namespace middleware ${nameOfThrown(thrown)}`,
  );
  return new Error(INTERNAL_ERROR);
}

/** What a refused client is told: never nothing, and nothing that cannot be read or sent. */
export function toldOf(refusal: Error, { server, logger }: Runtime): Error {
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
 * The refusal of a client whose `@OnConnect()` failed. It tells as much as {@link safeError}: its text, and where
 * there is more, all of it as `data`.
 */
export function refusalFor(error: unknown): ConnectionRefusedError {
  const told = safeError(error) as { message?: unknown };
  const message = textOf(Array.isArray(told) ? told : told.message);
  const isText = Object.keys(told).every((key) => key === 'status' || key === 'message');
  return new ConnectionRefusedError(message, isText || isListOfTexts(told) ? undefined : told);
}

function textOf(message: unknown): string {
  if (isListOfTexts(message)) return message.join(', ');
  return typeof message === 'string' && message !== '' ? message : CONNECTION_REJECTED;
}

function isListOfTexts(words: unknown): words is string[] {
  return Array.isArray(words) && words.every((word) => typeof word === 'string');
}

/** Why a client is refused although all have agreed: its time has come meanwhile, or it has been disconnected. */
export function lateRefusal({ client, state }: Connection): ConnectionRefusedError | undefined {
  if (isExpired(client)) return expiredRefusal();
  return state === 'refused' ? new ConnectionRefusedError() : undefined;
}
