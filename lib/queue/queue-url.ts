import { failureFrom } from '../common/errors.js';
import { withoutPassword } from './without-password.js';

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
