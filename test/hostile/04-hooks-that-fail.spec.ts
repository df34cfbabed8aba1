import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';
import { HOOKS, WAYS, type Hook } from './arena/failures.js';
import { NOTHING, visit } from './arena/visit.js';

const SAFE = { status: 'error', message: 'Internal server error' };

/** What the client of a hook that fails is told. */
const TOLD: Record<Hook, unknown> = {
  middleware: SAFE.message,
  connect: SAFE.message,
  guard: SAFE,
  event: SAFE,
  callback: SAFE,
  'error handler': SAFE,
  disconnect: 'connected',
};

describe('hooks that fail in every way', () => {
  const programs = arenaPrograms();

  /** All hooks fail in all ways, one after the other; resolves with what was heard and what it did to the server. */
  async function attack(kind: 'ours' | 'bare', hooks: readonly Hook[]) {
    const arena = await Arena.start(programs, { kind });
    const heard: Record<string, unknown>[] = [];
    let slowest = 0;
    for (const at of hooks)
      for (const way of WAYS) {
        const started = performance.now();
        const told = await visit(arena.url, { at, way }, { patience: kind === 'ours' ? 5_000 : 200 });
        heard.push({ at, way, told });
        slowest = Math.max(slowest, performance.now() - started);
      }
    const witness = await Attacker.connect(arena.url);
    const answer = await witness.ask(1, 'echo', 'still here');
    await expect.poll(async () => (await arena.figures()).connections).toBe(1);
    return { arena, heard, slowest, answer };
  }

  it('X4 end no process: each is answered safely, and has its line in the log', async () => {
    const { arena, heard, slowest, answer } = await attack('ours', HOOKS);
    const fails = HOOKS.length * WAYS.length;
    const expected = fails + WAYS.length; // the handler before an error handler has failed, too
    await expect.poll(async () => (await arena.figures()).errors).toBeGreaterThanOrEqual(expected);
    const { errors } = await arena.figures();
    note(4, 'hooks that fail', { fails, crashes: 0, errors, 'slowest answer ms': slowest });

    expect(heard).toEqual(HOOKS.flatMap((at) => WAYS.map((way) => ({ at, way, told: TOLD[at] }))));
    expect({ answer, errors, isAlive: arena.isAlive }).toEqual({
      answer: '431["still here"]',
      errors: expected,
      isAlive: true,
    });
  });

  it('end the process of Socket.IO alone, or leave the client without an answer', async () => {
    // It has no error handler, and a middleware can pass on what fails in it.
    const hooks = HOOKS.filter((hook) => hook !== 'error handler' && hook !== 'middleware');
    const { arena, heard } = await attack('bare', hooks);
    const { crashes } = await arena.figures();
    const unanswered = heard.filter(({ told }) => told === NOTHING).length;
    note(4, 'of Socket.IO alone', { fails: hooks.length * WAYS.length, crashes, unanswered });

    expect(crashes).toBe(hooks.length * WAYS.length);
  });
});
