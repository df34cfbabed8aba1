import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';
import type { ServerSettings } from './arena/server.js';

/** How many pings there are at most, and the longest that a server may take for them, in milliseconds. */
const FLOOD = 300_000;
const PATIENCE = 20_000;

/** A ping of WebSocket with the most that it may carry, masked with zeros; so many at once. */
const PING = Buffer.concat([Buffer.of(0x89, 0x80 | 125, 0, 0, 0, 0), Buffer.alloc(125, 'x')]);
const AT_ONCE = 1_000;
const PINGS = Buffer.concat(Array.from({ length: AT_ONCE }, () => PING));

/** Sends pings as fast as they are taken, and reads no pong; heartbeats are answered, whether they come or not. */
function flood({ socket }: Attacker): { sent: number } {
  const { _socket: tcp } = socket as unknown as { _socket: Socket }; // typed private
  const pings = { sent: 0 };
  socket.pause();
  const answering = setInterval(() => socket.send('3'), 300);
  const send = () => {
    if (tcp.destroyed || pings.sent >= FLOOD) return;
    pings.sent += AT_ONCE;
    tcp.write(PINGS, send);
  };
  send();
  onTestFinished(() => clearInterval(answering));
  return pings;
}

/*
 * ws answers pings by itself; since 8.23 it ends a connection whose pongs wait in great number. engine.io has an older
 * one, so the server is given its own.
 */
describe('a flood of pings whose pongs nobody reads', () => {
  const programs = arenaPrograms();

  async function attack(settings: Partial<ServerSettings>) {
    const arena = await Arena.start(programs, { options: { pingInterval: 300 }, ...settings });
    const polite = await arena.polite(4);
    const attacker = await Attacker.connect(arena.url);
    await polite.report();
    const before = await arena.figures();

    const pings = flood(attacker);
    const started = performance.now();
    let cutAfter = Infinity;
    let rss = 0;
    let last = 0; // once more when all have been sent
    while (performance.now() - started < PATIENCE && cutAfter === Infinity && last < FLOOD) {
      last = pings.sent;
      await delay(200);
      const now = await arena.figures();
      rss = Math.max(rss, now.rss - before.rss);
      if (now.connections < before.connections) cutAfter = performance.now() - started;
    }
    const others = await polite.report();
    note(8, 'ping flood', {
      'pings taken': pings.sent,
      'cut after ms': cutAfter,
      'RSS MB': rss / MEGABYTE,
      "others' p99": others.p99,
    });
    return { cutAfter, growth: rss / MEGABYTE, others, alive: arena.isAlive };
  }

  it('ends with the connection, and costs little', async () => {
    const { cutAfter, growth, others, alive } = await attack({});

    expect(cutAfter).toBeLessThan(Infinity);
    expect(growth).toBeLessThan(20);
    expect({ alive, gone: others.disconnects }).toEqual({ alive: true, gone: 0 });
  });

  it('is kept by Socket.IO alone, pong by pong', async () => {
    const { cutAfter, growth } = await attack({ kind: 'bare', options: { pingInterval: 300 } });

    expect(cutAfter).toBe(Infinity);
    expect(growth).toBeGreaterThan(20);
  });
});
