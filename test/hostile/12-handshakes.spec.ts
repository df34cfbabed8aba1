import { Agent, get } from 'node:http';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';
import { Attacker } from './arena/attacker.js';

/** How many shake hands, over each transport. */
const WEB_SOCKETS = 500;
const POLLING = 1_500;

const TIMEOUT = 3_000;

describe('handshakes of clients that ask for no namespace', () => {
  const programs = arenaPrograms();

  it('L3 end in time, and leave nothing', async () => {
    const arena = await Arena.start(programs, {
      options: { limits: { connectTimeout: TIMEOUT, handshakesPerAddress: false } },
    });
    const first = await shakeHands(arena.url, 200); // what is compiled and cached does not count
    await expect.poll(async () => (await arena.figures()).connections, { timeout: 10_000 }).toBe(0);
    const before = await arena.figures();
    const polled = await shakeHands(arena.url, POLLING);
    const attackers = await Promise.all(Array.from({ length: WEB_SOCKETS }, () => Attacker.open(arena.url)));
    const begun = performance.now();
    await Promise.all(attackers.map((attacker) => attacker.closed()));
    const seconds = (performance.now() - begun) / 1_000;
    await expect.poll(async () => (await arena.figures()).connections).toBe(0);
    const growth = ((await arena.figures()).heap - before.heap) / MEGABYTE;
    note(12, `${POLLING + WEB_SOCKETS} handshakes without CONNECT`, { 'seconds until all are gone': seconds, 'MB of heap': growth }); // prettier-ignore

    expect([first[200], polled[200]]).toEqual([200, POLLING]);
    expect(growth).toBeLessThan(2);
  });

  it('L4 are a hundred of one address at most, and no more by what they say of proxies', async () => {
    const arena = await Arena.start(programs);
    const polled = await shakeHands(arena.url, POLLING);
    const { connections } = await arena.figures();
    note(12, `${POLLING} handshakes of one address`, { accepted: polled[200]!, refused: polled[429]! });

    expect([polled, connections]).toEqual([{ 200: 100, 429: POLLING - 100 }, 100]);
  });

  it('L3 L4 all stay without limits', async () => {
    const arena = await Arena.start(programs, { options: { limits: false } });
    await shakeHands(arena.url, POLLING);
    await Promise.all(Array.from({ length: WEB_SOCKETS }, () => Attacker.open(arena.url)));
    const { connections } = await arena.figures();
    note(12, 'without limits', { connections });

    expect(connections).toBe(POLLING + WEB_SOCKETS);
  });
});

/** Handshakes over polling, each of another address, if it were believed; counted by their status. */
async function shakeHands(url: string, count: number): Promise<Record<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  onTestFinished(() => agent.destroy());
  const statuses: Record<number, number> = {};
  const one = async (index: number) => {
    const headers = { 'x-forwarded-for': `1.1.${index >> 8}.${index & 255}` };
    const [response] = (await once(
      get(`${url}/socket.io/?EIO=4&transport=polling`, { agent, headers }),
      'response',
    )) as [{ statusCode: number; resume(): void } & NodeJS.EventEmitter];
    response.resume();
    statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
    await once(response, 'end');
  };
  await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  return statuses;
}
