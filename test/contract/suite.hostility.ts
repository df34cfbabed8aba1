import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished, vi } from 'vitest';
import { backendOf } from '../../lib/queue/back-ends.js';
import { encode, sign } from '../../lib/queue/codec.js';
import { openBrokerLink, type OpenBrokerLink } from '../../lib/queue/open-queue.js';
import type { Command, Driver, TopicMessage } from '../../lib/queue/queue.js';
import { hostileMessages, hugeMessages } from './hostile.js';
import { type Client, SOON, type World } from './world.js';

const logger = { log: () => {}, warn: () => {}, error: () => {} };

/** Others publish where our processes listen. */
export function bearsHostility(world: World): void {
  it('P4 thousands of messages that are broken or forged end nothing, and reach nobody', async () => {
    const { backEnd, channel, three } = world;
    const clients = await world.clients();
    const messages = hostileMessages(backEnd.topics(channel), `${channel}~peers`);
    expect(messages.length).toBeGreaterThan(1_000);
    await Promise.all(three.map((process) => process.log()));

    const stranger = await strangerOn(world, channel);
    for (const { topic, payload } of messages) await stranger.publish(topic, payload).catch(() => {});
    await expectUnharmed(world, clients);
  });

  it('P4 ten megabytes at once end nothing, and reach nobody', async () => {
    const { backEnd, channel } = world;
    const clients = await world.clients();
    const stranger = await strangerOn(world, channel);
    const [topic] = backEnd.topics(channel);
    for (const message of hugeMessages(topic!))
      await stranger.publish(message.topic, message.payload).catch(() => {}); // NATS refuses it itself
    await expectUnharmed(world, clients);
  });

  // what it shows is the same with every broker, and takes ten seconds
  it.runIf(world.backEnd.name === 'Redis')(
    'P4 M6 an invented process that never answers makes lists partial once in ten seconds, and none fail',
    async () => {
      const channel = `${world.channel}-invented`;
      const [d, e] = await Promise.all([1, 2].map(() => world.process({ channel })));
      await world.together([d!, e!]);
      const clients = await world.clients({ on: [d!, e!] });
      const stranger = await strangerOn(world, channel);
      const from = randomUUID();
      await stranger.publish(`${channel}~peers`, encode({ is: 'here', from }));
      await vi.waitUntil(async () => (await d!.partialMembers(undefined)).partial, SOON);
      const { sids, partial, took } = await d!.partialMembers(undefined);
      expect([sids.length, partial, took < 4_500]).toEqual([clients.length, true, true]);
      await vi.waitUntil(async () => !(await d!.partialMembers(undefined)).partial, SOON);
      expect((await d!.log()).filter((line) => line.includes('members() is partial'))).toHaveLength(1);
      await Promise.all([d!.close(), e!.close()]);
    },
  );

  refusesTheUnsigned(world);
}

/** The next message arrives, at once; the clients have heard nothing else and are still there. */
async function expectUnharmed(world: World, clients: readonly Client[]): Promise<void> {
  await world.reaches(world.a, clients);
  const began = performance.now();
  await world.a.emit('next', 1);
  expect(await world.heard(clients)).toEqual([[['next', 1]], [['next', 1]], [['next', 1]]]);
  expect(performance.now() - began).toBeLessThan(10_000);
  for (const process of world.three) {
    expect([process.isAlive, process.complaints]).toEqual([true, '']);
    expect((await process.log()).length).toBeLessThanOrEqual(5);
    expect(await process.order('polluted')).toBe(false);
  }
  expect(clients.map(({ socket }) => socket.connected)).toEqual([true, true, true]);
  await world.together();
}

/** A program that publishes what it likes. */
async function strangerOn(world: World, channel: string, secret?: string): Promise<Driver> {
  const options = { url: world.backEnd.queue(world.broker.url), channel, secret, logger };
  const { driver } = (await backendOf(options)).open(options);
  onTestFinished(() => driver.close(1_000));
  await new Promise<void>((resolve) => driver.connect({ connected: resolve, disconnected: () => {} }));
  return driver;
}

const SECRET = 'a secret of the contract suite';

/** Two processes that sign, and one that does not know the secret. */
function refusesTheUnsigned(world: World): void {
  it('P4 queueSecret refuses what is not signed, signed with another secret, or signed for another topic', async () => {
    const channel = `${world.channel}-signed`;
    const [d, e] = await Promise.all([1, 2].map(() => world.process({ channel, queueSecret: SECRET })));
    await world.together([d!, e!]);
    const clients = await world.clients({ on: [d!, e!] });
    const stranger = await strangerOn(world, channel, SECRET); // publishes as it is told, signed or not
    const say = ({ topic, payload }: TopicMessage) => stranger.publish(topic, payload);

    const ended = await written(world, channel, { kind: 'disconnect', close: true, to: everybody });
    const { topic, payload } = ended;
    await say(ended);
    await say({ topic, payload: sign('another secret, as long', topic, payload) });
    await say({ topic, payload: sign(SECRET, `${topic}x`, payload) });
    await say({ topic, payload: Buffer.concat([sign(SECRET, topic, payload), Buffer.from(' ')]) });

    await d!.emit('next', 1);
    expect(await world.heard(clients, [d!])).toEqual([[['next', 1]], [['next', 1]]]);
    expect(clients.map(({ socket }) => socket.connected)).toEqual([true, true]);
    expect((await e!.log()).filter((line) => line.includes('not signed with queueSecret'))).toHaveLength(1);

    await say({ topic, payload: sign(SECRET, topic, payload) });
    await vi.waitUntil(() => clients.every(({ socket }) => !socket.connected), SOON);
    await Promise.all([d!.close(), e!.close()]);
  });
}

const everybody = { nsp: '/', rooms: [], except: [] };

/** A command as the processes of the back end write it, unsigned. */
async function written(world: World, channel: string, command: Command): Promise<TopicMessage> {
  const url = world.backEnd.queue(world.broker.url);
  const { write, link }: OpenBrokerLink = await openBrokerLink({ url, channel, logger });
  await link.close();
  return write(command);
}
