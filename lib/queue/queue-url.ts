import { failureFrom } from '../common/errors.js';

/** A URL without a host, perhaps with a user or a port. Not for PostgreSQL, whose client reads PGHOST. */
const WITHOUT_HOST = /^(?!postgres|workers)([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)(?=:\d|[/?#]|$)/i;

/** The URL, with host `localhost` if it names none. */
export const withHost = (url: string): string => url.replace(WITHOUT_HOST, '$1localhost');

/** A broker's URL with its login decoded. */
export interface QueueUrl {
  url: URL;
  username: string;
  password: string;
}

/** Parses a URL; throws `FSK_INVALID_QUEUE` if it is invalid. */
export function queueUrl(text: string): QueueUrl {
  try {
    const url = new URL(text);
    decodeURIComponent(url.pathname);
    return { url, username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(text), 'it is no URL');
  }
}

/** The URL for the log: passwords and tokens, also those in parameters, are replaced by `***`. */
export function withoutPassword(url: string): string {
  return url
    .replace(/(\/\/[^/?#]*?):[^/?#]*@/, '$1:***@')
    .replace(/^((?:nats|tls):\/\/)[^/?#:@]*@/, '$1***@') // NATS takes a user without a password for a token
    .replace(/([?&][^=&#]*(?:password|passwd|token|secret)[^=&#]*=)[^&#]*/gi, '$1***');
}

/** How brokers refuse a login: RabbitMQ and PostgreSQL with a code, Redis and NATS in the message. */
const LOGIN_CODES: ReadonlySet<unknown> = new Set(['ACCESS_REFUSED', 'NOT_ALLOWED', '28P01', '28000']);
const LOGIN_MESSAGES = /^(WRONGPASS|NOAUTH|NOPERM)\b|authorization violation/i;

/** Whether an error says that the broker refused the login. */
export function isRefusedLogin(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false;
  return LOGIN_CODES.has((reason as { code?: unknown }).code) || LOGIN_MESSAGES.test(reason.message);
}

/** The advice for a refused login; `url` is the broker's. */
export function howToLogIn(url: string): string {
  const scheme = url.slice(0, url.indexOf('://'));
  return `Write a user and a password that it knows into its URL: ${scheme}://user:password@host`;
}
