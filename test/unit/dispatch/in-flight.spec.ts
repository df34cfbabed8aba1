import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InFlight } from '../../../lib/dispatch/in-flight.js';
import { Gate } from '../../support/journal.js';

describe('what is in flight', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('P7 is counted until it settles, for its owner', async () => {
    const inFlight = new InFlight();
    const [ann, ben] = [{}, {}];
    const gate = new Gate();
    const tracked = inFlight.track(gate.opened, ann);
    const during = [inFlight.size, inFlight.of(ann), inFlight.of(ben)];
    gate.open();
    await tracked;

    expect(during).toEqual([1, [tracked], []]);
    expect([inFlight.size, inFlight.of(ann)]).toEqual([0, []]);
  });

  it('P7 is waited for, what begins meanwhile included', async () => {
    const inFlight = new InFlight();
    const [first, second] = [new Gate(), new Gate()];
    void inFlight.track(first.opened.then(() => void inFlight.track(second.opened)));
    const idle = inFlight.idle(1_000);
    first.open();
    await vi.advanceTimersByTimeAsync(999);
    const between = inFlight.size;
    second.open();

    expect([between, await idle, vi.getTimerCount()]).toEqual([1, true, 0]);
  });

  it('P7 is waited for no longer than said', async () => {
    const inFlight = new InFlight();
    void inFlight.track(new Gate().opened);
    const idle = inFlight.idle(1_000);
    await vi.advanceTimersByTimeAsync(1_000);

    expect(await idle).toBe(false);
  });

  it('may reject: it is over then, too', async () => {
    const inFlight = new InFlight();
    inFlight.track(Promise.reject(new Error('no'))).catch(() => {});

    expect(await inFlight.idle(1_000)).toBe(true);
  });
});
