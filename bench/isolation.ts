import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { median, quartiles } from './harness/statistics.js';

/*
 * What an async resource of its own costs an event that comes alone, with AsyncLocalStorage of the package and one of
 * the application's in use; as lib/context/storage.ts makes it: npm run bench:isolation
 */

const ROUNDS = 40;
const EVENTS = 200_000;

const ours = new AsyncLocalStorage<object>();
const theirs = new AsyncLocalStorage<object>();
const MANUAL = { requireManualDestroy: true };

let handled = 0;
const event = { name: 'an event' };
const handle = (): void => void (handled += theirs.getStore() ? 1 : 0);
const dispatch = (given: object): void => ours.run(given, handle);

const ways = {
  shared: () => dispatch(event),
  own: () => new AsyncResource('FLASKSOCKETEVENT', MANUAL).runInAsyncScope(dispatch, undefined, event),
};

/** Microseconds of CPU for each event. */
function cost(way: () => void): number {
  const before = process.cpuUsage();
  for (let count = 0; count < EVENTS; count++) way();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EVENTS;
}

theirs.run({}, () => {
  const differences = Array.from({ length: ROUNDS }, () => {
    const shared = cost(ways.shared);
    return cost(ways.own) - shared;
  }).slice(ROUNDS / 4);
  const [low, high] = quartiles(differences);
  console.log(
    `Node ${process.version}: ${median(differences).toFixed(2)} µs (${low.toFixed(2)}–${high.toFixed(2)}) for each event that comes alone`,
  );
  if (handled === 0) process.exitCode = 1;
});
