import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';
import type { ServerSettings } from './arena/server.js';

const DEPTHS = [5_000, 100_000];

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('payloads that are nested deeply', () => {
  const programs = arenaPrograms();

  /** Sends them where they would be sent back: by return, acknowledgement, emit, broadcast, and to a room. */
  async function attack(settings: Partial<ServerSettings>) {
    const arena = await Arena.start(programs, settings);
    const polite = await arena.polite(4);
    const client = await Attacker.connect(arena.url);
    const answers: Promise<string>[] = [];
    const acknowledged = (id: number, text: string) => {
      client.socket.send(text);
      answers.push(client.answer(`43${id}`));
    };
    await client.ask(1, 'join', 'lobby');
    await polite.report();
    const before = await arena.figures();
    for (const [index, depth] of DEPTHS.entries()) {
      const value = nested(depth);
      acknowledged(10 + index, `42${10 + index}["echo",${value}]`);
      acknowledged(20 + index, `42${20 + index}["echo all",${value}]`);
      client.socket.send(`42["echo to","lobby",${value}]`);
      const question = client.answer(`42${index}["question"`);
      client.socket.send('42["ask",1,1000]');
      await question;
      client.socket.send(`43${index}[${value}]`);
    }
    await client.ask(2, 'ask', 0); // what was sent before has been dealt with
    return { arena, polite, client, before, answers };
  }

  it('L7 are refused with an error, and reach no handler', async () => {
    const { arena, polite, answers } = await attack({});

    const refused = await Promise.all(answers);
    const { count, p99, disconnects } = await polite.report();
    const after = await arena.figures();
    note(5, 'nested 5,000 and 100,000 levels deep', {
      crashes: arena.isAlive ? 0 : 1,
      refused: after.limits['payloadDepth'] ?? 0,
      answered: refused.length,
      'p99 of others': p99,
      stall: after.stall,
    });

    expect(refused.every((text) => text.includes('nested too deeply'))).toBe(true);
    expect(after.limits['payloadDepth']).toBe(4 * DEPTHS.length);
    expect([arena.isAlive, after.errors, after.callbacks, disconnects]).toEqual([true, 0, 0, 0]);
    expect(count).toBeGreaterThan(0);
    const other = await Attacker.connect(arena.url);
    expect(await other.ask(3, 'echo', 'still here')).toBe('433["still here"]');
  });

  it.each<[string, Partial<ServerSettings>]>([
    ['end Socket.IO alone', { kind: 'bare' }],
    ['reach handlers without the limit', { options: { limits: { payloadDepth: false } } }],
  ])('L7 %s', async (name, settings) => {
    const { arena, before } = await attack(settings);

    await expect.poll(async () => (await arena.figures()).events - before.events).toBeGreaterThan(6);
    const { crashes, errors } = await arena.figures();
    note(5, name, { crashes, errors });
    expect(crashes + errors).toBeGreaterThan(0);
  });
});
