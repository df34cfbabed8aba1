import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

/** What the client would send in a second, and how long the others measure. */
const EVENTS_PER_SECOND = 50_000;
const SECONDS = 3;

/** A handler that takes a millisecond, one that throws, and one that answers. */
const EVENTS = ['42["compute",1]', '42["throw"]', '421["echo","x"]'];

/** Sends at the rate that is aimed at, as far as the connection takes it; resolves with the number that was sent. */
async function flood(client: Attacker, event: string, until: number): Promise<number> {
  const start = performance.now();
  let sent = 0;
  while (performance.now() < until && client.socket.readyState === WebSocket.OPEN) {
    const due = ((performance.now() - start) * EVENTS_PER_SECOND) / 1_000;
    for (; sent < due && client.socket.bufferedAmount < MEGABYTE; sent++) client.socket.send(event);
    if (client.socket.bufferedAmount >= MEGABYTE) sent = Math.max(sent, Math.floor(due)); // not made up for later
    await nextTurn();
  }
  return sent;
}

describe('50,000 events a second of one client', () => {
  const programs = arenaPrograms();

  async function attack(event: string, options: object) {
    const arena = await Arena.start(programs, { options });
    const polite = await arena.polite();
    await polite.report();
    await delay(1_500);
    const quiet = await polite.report();
    const client = await Attacker.connect(arena.url);
    await client.ask(1, 'echo', 'x');
    const before = await arena.figures();
    const from = performance.now();
    await flood(client, event, from + SECONDS * 1_000);
    const others = await polite.report();
    const after = await arena.figures();
    const allowed = 2_000 + (500 * (performance.now() - from)) / 1_000;
    const figures = {
      'p99 of the others in ms': others.p99,
      'without the attack': quiet.p99,
      handled: after.events - before.events - others.count,
      'MB of RSS': (after.rss - before.rss) / MEGABYTE,
      'CPU %': (after.cpu - before.cpu) / (SECONDS * 10),
      'KB of log': arena.output.text.length / 1_024,
    };
    note(19, event, figures);
    return { arena, client, others, after, allowed, figures };
  }

  it.each(EVENTS)('L1 are read as slowly as eventRate says: %s', async (event) => {
    const { arena, others, after, allowed, figures } = await attack(event, {});

    expect(others).toMatchObject({ disconnects: 0, missed: 0 });
    expect(figures.handled).toBeLessThan(allowed);
    expect(figures['MB of RSS']).toBeLessThan(50);
    expect(figures['KB of log']).toBeLessThan(100);
    expect(after.limits).toMatchObject({ rateTimeout: 0 });
    expect(arena.isAlive).toBe(true);
  });

  it('L1 hardly keep the others waiting, where a handler takes long', async () => {
    const answers = async (options: object) => {
      const arena = await Arena.start(programs, { options });
      const polite = await arena.polite();
      const client = await Attacker.connect(arena.url);
      await polite.report();
      await flood(client, EVENTS[0]!, performance.now() + SECONDS * 1_000);
      return (await polite.report()).count;
    };
    const [limited, unlimited] = [await answers({}), await answers({ limits: false })];
    note(19, 'acknowledgements of the others', { limited, unlimited });

    expect(limited).toBeGreaterThan(5 * unlimited);
  });

  it('L1 end with the connection after rateTimeout', async () => {
    const { client, after } = await attack('42["ignored"]', { limits: { rateTimeout: 1_500 } });

    await client.closed();
    expect(after.reasons).toEqual({ 'rate limited': 1 });
    expect(after.limits).toMatchObject({ eventRate: 1, rateTimeout: 1 });
  });

  it('L1 are all handled without the limit', async () => {
    const { allowed, figures } = await attack('42["ignored"]', { limits: { eventRate: false } });

    expect(figures.handled).toBeGreaterThan(allowed);
  });
});
