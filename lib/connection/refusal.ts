import { CONNECTION_REJECTED, PacketType } from '../common/constants.js';
import { ConnectionRefusedError } from '../common/connection-refused.error.js';
import { describeThrown, nameOfThrown } from '../common/printable.js';
import type { Connection, Runtime } from '../context/connection.js';
import { expiredRefusal, isExpired } from '../context/expiry.js';
import { safeError } from '../dispatch/safe-error.js';

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
