import { CONNECTION_REJECTED } from '../../common/constants.js';
import { ConnectionRefusedError } from '../../common/connection-refused.error.js';
import { describeThrown } from '../../common/printable.js';
import type { Connection, Runtime } from '../../context/connection.js';
import { expiredRefusal, isExpired } from '../../context/expiry.js';
import { safeError } from '../dispatch/failures.js';

/** What a refused client is told: never nothing, and nothing that cannot be sent. */
export function toldOf(refusal: Error, runtime: Runtime): Error {
  const { data } = refusal as Error & { data?: unknown };
  const told = refusal.message ? refusal : new ConnectionRefusedError(undefined, data);
  return isEncodable(told, runtime) ? told : new Error(told.message);
}

/** The refusal of a client whose `@OnConnect()` failed. */
export function refusalFor(error: unknown): ConnectionRefusedError {
  const { message } = safeError(error);
  if (Array.isArray(message)) return new ConnectionRefusedError(message.join(', '));
  const isText = typeof message === 'string' && message !== '';
  return new ConnectionRefusedError(isText ? message : CONNECTION_REJECTED);
}

/** Why a client is refused although all have agreed: its time has come meanwhile, or it has been disconnected. */
export function lateRefusal({ client, state }: Connection): ConnectionRefusedError | undefined {
  if (isExpired(client)) return expiredRefusal();
  return state === 'refused' ? new ConnectionRefusedError() : undefined;
}

/** socket.io encodes the refusal where nobody could catch an error. */
function isEncodable(refusal: Error, { server, logger }: Runtime): boolean {
  const { message, data } = refusal as Error & { data?: unknown };
  try {
    server.encoder.encode({ type: 4, nsp: '/', data: { message, data } }); // a CONNECT_ERROR
    return true;
  } catch (error) {
    logger.error(`The data of a refusal cannot be sent and is left out: ${describeThrown(error)}`);
    return false;
  }
}
