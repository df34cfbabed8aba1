import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, it, vi } from 'vitest';
import { changes } from '../support/links.js';
import { canDo } from './back-ends.js';
import { failed } from './suite.asking.js';
import { leave, SOON, type Application, type Client, type RemoteError, type World } from './world.js';

/** What was seen before, during and after an outage. */
interface Seen {
  /** The numbers that each client heard of each process: `heard[client][process]`. */
  heard: number[][][];
  /** How many each process said. */
  said: number[];
  /** What was said once while the broker was away, as each client heard it. */
  saidAway: unknown[][];
  /** The log lines of each process. */
  log: string[][];
  /** Milliseconds until a client heard its own process, and it another one, and until all was as before. */
  localTook: number;
  backAfter: number;
  members: { error: RemoteError; took: number };
  remoteCall: { error: RemoteError; took: number };
  localCall: unknown;
  usage: { before: Usage[]; after: Usage[] };
  /** A process that was started while the broker was away. */
  late: Application;
}

type Usage = Awaited<ReturnType<Application['usage']>>;

/** The broker dies while everybody speaks, and comes back empty. */
export function survivesAnOutage(world: World): void {
  let seen: Seen;
  beforeAll(async () => {
    seen = await outage(world);
  }, 180_000);

  it('P6 clients of a process hear all that it says, in order, as if there were no outage', () => {
    for (const [index, said] of seen.said.entries())
      expect(seen.heard[index]![index]!.join()).toBe(upTo(said).join());
  });

  it('P6 what other processes say keeps its order, and nothing comes twice', () => {
    for (const numbers of seen.heard.flat())
      expect(numbers.join()).toBe([...new Set(numbers)].toSorted((a, b) => a - b).join());
  });

  it('P6 other processes are heard again, and miss little: what was said while the broker came and went', () => {
    for (const [client, ofEach] of seen.heard.entries())
      for (const [process, numbers] of ofEach.entries()) {
        const missed = seen.said[process]! - numbers.length;
        expect(missed, `client ${client} of process ${process}`).toBeLessThan(0.25 * seen.said[process]!);
        expect(numbers.at(-1)).toBe(seen.said[process]);
      }
  });

  it('P6 what is said while the broker is away arrives when it is back', () => {
    expect(seen.saidAway).toEqual([['said away'], ['said away'], ['said away']]);
  });

  it('P6 a process serves its own clients without waiting for the broker', () => {
    expect(seen.localTook).toBeLessThan(world.backEnd.outage);
    expect(seen.localCall).toBe('yes');
  });

  it('P6 E7 M6 what needs the other processes fails at once, and says why', () => {
    expect(seen.members.error.code).toBe('FSK_QUEUE_AWAY');
    expect(seen.remoteCall.error.code).toBe('FSK_QUEUE_AWAY');
    expect(Math.max(seen.members.took, seen.remoteCall.took)).toBeLessThan(4_500); // both wait for five seconds else
  });

  it('P6 all is as before within seconds', () => {
    expect(seen.backAfter).toBeLessThan(3 * canDo(world.backEnd).backWithin); // beside other tests
  });

  it('P6 the log says so once, and once again when the broker is back', () => {
    for (const lines of seen.log) {
      expect(changes(lines)).toEqual([
        expect.stringContaining(' is away '),
        expect.stringMatching(/ is back[.;]/),
      ]);
      expect(lines.length).toBeLessThanOrEqual(5);
    }
  });

  it('P6 a process that was started without the broker takes part', async () => {
    const clients = await world.clients({ on: [...world.three, seen.late] });
    await seen.late.emit('hello', 1);
    await world.a.emit('welcome', 2);
    const heard = [['hello', 1], ['welcome', 2]]; // prettier-ignore
    const ordered = (await world.heard(clients, [seen.late, world.a])).map((events) => events.toSorted());
    expect(ordered).toEqual([heard, heard, heard, heard]);
    await seen.late.close();
  });

  it('P6 no process has died, complained, or kept anything of it', () => {
    for (const [index, process] of world.three.entries()) {
      expect([process.isAlive, process.complaints]).toEqual([true, '']);
      const { before, after } = { before: seen.usage.before[index]!, after: seen.usage.after[index]! };
      expect(after.held.filter(isSocket)).toEqual(before.held.filter(isSocket));
      expect(after.held.length).toBeLessThanOrEqual(before.held.length + 3);
      expect(after.heap - before.heap).toBeLessThan(12_000_000);
    }
  });
}

const isSocket = (name: string) => name !== 'Timeout';
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

async function outage(world: World): Promise<Seen> {
  const { three, broker, backEnd } = world;
  const clients = await world.dial();
  clients[0]!.answer('question', 'yes');
  const before = await Promise.all(three.map((process) => process.usage()));
  await Promise.all(three.map((process) => process.log()));
  await Promise.all(three.map((process, index) => process.order('startLoad', index)));
  await vi.waitUntil(() => clients.every((client) => three.every((_, index) => numbersOf(client, index).length > 50)), SOON); // prettier-ignore

  await broker.kill();
  broker.empty();
  const log = await Promise.all(three.map(awayLines));
  const died = Date.now();
  const while_ = await whileAway(world, clients);
  await delay(Math.max(0, died + backEnd.outage - Date.now()));

  await broker.start();
  const returned = Date.now();
  await world.together([...three, while_.late]);
  const backAfter = Date.now() - returned;
  const said = await Promise.all(three.map((process) => process.order<number>('stopLoad')));
  const events = await world.heard(clients);
  for (const [index, process] of three.entries()) log[index]!.push(...(await process.log()));
  const after = await Promise.all(three.map((process) => process.usage()));
  leave(clients);
  return {
    ...while_,
    heard: events.map((heard) => three.map((_, index) => numbersIn(heard, index))),
    saidAway: events.map((heard) => heard.filter(([event]) => event === 'said away').map(([event]) => event)),
    said,
    log,
    backAfter,
    usage: { before, after },
  };
}

/** The log up to the line that the broker is away. */
async function awayLines(process: Application): Promise<string[]> {
  const lines: string[] = [];
  await vi.waitUntil(async () => {
    lines.push(...(await process.log()));
    return lines.some((line) => line.includes(' is away '));
  }, SOON);
  return lines;
}

async function whileAway(world: World, clients: readonly Client[]) {
  const { a } = world;
  const [onA, onB] = clients;
  const began = performance.now();
  await a.emit('said away', 1);
  await vi.waitUntil(() => onA!.all.some(([event]) => event === 'said away'), SOON);
  const localTook = performance.now() - began;
  const [members, remoteCall, localCall, late] = await Promise.all([
    failed(a.members('somebody')),
    failed(a.call('question', 1, { to: onB!.sid })),
    a.call('question', 1, { to: onA!.sid }),
    world.process(),
  ]);
  return { localTook, members, remoteCall, localCall, late };
}

const numbersOf = (client: Client, process: number) => numbersIn(client.all, process);

function numbersIn(events: readonly unknown[][], process: number): number[] {
  const said = events.filter(([event, value]) => event === 'load' && (value as [number])[0] === process);
  return said.map(([, value]) => (value as [number, number])[1]);
}
