import { describe, expect, it } from 'vitest';
import { Arena, arenaPrograms, note } from './arena/arena.js';
import { HOOKS, SECRET, WAYS } from './arena/failures.js';
import { Tap, visit } from './arena/visit.js';

const TRANSPORTS = ['websocket', 'polling'] as const;

/** What is no `auth`, or that of nobody. */
const BAD_AUTH = [
  `40/failing,{"at":"connect","way":"throws","token":"${SECRET}"}`,
  `40/failing,"${SECRET}"`,
  `40/failing,["${SECRET}"]`,
  `40/failing,{"token":"${SECRET}`,
  `40/failing,{"token":${SECRET}}`,
];

describe('secrets in what is thrown', () => {
  const programs = arenaPrograms();

  /** All hooks fail with a secret, and logins fail; resolves with how often the secret was on the wire. */
  async function attack(kind: 'ours' | 'bare'): Promise<{ arena: Arena; bytes: number; leaks: number }> {
    const arena = await Arena.start(programs, { kind });
    const tap = await Tap.before(arena.port);
    const patience = kind === 'ours' ? 5_000 : 100;
    for (const transport of TRANSPORTS)
      for (const at of HOOKS)
        for (const way of WAYS) await visit(tap.url, { at, way }, { transport, patience });
    for (const packet of BAD_AUTH) await overPolling(tap.url, packet);
    const leaks = tap.text.split(SECRET).length - 1;
    return { arena, bytes: tap.text.length, leaks };
  }

  /** A client that polls sends a packet, and reads what comes of it. */
  async function overPolling(url: string, packet: string): Promise<void> {
    const address = `${url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(address)).text()).slice(1)) as { sid: string };
    const own = `${address}&sid=${sid}`;
    await (await fetch(own, { method: 'POST', body: packet })).text();
    const signal = AbortSignal.timeout(2_000);
    await fetch(own, { signal })
      .then((response) => response.text())
      .catch(() => {});
  }

  it('X5 no byte of them is on the wire, and the log has them', async () => {
    const { arena, bytes, leaks } = await attack('ours');
    note(21, 'secrets on the wire', { 'bytes read': bytes, leaks });

    expect(leaks).toBe(0);
    expect(bytes).toBeGreaterThan(10_000);
    expect(arena.output.text).toContain(SECRET); // they were thrown
  });

  it('of Socket.IO alone, they are', async () => {
    const { bytes, leaks } = await attack('bare');
    note(21, 'of Socket.IO alone', { 'bytes read': bytes, leaks });

    expect(leaks).toBeGreaterThan(0);
  });
});
