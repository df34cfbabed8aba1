import { failureFrom } from '../common/errors.js';

/** Between the scheme and the path: nothing, or only a user, or only a port. PostgreSQL's client has PGHOST for that. */
const WITHOUT_HOST = /^(?!postgres|workers)([a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?)(?=:\d|[/?#]|$)/i;

/** The URL, with the host that clients of brokers take where it names none. */
export const withHost = (url: string): string => url.replace(WITHOUT_HOST, '$1localhost');

/** The parts of a broker's URL that are told apart by most drivers, decoded. */
export interface QueueUrl {
  url: URL;
  username: string;
  password: string;
}

/** Takes a URL apart; throws `FSK_INVALID_QUEUE` if it is none. */
export function queueUrl(text: string): QueueUrl {
  try {
    const url = new URL(text);
    decodeURIComponent(url.pathname);
    return { url, username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch (cause) {
    throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(text), 'it is no URL');
  }
}

/** The URL without what nobody else may know, for the log: password, token, and what parameters say of them. */
export function withoutPassword(url: string): string {
  return url
    .replace(/(\/\/[^/?#]*?):[^/?#]*@/, '$1:***@')
    .replace(/^((?:nats|tls):\/\/)[^/?#:@]*@/, '$1***@') // a name alone is a token there
    .replace(/([?&][^=&#]*(?:password|passwd|token|secret)[^=&#]*=)[^&#]*/gi, '$1***');
}

/** What brokers say to a login that they will not take later either: RabbitMQ and PostgreSQL by a code, others in words. */
const CODES: ReadonlySet<unknown> = new Set(['ACCESS_REFUSED', 'NOT_ALLOWED', '28P01', '28000']);
const WORDS = /^(WRONGPASS|NOAUTH|NOPERM)\b|authorization violation/i;

/** Whether a broker is there, and does not let this process in. */
export function isRefusedLogin(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false;
  return CODES.has((reason as { code?: unknown }).code) || WORDS.test(reason.message);
}

/** What to do about it; `url` is the URL of the broker. */
export function howToLogIn(url: string): string {
  const scheme = url.slice(0, url.indexOf('://'));
  return `Write a user and a password that it knows into its URL: ${scheme}://user:password@host`;
}
