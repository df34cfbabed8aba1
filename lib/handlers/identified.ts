import { chain } from '../common/thenable.js';
import { expiredRefusal, isExpired } from '../context/expiry.js';
import type { Handler } from './handler.js';

/**
 * What comes between the guards of `@OnConnect()`, which may set user and expiry, and its body, which may emit to
 * the user: a client whose time has come is refused, and option `identify` is asked.
 */
export function identified(next: Pick<Handler, 'invoke'>): Handler['invoke'] {
  return (request, values) => {
    const { connection } = request;
    if (isExpired(connection.client)) throw expiredRefusal();
    return chain(connection.runtime.identify(connection), () => next.invoke(request, values));
  };
}
