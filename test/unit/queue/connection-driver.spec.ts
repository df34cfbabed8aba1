import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BrokerConnection, ConnectionEvents } from '../../../lib/queue/connection-driver.js';
import { backoff, fitName, ConnectionDriver, pingRegularly } from '../../../lib/queue/connection-driver.js';
import { restoreClock, turnClock } from '../../support/units.js';

/** A broker whose connections the test makes end; it notes what is asked of them. */
function broken({ connect = () => Promise.resolve() }: { connect?: () => Promise<void> } = {}) {
  const steps: string[] = [];
  const sessions: ConnectionEvents[] = [];
  const note = (step: string) => async () => void steps.push(step);
  const driver = new ConnectionDriver({
    address: (topic) => `/${topic}`,
    connect: async (events): Promise<BrokerConnection> => {
      await connect();
      steps.push('connected');
      sessions.push(events);
      return {
        publish: (address, payload) => note(`${address}: ${payload.toString()}`)(),
        subscribe: (address) => note(`listens to ${address}`)(),
        unsubscribe: (address) => note(`leaves ${address}`)(),
        close: note('ended'),
        destroy: () => void steps.push('destroyed'),
      };
    },
  });
  const events = { connected: () => void steps.push('up'), disconnected: (reason: unknown) => void steps.push(`away: ${String(reason)}`) }; // prettier-ignore
  return { driver, steps, sessions, open: () => driver.connect(events) };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe('a driver on one connection', () => {
  beforeEach(() => turnClock());
  afterEach(restoreClock);

  it('P6 says that the broker is there when it listens to all topics, and so again with the next connection', async () => {
    const { driver, steps, sessions, open } = broken();
    driver.subscribe('a', () => {});
    open();
    await settle();
    sessions[0]!.lost('cut');
    await vi.advanceTimersByTimeAsync(50);
    await driver.close(0);

    const once = ['connected', 'listens to /a', 'up'];
    expect(steps.slice(0, 3)).toEqual(once);
    expect(steps.slice(3, 8).toSorted()).toEqual([...once, 'away: cut', 'destroyed'].toSorted());
  });

  it('P6 hands what arrives to the listener of its topic', async () => {
    const { driver, sessions, open } = broken();
    const heard: string[] = [];
    driver.subscribe('a', (payload, topic) => void heard.push(`${topic}: ${payload.toString()}`));
    open();
    await settle();
    sessions[0]!.received('/a', Buffer.from('1'));
    sessions[0]!.received('/other', Buffer.from('2'));

    expect(heard).toEqual(['a: 1']);
    await driver.close(0);
  });

  it('P6 rejects what cannot be published', async () => {
    const { driver } = broken();

    await expect(driver.publish('a', Buffer.from('1'))).rejects.toThrow('the broker is away');
  });

  it('looks for the broker again for as long as it takes, and says each time why not', async () => {
    const { driver, steps, open } = broken({ connect: () => Promise.reject('refused') });
    open();
    await vi.advanceTimersByTimeAsync(10_000);
    await driver.close(0);

    expect(new Set(steps)).toEqual(new Set(['away: refused']));
    expect(steps.length).toBeGreaterThan(5);
  });

  it('goes on listening for five seconds to a topic that was left', async () => {
    const { driver, steps, open } = broken();
    open();
    await settle();
    driver.subscribe('a', () => {});
    driver.unsubscribe('a');
    driver.subscribe('a', () => {});
    driver.unsubscribe('a');
    await vi.advanceTimersByTimeAsync(4_999);
    const before = steps.filter((step) => step.endsWith('/a'));
    await vi.advanceTimersByTimeAsync(1);
    await driver.close(0);

    expect(before).toEqual(['listens to /a']);
    expect(steps).toContain('leaves /a');
  });

  it('P7 ends its connection and looks for no other', async () => {
    const { driver, steps, open } = broken();
    open();
    await settle();
    await driver.close(1_000);
    await vi.advanceTimersByTimeAsync(60_000);

    expect(steps).toEqual(['connected', 'up', 'ended', 'destroyed']);
  });
});

describe('the backoff', () => {
  it('P6 grows to two seconds, and is different each time', () => {
    const waits = Array.from({ length: 50 }, (_, attempt) => backoff(attempt));
    expect(waits[0]).toBeLessThanOrEqual(50);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
    expect(Math.min(...waits.slice(6))).toBeGreaterThanOrEqual(1_000);
    expect(new Set(waits).size).toBeGreaterThan(40);
  });
});

describe('the watch over a broker', () => {
  beforeEach(() => turnClock());
  afterEach(restoreClock);

  it.each([
    ['answers', () => Promise.resolve(), 0],
    ['does not answer', () => new Promise(() => {}), 1],
  ])('P6 notices when it %s', async (_, ask, expected) => {
    const lost: unknown[] = [];
    const end = pingRegularly(ask, (reason) => void lost.push(reason));
    await vi.advanceTimersByTimeAsync(9_000);
    end();

    expect([lost.length, vi.getTimerCount()]).toEqual([expected, 0]);
  });
});

describe('the name of a topic at a broker', () => {
  it.each(['short', 'ü'.repeat(10)])('is %j itself where that fits', (name) => {
    expect(fitName(name, 20)).toBe(name);
  });

  it.each(['x'.repeat(21), 'ü'.repeat(11), 'a\nb', '\uD800'])(
    'is a digest of %j, which does not fit',
    (name) => {
      expect(fitName(name, 20)).toMatch(/^[\w-]{43}$/);
    },
  );
});
