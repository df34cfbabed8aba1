import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BrokerLink } from '../../../lib/queue/broker-link.js';
import { NOT_MINE, Peers } from '../../../lib/queue/peers.js';
import { FakeDriver, linkTo, restoreClock, turnClock } from '../../support/units.js';

/** A process at the broker. */
interface Joined {
  peers: Peers;
  driver: FakeDriver;
  link: BrokerLink;
}

/** A broker that several processes share, and each of them at it. */
class Exchange {
  readonly drivers: FakeDriver[] = [];

  /** A process; those that are there have had time to notice it. */
  async join(): Promise<Joined> {
    const driver = new FakeDriver();
    driver.publish = async (topic, payload) => {
      for (const each of this.drivers) if (each.isUp) each.hear(topic, payload);
    };
    this.drivers.push(driver);
    const { link } = linkTo(driver);
    const peers = new Peers(link);
    driver.up();
    await vi.advanceTimersByTimeAsync(300);
    return { peers, driver, link };
  }

  /** A process hangs: it hears nothing more. */
  cut(driver: FakeDriver): void {
    this.drivers.splice(this.drivers.indexOf(driver), 1);
  }
}

async function processes(count: number) {
  const exchange = new Exchange();
  const all: Joined[] = [];
  for (let number = 0; number < count; number++) all.push(await exchange.join());
  return { exchange, all, peers: all.map((one) => one.peers) };
}

describe('the processes of an application', () => {
  beforeEach(() => turnClock());
  afterEach(restoreClock);

  it('M6 know each other, from the newest on', async () => {
    const { peers } = await processes(3);

    expect(peers.map(({ size }) => size)).toEqual([3, 3, 3]);
  });

  it('M6 answer a question to all, each for itself', async () => {
    const { peers } = await processes(3);
    peers.forEach((each, number) => each.respond('double', (value) => [number, 2 * (value as number)]));
    const { responses: answers, error: silence } = await peers[0]!.requestAll('double', 4, 1_000);

    expect([answers, silence]).toEqual([[[1, 8], [2, 8]], undefined]); // prettier-ignore
  });

  it('E7 answer a question to whom it concerns: one says so', async () => {
    const { peers } = await processes(3);
    peers[1]!.respond('who', () => NOT_MINE);
    peers[2]!.respond('who', async (sid) => `I have ${sid as string}`);

    expect(await peers[0]!.requestOne('who', 'a', 1_000)).toBe('I have a');
    expect(await peers[0]!.requestOne('what', 'a', 1_000)).toBe(NOT_MINE);
  });

  it('answer that it is not theirs where their answer fails, so that nobody waits', async () => {
    const { peers } = await processes(2);
    peers[1]!.respond('who', () => Promise.reject(new Error('no')));

    expect(await peers[0]!.requestOne('who', 'a', 1_000)).toBe(NOT_MINE);
  });

  it('M6 that are silent are named in time; next time nobody waits for them', async () => {
    const { exchange, all, peers } = await processes(3);
    for (const each of peers) each.respond('kind', () => 'here');
    exchange.cut(all[2]!.driver);
    const first = peers[0]!.requestAll('kind', 1, 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    const second = peers[0]!.requestAll('kind', 1, 1_000);
    await vi.advanceTimersByTimeAsync(0);

    for (const asked of [first, second])
      expect(await asked).toMatchObject({ responses: ['here'], error: { code: 'FSK_QUEUE_SILENT' } });
  });

  it('that say nothing for ten seconds are gone', async () => {
    const { exchange, all, peers } = await processes(3);
    exchange.cut(all[2]!.driver);
    all[2]!.driver.publish = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(14_000);

    expect([peers[0]!.size, peers[1]!.size]).toEqual([2, 2]);
  });

  it('that take their leave are gone at once, and nobody waits for their answer', async () => {
    const { peers } = await processes(2);
    peers[1]!.respond('kind', () => new Promise(() => {}));
    const asked = peers[0]!.requestAll('kind', 1, 60_000);
    await vi.advanceTimersByTimeAsync(0);
    peers[1]!.close();

    expect(await asked).toEqual({ responses: [], error: undefined });
    expect(peers[0]!.size).toBe(1);
  });

  it('P6 cannot be asked while the broker is away', async () => {
    const { all, peers } = await processes(2);
    all[0]!.driver.away();

    await expect(peers[0]!.requestAll('kind', 1, 1_000)).rejects.toThrow('FSK_QUEUE_AWAY');
  });

  it('P6 are waited for when the broker is back, before anything that waited is sent', async () => {
    const { all } = await processes(2);
    const [{ driver, link }, other] = all as [Joined, Joined];
    const published: string[] = [];
    const usual = driver.publish;
    driver.publish = (topic, payload) => {
      if (topic === 'topic') published.push(payload.toString());
      return usual(topic, payload);
    };
    for (const each of [other, { driver }]) each.driver.away();
    link.publish('topic', Buffer.from('waited'));
    driver.up();
    await vi.advanceTimersByTimeAsync(100);
    const before = [...published];
    other.driver.up();
    await vi.advanceTimersByTimeAsync(0);

    expect([before, published]).toEqual([[], ['waited']]);
  });
});
