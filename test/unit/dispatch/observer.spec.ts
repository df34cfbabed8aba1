import { describe, expect, it } from 'vitest';
import { type Observed, type Observer, runObserved } from '../../../lib/dispatch/observer.js';
import { Gate } from '../../support/journal.js';
import { connectionTo, handlerOf, requestOf } from '../../support/units.js';

async function observing(handlerEnded: Observer['handlerEnded']) {
  const { connection } = await connectionTo();
  const observed: Observed = { request: requestOf(connection), handler: handlerOf() };
  const observer: Observer = {
    serverCreated: () => {},
    eventReceived: () => {},
    eventDropped: () => {},
    handlerFailed: () => {},
    limitReached: () => {},
    handlerEnded,
  };
  return (run: () => void | Promise<void>) => runObserved(observer, observed, run);
}

describe('an observer', () => {
  it('is told at once of a handler that has ended', async () => {
    const told: Observed[] = [];
    const watch = await observing((observed) => void told.push(observed));

    expect([watch(() => {}), told.map(({ handler }) => handler.place)]).toEqual([
      undefined,
      ['Gateway.handle'],
    ]);
  });

  it('is told of one that runs on when that has ended', async () => {
    const told: Observed[] = [];
    const gate = new Gate();
    const watch = await observing((observed) => void told.push(observed));
    const running = watch(() => gate.opened);
    const before = told.length;
    gate.open();
    await running;

    expect([before, told.length]).toEqual([0, 1]);
  });

  it('changes nothing when it throws', async () => {
    const watch = await observing(() => {
      throw new Error('no such metric');
    });

    expect(() => watch(() => {})).not.toThrow();
    await expect(watch(() => Promise.resolve())).resolves.toBeUndefined();
  });
});
