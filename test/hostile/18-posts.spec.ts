import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { RawPolling, type Upload, type Wire } from '../support/raw-polling.js';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

const programs = arenaPrograms();

/** A little below what is taken of a body. */
const SIZE = 999_000;
const OPTIONS = { allowEIO3: true, logger: false } as const;
const OFF = { ...OPTIONS, limits: false } as const;

const filled = (text: string) => text.repeat(Math.floor(SIZE / text.length));

/** Bodies that cost much: what they consist of, and how a client sends them. */
const BODIES: [string, Wire, string][] = [
  ['half a million packets', 'protocol 4', `${filled('3\x1e')}3`],
  ['70,000 events', 'protocol 4', `${filled('42["ignored"]\x1e')}3`],
  ['333,000 packets of protocol 3', 'protocol 3', filled('1:6')],
  ['half a million line breaks of JSONP', 'JSONP', `d=42["ignored"${filled(String.raw`\n`).slice(100)}]`],
];

/** The longest time for which a body keeps the server busy. What else runs on the machine makes none of four shorter. */
async function stallOf([text, wire, body]: (typeof BODIES)[number], options: object): Promise<number> {
  const arena = await Arena.start(programs, { options });
  const stalls: number[] = [];
  for (let time = 0; time < 4; time++) {
    const client = await RawPolling.connect(arena.url, wire);
    await arena.figures(); // begins to measure
    const upload = client.begin({ 'content-type': 'text/plain', 'content-length': body.length }).send(body);
    await Promise.race([upload.status, delay(1_500)]);
    await delay(100);
    stalls.push((await arena.figures()).stall);
    upload.request.destroy();
  }
  const stall = Math.min(...stalls);
  note(18, text, { 'stall ms': stall });
  return stall;
}

it.each(BODIES)('L9 %s in one POST make no other client wait for more than 50 ms', async (...body) => {
  expect(await stallOf(body, OPTIONS)).toBeLessThan(50);
});

it.each(BODIES)('without limits, %s in one POST keep the server busy for longer', async (...body) => {
  expect(await stallOf(body, OFF)).toBeGreaterThan(50);
});

/** A body that brings a byte in each half second; how long it stays open, in milliseconds, or until the test ends. */
async function dribble(options: object): Promise<{ upload: Upload; lived: Promise<number> }> {
  const arena = await Arena.start(programs, { options });
  const client = await RawPolling.connect(arena.url);
  const upload = client.begin({ 'content-length': 1_000 });
  const dribbling = setInterval(() => upload.send('4'), 500);
  onTestFinished(() => clearInterval(dribbling));
  const started = performance.now();
  return { upload, lived: upload.closed.then(() => performance.now() - started) };
}

it('L9 a POST that dribbles is closed within ten seconds, and stays open without limits', async () => {
  const [guarded, unguarded] = await Promise.all([dribble(OPTIONS), dribble(OFF)]);

  const lived = await guarded.lived;
  const isOpen = await Promise.race([unguarded.lived.then(() => false), delay(1_000, true)]);
  note(18, 'dribbled POST', { 'open ms': lived });

  expect({ status: await guarded.upload.status, isOpen }).toEqual({ status: 408, isOpen: true });
  expect(lived).toBeLessThan(10_000);
});

it('L9 C7 what is too large is refused: 413 for a POST, 1009 for a compressed bomb', async () => {
  const options = { ...OPTIONS, server: { perMessageDeflate: true } };
  const arena = await Arena.start(programs, { options });
  const client = await RawPolling.connect(arena.url);
  const before = await arena.figures();
  const upload = client.begin({ 'content-length': 1_100_000 });
  const bomb = await Attacker.connect(arena.url, '/', { perMessageDeflate: true });
  const closed = new Promise<number>((resolve) => bomb.socket.once('close', resolve));
  bomb.socket.send(`42["echo","${'x'.repeat(50_000_000)}"]`);

  const answers = { status: await upload.status, code: await closed };
  const rss = (await arena.figures()).rss - before.rss;
  note(18, 'too large', { 'RSS MB': rss / MEGABYTE });

  expect(answers).toEqual({ status: 413, code: 1009 });
  expect(rss).toBeLessThan(20 * MEGABYTE);
});
