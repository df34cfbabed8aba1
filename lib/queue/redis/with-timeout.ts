import { withinTime } from '../../common/time-limit.js';

/** How long a broker may take to answer somebody who waits, in milliseconds. */
const PATIENCE = 2_000;

/** The same, or a rejection when it takes too long. */
export function inTime<T>(reply: Promise<T>): Promise<T> {
  return withinTime(reply, PATIENCE, () => new Error('the broker did not answer in time'));
}
