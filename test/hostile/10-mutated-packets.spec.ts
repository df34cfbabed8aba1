import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';
import type { Figures } from './arena/server.js';
import { Dice } from './fuzz/grammar.js';

const HEARTBEATS = { pingInterval: 500, pingTimeout: 1_000 };

/** How long the server may take to forget all of it, in milliseconds: the ping timeout, and five seconds. */
const PATIENCE = HEARTBEATS.pingTimeout + 5_000;

/** Far above what it takes where other programs run beside the tests. */
const LIMIT = { timeout: 120_000 };

/** How many of each. */
const PACKETS = 10_000;
const REQUESTS = 300;
const POSTS = 300;
const PACKETS_OF_A_POST = 20;

/** How many attackers there are at the same time. */
const AT_ONCE = 20;

/** What honest clients send. */
const SEEDS = [
  '40', '40/nest,', '40/a,{"token":"x"}', '41', '41/nest,', '42["echo",1]', '421["echo",{"a":[1,"b",null]}]',
  '42/nest,7["nest echo",{"x":1}]', '421["join","a","b"]', '421["ask",3]', '42["throw"]', '430[1]', '43/nest,1[]',
  '451-["echo",{"_placeholder":true,"num":0}]', '452-12["echo",{"_placeholder":true,"num":1}]', '2probe', '3', '5', '6',
] as const; // prettier-ignore

const REQUEST =
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n' +
  'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** A text in which a few bytes are changed, doubled, left out or put in. */
function mutated(text: string, dice: Dice): Buffer {
  let bytes = Buffer.from(text);
  for (let changes = 1 + dice.below(4); changes > 0; changes--) {
    const at = dice.below(bytes.length + 1);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const insert = Buffer.of(dice.once(2) ? dice.below(256) : 0x22 + dice.below(0x5c));
    bytes = dice.pick([
      () => Buffer.concat([head, insert, tail]),
      () => Buffer.concat([head, insert, tail.subarray(1)]),
      () => Buffer.concat([head, tail.subarray(1 + dice.below(3))]),
      () => Buffer.concat([head, head.subarray(-8), tail]),
    ])();
  }
  return bytes;
}

/** Resolves with an event, whatever errors there are before it. */
function heard(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve) => void emitter.once(event, () => resolve()));
}

describe('packets and requests that are damaged', () => {
  const programs = arenaPrograms();

  /** So many packets over WebSocket, on as many connections as that takes. */
  async function packets(url: string, dice: Dice, count: number): Promise<void> {
    const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
    for (let sent = 0; sent < count;) {
      const socket = new WebSocket(address);
      socket.on('error', () => {});
      const closed = heard(socket, 'close');
      await Promise.race([heard(socket, 'message'), closed]);
      if (socket.readyState === WebSocket.OPEN) socket.send('40');
      for (let each = 0; each < 40 && socket.readyState === WebSocket.OPEN; each++, sent++) {
        socket.send(mutated(dice.pick(SEEDS), dice), { binary: dice.once(8) });
        if (each % 4 === 0) await delay(0);
      }
      if (dice.once(2)) socket.terminate();
      else socket.close();
      await closed;
    }
  }

  /** So many requests of bytes alone; some end, some are reset, some are left to the server. */
  async function requests(port: number, dice: Dice, count: number): Promise<void> {
    for (let sent = 0; sent < count; sent++) {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await heard(socket, 'connect');
      socket.resume().write(mutated(REQUEST, dice));
      await Promise.race([heard(socket, 'close'), heard(socket, 'data'), delay(20)]);
      if (dice.once(2)) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** A request over TCP connections that end with the attack; resolves with the body of the response. */
  function exchange(agent: Agent, url: string, body?: string): Promise<string> {
    return new Promise((resolve) => {
      const method = body === undefined ? 'GET' : 'POST';
      const asked = request(url, { method, agent }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('close', () => resolve(text));
      });
      asked.on('error', () => resolve('')).end(body);
    });
  }

  /** So many POSTs, each to a connection of its own, that is left to its heartbeat then. */
  async function posts(url: string, dice: Dice, count: number): Promise<void> {
    const address = `${url}/socket.io/?EIO=4&transport=polling`;
    const agent = new Agent({ keepAlive: true });
    for (let sent = 0; sent < count; sent++) {
      const { sid } = JSON.parse((await exchange(agent, address)).slice(1)) as { sid: string };
      const damaged = Array.from({ length: PACKETS_OF_A_POST }, () =>
        mutated(dice.pick(SEEDS), dice).toString('latin1'),
      );
      await exchange(agent, `${address}&sid=${sid}`, ['40', ...damaged].join('\x1e'));
    }
    agent.destroy();
  }

  async function everything(arena: Arena, seed: number, share: number): Promise<void> {
    const atOnce = (send: (dice: Dice) => Promise<void>) =>
      Promise.all(Array.from({ length: AT_ONCE }, (_, index) => send(new Dice(seed + index))));
    const part = share / AT_ONCE;
    await atOnce((dice) => packets(arena.url, dice, PACKETS * part));
    await atOnce((dice) => requests(arena.port, dice, REQUESTS * part));
    await atOnce((dice) => posts(arena.url, dice, POSTS * part));
  }

  /** What is left when the heartbeats of all those connections are over. */
  async function settled(arena: Arena, handles: number): Promise<Figures> {
    const started = performance.now();
    let figures = await arena.figures();
    const isOver = () => figures.connections === 0 && figures.handles <= handles;
    while (!isOver() && performance.now() - started < PATIENCE) {
      await delay(100);
      figures = await arena.figures();
    }
    return figures;
  }

  async function attack(heartbeats: { pingInterval: number; pingTimeout: number }, share: number) {
    const arena = await Arena.start(programs, { options: heartbeats });
    const { handles } = await arena.figures();
    await everything(arena, 1, share / 5); // what is compiled and cached then does not count
    const before = await settled(arena, handles);
    await everything(arena, 1_000, share);
    const after = await settled(arena, handles);
    const growth = (after.heap - before.heap) / MEGABYTE;
    const { connections, sockets, rooms } = after;
    const left = { connections, sockets, rooms, handles: after.handles - handles };
    note(10, 'mutated packets', { 'heap MB more': growth, ...left });
    return { arena, growth, left };
  }

  it('end no process, and leave nothing when their heartbeats are over', LIMIT, async () => {
    const { arena, growth, left } = await attack(HEARTBEATS, 1);
    const witness = await Attacker.connect(arena.url);

    expect(await witness.ask(1, 'echo', 'still here')).toBe('431["still here"]');
    expect(left).toEqual({ connections: 0, sockets: 0, rooms: 0, handles: 0 });
    expect(growth).toBeLessThan(3);
  });

  it('are left while heartbeats have time', LIMIT, async () => {
    const { left } = await attack({ pingInterval: 60_000, pingTimeout: 60_000 }, 0.1);

    expect(left.connections).toBeGreaterThan(0);
    expect(left.handles).toBeGreaterThan(0);
  });
});
