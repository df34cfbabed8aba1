import { failureFrom } from '../common/errors.js';
import { withoutPassword } from './without-password.js';

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
