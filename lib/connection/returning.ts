import { chain, guarded } from '../common/thenable.js';
import type { Connection } from '../context/connection.js';
import type { Recovery } from './recovery/recovery.js';
import type { Identification } from './identification.js';

/** Whether a returning client has proved to be the one that it was, without asking handlers (promise N4). */
export function isBack(
  connection: Connection,
  { recovery, identification }: { recovery: Recovery; identification: Identification },
): boolean | PromiseLike<boolean> {
  const proved = guarded<boolean>(
    () => chain(identification.settle(connection), () => recovery.isProved(connection)),
    () => false,
  );
  return chain(proved, (isProved) => {
    if (!isProved) connection.identity = undefined; // to be asked again, when handlers have said who it is
    return isProved;
  });
}
