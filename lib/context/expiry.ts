import { ConnectionRefusedError } from '../common/connection-refused.error.js';
import { EXPIRED } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { printableValue } from '../common/printable.js';
import type { ClientState, Connection } from './connection.js';

/** Seconds since 1970 are in this range until the year 5138; as milliseconds they would lie before 1974. */
const SECONDS = { from: 10 ** 8, to: 10 ** 11 };

const IN_SECONDS =
  'request.expiresAt was set to a time before 1974, so the connection ends now. It takes milliseconds: ' +
  'the exp of a JWT counts seconds and has to be multiplied by 1000.';

/** Sets when a client's connection ends by itself. A time that has passed ends it now. */
export function setExpiry(connection: Connection, time: unknown): void {
  const { client, runtime } = connection;
  client.expiresAt = checkedTime(time);
  if (typeof time === 'number' && time > SECONDS.from && time < SECONDS.to)
    runtime.warnOnce('expiresAt', IN_SECONDS);
  runtime.expiryChanged(connection);
}

/** Takes over what a middleware set on the HTTP request, unless a handler or guard has set it. */
export function adoptExpiry(connection: Connection): void {
  const { expiresAt } = connection.socket.request as { expiresAt?: unknown };
  if (expiresAt !== undefined && !('expiresAt' in connection.client)) setExpiry(connection, expiresAt);
}

/** Whether the time of a client's connection has come, whatever its timer does. */
export function isExpired({ expiresAt }: ClientState): boolean {
  return expiresAt !== undefined && Number(expiresAt) <= Date.now();
}

/** The refusal of a client whose time had come before it was connected. */
export function expiredRefusal(): ConnectionRefusedError {
  return new ConnectionRefusedError(EXPIRED.message, { code: EXPIRED.code });
}

function checkedTime(time: unknown): Date | number | undefined {
  if (time === undefined || time === null) return undefined;
  const isTime = time instanceof Date || typeof time === 'number';
  if (!isTime || Number.isNaN(Number(time))) throw failure('FSK_INVALID_EXPIRY', printableValue(time));
  return time;
}
