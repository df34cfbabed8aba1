import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Arena, arenaPrograms, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

const programs = arenaPrograms();

const HEARTBEATS = { pingInterval: 500, pingTimeout: 1_000 };

/** Silent clients over both transports; resolves with the milliseconds until the server has none of them any more. */
async function attack(pingTimeout: number): Promise<{ lived: number; reasons: Record<string, number> }> {
  const arena = await Arena.start(programs, { options: { ...HEARTBEATS, pingTimeout } });
  const silent = await Promise.all(Array.from({ length: 20 }, () => Attacker.connect(arena.url)));
  for (const client of silent) {
    client.isAlive = false;
    client.socket.pause();
  }
  const polling = `${arena.url}/socket.io/?EIO=4&transport=polling`;
  for (let count = 0; count < 20; count++) {
    const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1)) as { sid: string };
    await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: '40' });
  }

  const started = performance.now();
  let figures = await arena.figures();
  while (figures.connections > 0 && performance.now() - started < 5_000) {
    await delay(50);
    figures = await arena.figures();
  }
  const lived = figures.connections === 0 ? performance.now() - started : Infinity;
  note(14, 'silent reader', { 'gone after ms': lived });
  return { lived, reasons: figures.reasons };
}

it('L2 readers that are silent are gone when their heartbeat is over, whatever waits for them', async () => {
  const { lived, reasons } = await attack(HEARTBEATS.pingTimeout);

  expect(lived).toBeLessThan(HEARTBEATS.pingInterval + HEARTBEATS.pingTimeout + 1_000);
  expect(reasons).toEqual({ 'ping timeout': 40 });
});

it('readers that are silent stay while heartbeats have time', async () => {
  const { lived, reasons } = await attack(60_000);

  expect({ lived, reasons }).toEqual({ lived: Infinity, reasons: {} });
});
