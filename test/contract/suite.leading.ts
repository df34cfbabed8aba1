import { randomUUID } from 'node:crypto';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import { SOON, type Application, type Client, type World } from './world.js';

interface Tick {
  by: number;
  count: number;
}

/** What runs in one process of all, wherever that is. */
export function leadsAcross(world: World): void {
  const name = randomUUID();
  afterAll(async () => {
    for (const application of world.three) await application.stopTicking();
    for (const application of world.three) await application.log();
  });

  it('P4 Q4 a task that runs once ticks once, goes on where its process is killed, and at once where it stops', async () => {
    const [client] = await world.clients({ on: [world.a] });
    const first = await world.process();
    onTestFinished(() => first.kill());
    await world.together([...world.three, first]);
    await first.startTicking(name);
    await leaderOf([first], client!);
    await Promise.all([world.b.startTicking(name), world.c.startTicking(name)]);

    await first.kill();
    const second = await leaderOf([world.b, world.c], client!);
    const began = performance.now();
    await second.stopTicking();
    const third = await leaderOf([world.b, world.c].filter((one) => one !== second), client!); // prettier-ignore

    expect(performance.now() - began).toBeLessThan(4_000); // it has resigned: else they wait for longer
    expect(ticksOf(client!)).toEqual(inTurns(ticksOf(client!), [first, second, third]));
  });

  it('P6 Q4 nobody leads while the broker is away, and one does when it is back', async () => {
    const { three, broker } = world;
    const leaders = async () => {
      const answers = await Promise.all(three.map((application) => application.isLeader(name)));
      return answers.filter(Boolean).length;
    };
    await vi.waitUntil(async () => (await leaders()) === 1, SOON);
    await broker.kill();
    broker.empty();
    await vi.waitUntil(async () => (await leaders()) === 0, SOON);
    await broker.start();
    expect(await vi.waitUntil(leaders, SOON)).toBe(1);
    await world.together();
  });
}

const ticksOf = (client: Client) =>
  client.all.filter(([event]) => event === 'tick').map(([, tick]) => tick as Tick);

/** Which of these processes ticks, as a client hears. */
async function leaderOf(team: readonly Application[], client: Client): Promise<Application> {
  const ticking = () => team.find(({ child }) => child.pid === ticksOf(client).at(-1)?.by);
  await vi.waitUntil(ticking, SOON);
  return ticking()!;
}

/** The same ticks as they have to be: process after process, and each one counts on from its first. */
function inTurns(ticks: readonly Tick[], team: readonly Application[]): Tick[] {
  return team.flatMap(({ child }) => {
    const own = ticks.filter(({ by }) => by === child.pid);
    return own.map(({ by }, index) => ({ by, count: own[0]!.count + index }));
  });
}
