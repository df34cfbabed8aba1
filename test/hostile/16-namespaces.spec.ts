import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

const NAMESPACES = 10_000;

describe('a client that asks for namespaces without end', () => {
  const programs = arenaPrograms();

  /** Asks for all of them on one connection; resolves with what the server has during it and after it. */
  async function attack(options: object) {
    const arena = await Arena.start(programs, { options });
    const before = await arena.figures();
    const client = await Attacker.connect(arena.url);
    for (let index = 1; index < NAMESPACES; index++) client.socket.send(`40/n${index},`);
    await expect.poll(() => client.received, { timeout: 15_000 }).toBeGreaterThanOrEqual(NAMESPACES + 1);
    const during = await arena.figures();
    client.socket.terminate();
    await expect.poll(async () => (await arena.figures()).sockets).toBe(0);
    return { before, during, after: await arena.figures() };
  }

  it('L5 is in limits.namespacesPerConnection of them, and leaves none behind', async () => {
    const { before, during, after } = await attack({ limits: { eventRate: false } });
    note(16, 'namespaces of one client', {
      accepted: during.sockets,
      left: after.namespaces - before.namespaces,
    });

    expect(during.sockets).toBe(100);
    expect(during.limits).toMatchObject({ namespacesPerConnection: NAMESPACES - 100 });
    expect(after.namespaces).toBe(before.namespaces);
  });

  it('L5 is in all of them without the limit', async () => {
    const { before, during, after } = await attack({ limits: false });
    note(16, 'without the limit', {
      accepted: during.sockets,
      left: after.namespaces - before.namespaces,
    });

    expect(during.sockets).toBe(NAMESPACES);
  });
});
