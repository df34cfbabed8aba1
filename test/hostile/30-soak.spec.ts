import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';

/*
 * Cycles of clients that connect, join, are answered and leave: as many as fit into some seconds; fifty with SOAK=1, and
 * as many as fit into an hour with SOAK_MINUTES=60.
 */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 0);
const IS_LONG = MINUTES > 0 || process.env['SOAK'] === '1';
const CLIENTS = 1_000;
const BRIEF = 10_000;

/** A cycle can be the last one after so many, and it is after so many milliseconds. */
const LEAST = MINUTES > 0 ? 10 : IS_LONG ? 50 : 3;
const DURATION = MINUTES > 0 ? MINUTES * 60_000 : IS_LONG ? 0 : BRIEF;

/** Far above what it takes where other programs run beside the tests. */
const LIMIT = { timeout: 2 * DURATION + (IS_LONG ? 1_800_000 : 240_000) };

/** How many connect at the same time: the server takes no more of one address that have not connected to a namespace. */
const AT_ONCE = 50;

/** Cycles that come before those that are measured: what is compiled and cached in them does not count. */
const WARM_UP = IS_LONG ? 5 : 2;

interface Soak {
  leaks: boolean;
  warmUp: number;
  least: number;
  duration: number;
}

/** Connects, joins a room, and is answered. */
async function arrive(url: string, number: number): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const is = (prefix: string) =>
    new Promise<void>((resolve, reject) => {
      socket.once('close', () => reject(new Error('The server has closed a connection.')));
      socket.on('message', function read(data: Buffer) {
        const packet = data.toString();
        if (packet === '2') socket.send('3');
        if (!packet.startsWith(prefix)) return;
        socket.removeAllListeners('close').off('message', read);
        resolve();
      });
    });
  await is('0');
  const accepted = is('40');
  socket.send('40');
  await accepted;
  const joined = is('431');
  socket.send(`421["join","room ${number}","all"]`);
  await joined;
  const answered = is('432["hello"]');
  socket.send('422["echo","hello"]');
  await answered;
  socket.on('message', (data: Buffer) => void (data.toString() === '2' && socket.send('3')));
  return socket;
}

async function leave(socket: WebSocket): Promise<void> {
  const closed = once(socket, 'close');
  socket.send('41');
  socket.close();
  await closed;
}

/** As many as a cycle has, a few at a time; while all are there, what they cost is asked. */
async function cycle<Result>(url: string, whileThere: () => Promise<Result>): Promise<Result> {
  const there: WebSocket[] = [];
  let next = 0;
  const one = async () => {
    while (next < CLIENTS) there.push(await arrive(url, next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  const result = await whileThere();
  await Promise.all(there.map(leave));
  return result;
}

/** The slope of a line through values, for each step. */
function slopeOf(values: number[]): number {
  const [x, y] = [(values.length - 1) / 2, values.reduce((sum, value) => sum + value, 0) / values.length];
  const rise = values.reduce((sum, value, index) => sum + (index - x) * (value - y), 0);
  return rise / values.reduce((sum, _, index) => sum + (index - x) ** 2, 0);
}

describe('a soak', () => {
  const programs = arenaPrograms();

  /** What is left when a cycle is over, and nothing is on its way any more. */
  async function idle(arena: Arena) {
    let figures = await arena.figures();
    while (figures.connections > 0) {
      await delay(50);
      figures = await arena.figures();
    }
    return figures;
  }

  async function soak({ leaks, warmUp, least, duration }: Soak) {
    const arena = await Arena.start(programs, { leaks });
    const first = await arena.figures();
    for (let count = 0; count < warmUp; count++) await cycle(arena.url, () => arena.figures());
    const before = await idle(arena);
    const heaps: number[] = [before.heap];
    const costs: number[] = [];
    const started = performance.now();
    while (heaps.length <= least || performance.now() - started < duration) {
      const busy = await cycle(arena.url, () => arena.figures());
      if (busy.sockets !== CLIENTS) throw new Error(`${busy.sockets} clients are there`);
      costs.push((busy.rss - first.rss) / CLIENTS / 1_024);
      heaps.push((await idle(arena)).heap);
    }
    const after = await idle(arena);
    const lives = (heaps.length - 1) * CLIENTS;
    const growth = (after.heap - before.heap) / MEGABYTE;
    const slope = (slopeOf(heaps) / MEGABYTE / CLIENTS) * 10_000;
    note(30, `soak of ${heaps.length - 1} cycles${leaks ? ', of an application that leaks' : ''}`, {
      'heap MB more': growth,
      'MB per 10,000 lives': slope,
      'KB of RSS per connection': costs.at(-1)!,
      'listeners more': after.listeners - before.listeners,
    });
    return { arena, before, after, growth, slope, lives };
  }

  it('leaves nothing of clients that have gone', LIMIT, async () => {
    const { arena, before, after, growth, slope, lives } = await soak({
      leaks: false,
      warmUp: WARM_UP,
      least: LEAST,
      duration: DURATION,
    });

    expect(after).toMatchObject({ sockets: 0, rooms: 0, acknowledgements: 0, listeners: before.listeners });
    expect(after.handles).toBeLessThanOrEqual(before.handles);
    expect(arena.output.text).not.toContain('MaxListenersExceededWarning');
    expect(growth).toBeLessThan(Math.max(1, lives / 10_000));
    expect(slope).toBeLessThan(IS_LONG ? 1 : Infinity); // a line through three values is none
  });

  it('finds what an application keeps', LIMIT, async () => {
    const { arena, before, after, growth } = await soak({ leaks: true, warmUp: 0, least: 1, duration: 0 });

    expect(growth).toBeGreaterThan(1);
    expect(after.listeners).toBeGreaterThan(before.listeners);
    expect(arena.output.text).toContain('MaxListenersExceededWarning');
  });
});
