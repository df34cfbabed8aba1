import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';
import type { ServerSettings } from './arena/server.js';

const programs = arenaPrograms();

/** 2 MB a second to everybody: the kernel takes the first 4 MB that a client does not read. */
const NEWS = { bytes: 100_000, every: 50, times: 140 };

/** Reads nothing, and answers heartbeats, whether they come or not. */
function readNothing({ socket }: Attacker): void {
  socket.pause();
  const answering = setInterval(() => socket.send('3'), 300);
  onTestFinished(() => clearInterval(answering));
}

/** What a slow reader costs, while polite clients read. */
async function attack(settings: Partial<ServerSettings>) {
  const arena = await Arena.start(programs, settings);
  const polite = await arena.polite(5);
  const slow = await Attacker.connect(arena.url);
  readNothing(slow);
  await polite.report();
  const before = await arena.figures();

  const over = arena.broadcast(NEWS).then(() => true);
  let rss = 0;
  while (!(await Promise.race([over, delay(500, false)])))
    rss = Math.max(rss, (await arena.figures()).rss - before.rss);
  const others = await polite.report();
  const waited = Number(/(\d+) bytes wait/.exec(arena.output.text)?.[1] ?? Infinity);
  note(13, 'slow reader', {
    'RSS MB': rss / MEGABYTE,
    'waited MB': waited / MEGABYTE,
    "others' p99": others.p99,
  });
  return { ...(await arena.figures()), growth: rss / MEGABYTE, waited: waited / MEGABYTE, others };
}

it('L2 a slow reader that answers heartbeats is disconnected, and those that read lose nothing', async () => {
  const { growth, waited, others, reasons, limits } = await attack({});

  expect(reasons).toEqual({ 'slow reader': 1 });
  expect(limits['pendingBytes']).toBe(1);
  expect(waited).toBeLessThan(1 + 2 * 2); // the limit, and what comes in two seconds
  expect(growth).toBeLessThan(20);
  expect(others).toMatchObject({ missed: 0, disconnects: 0 });
});

it.each([
  ['without limits', { options: { limits: false } }],
  ['of Socket.IO alone', { kind: 'bare', options: {} }],
] as const)(
  'a server %s keeps what waits for a slow reader, however much it becomes',
  async (_, settings) => {
    const { growth, reasons } = await attack(settings);

    expect(reasons).toEqual({});
    expect(growth).toBeGreaterThan(6);
  },
);
