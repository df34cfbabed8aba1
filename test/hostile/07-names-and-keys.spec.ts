import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';
import type { Figures, ServerSettings } from './arena/server.js';

/** Names that are something to Socket.IO, to Node, to Nest or to every object; and what is no name. */
const GROUPS: unknown[][] = [
  ['connect', 'connect_error', 'connection', 'disconnect', 'disconnecting', 'error', 'exception'],
  ['newListener', 'removeListener', 'connected', 'new_namespace', '*', 'default', 'message', 'json'],
  ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'],
  ['', ' ', '\0', '\n', 'x'.repeat(10_240), '__proto__.polluted', 'echo\0'],
  [0, 1, -1, 1e308, true, false, null, [], {}, ['echo'], { event: 'echo' }, { toString: 'echo' }],
];
const NAMES = GROUPS.flat();

/** Values whose keys are something to every object. */
const VALUES = [
  '{"__proto__":{"polluted":1}}',
  '{"\\u005f_proto__":{"polluted":1}}',
  '{"a":[{"__proto__":{"polluted":1}}]}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"__proto__":{"__proto__":{"polluted":1}}}',
  '{"__proto__":null,"toString":1,"hasOwnProperty":1}',
];

describe('names and keys that mean something to others', () => {
  const programs = arenaPrograms();

  /** A client for each name: Socket.IO's parser ends the connection over some of them. */
  async function sendNames(url: string) {
    const packets = [
      '42[]',
      '42{"0":"echo","length":1}',
      ...NAMES.map((name) => `427${JSON.stringify([name])}`),
    ];
    const left = packets.map(async (packet) => {
      const client = await Attacker.connect(url);
      client.socket.send(packet.replace('427', '42'));
      client.socket.send(packet.replace(/]$/, ',{"a":1},"transport close"]'));
      const isHere = client.ask(9, 'echo', 1).then(() => false);
      return Promise.race([isHere, client.closed().then(() => true)]);
    });
    const isLeft = await Promise.all(left);
    return { clients: packets.length, left: isLeft.filter(Boolean).length };
  }

  /** Sends the values wherever a client can: as data, rooms, acknowledgement, query and auth. */
  async function sendValues(url: string) {
    const query = '&__proto__=a&__proto__[polluted]=1&constructor.prototype.polluted=1';
    const client = await Attacker.connect(url, '/', { query });
    for (const [index, value] of VALUES.entries()) {
      const question = client.answer(`42${index}["question"`);
      client.socket.send(`42["merge",${value},[${value}]]`);
      client.socket.send(`42["join","__proto__","constructor",${value}]`);
      client.socket.send('42["ask",1,5000]');
      await question;
      client.socket.send(`43${index}[${value}]`);
      client.socket.send(`40/auth-${index},${value}`);
      await client.answer(`40/auth-${index},{`);
    }
    return client.ask(9, 'echo', 'still here');
  }

  async function attack(settings: Partial<ServerSettings>) {
    const arena = await Arena.start(programs, settings);
    const echo = await sendValues(arena.url);
    const { clients, left } = await sendNames(arena.url);
    const after = await arena.figures();
    return { arena, after, echo, left, figures: shown(after, 1 + VALUES.length + clients, left) };
  }

  const shown = ({ connects, reasons, ...after }: Figures, clients: number, left: number) => ({
    crashes: after.crashes,
    errors: after.errors,
    'hooks of connect that no client caused': connects - clients,
    'hooks of disconnect that no end caused':
      Object.values(reasons).reduce((sum, count) => sum + count, 0) - left,
    polluted: Number(after.polluted),
    'keys __proto__ in handlers': after.protoKeys,
  });

  it('V4 L7 run no hook, change no prototype and reach no handler', async () => {
    const { arena, after, echo, left, figures } = await attack({});
    note(7, `${NAMES.length} names, ${VALUES.length} values`, { ...figures, 'connections ended': left });

    expect(arena.isAlive).toBe(true);
    expect(Object.values({ ...figures, errors: 0 })).toEqual([0, 0, 0, 0, 0, 0]);
    expect(figures.errors).toBe(VALUES.length); // rooms that are objects: joinRoom() throws
    expect(Object.keys(after.reasons)).toEqual(['forced close']); // by the server, after what is no event;
    expect(after.callbacks).toBe(VALUES.length);
    expect(echo).toBe('439["still here"]');
  });

  it('L7 reach handlers with Socket.IO alone', async () => {
    const { figures } = await attack({ kind: 'bare' });
    note(7, 'Socket.IO alone', figures);

    expect(figures['keys __proto__ in handlers']).toBeGreaterThan(0);
    expect(figures.polluted).toBe(1);
  });
});
