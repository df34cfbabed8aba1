import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

const CALLBACKS = 100_000;

describe('callbacks that are never answered', () => {
  const programs = arenaPrograms();

  /** A client that has so many callbacks asked, and answers none. */
  async function attack(options: object) {
    const arena = await Arena.start(programs, { options });
    const first = await Attacker.connect(arena.url); // what is compiled and cached does not count
    await first.ask(1, 'ask', 5_000);
    first.socket.terminate();
    await expect.poll(async () => (await arena.figures()).sockets).toBe(0);
    const client = await Attacker.connect(arena.url);
    const before = await arena.figures();
    for (let id = 0; id < CALLBACKS / 10_000; id++) await client.ask(id, 'ask', 10_000);
    return { arena, client, before, after: await arena.figures() };
  }

  it('L8 are kept up to limits.pendingAcknowledgements; of each other one its owner hears', async () => {
    const { before, after } = await attack({ limits: { pendingBytes: false } });
    const growth = (after.heap - before.heap) / MEGABYTE;
    note(15, 'callbacks never answered', { kept: after.acknowledgements, 'MB of heap': growth });

    expect(after.acknowledgements).toBe(1_000);
    expect(growth).toBeLessThan(2);
    expect(after).toMatchObject({ timeouts: CALLBACKS + 5_000 - 2 * 1_000, callbacks: 0 });
  });

  it('L8 are all kept without the limit', async () => {
    const { before, after } = await attack({
      limits: { pendingAcknowledgements: false, pendingBytes: false },
    });
    note(15, 'without the limit', {
      kept: after.acknowledgements,
      MB: (after.heap - before.heap) / MEGABYTE,
    });

    expect(after.acknowledgements).toBeGreaterThan(10_000);
  });
});
