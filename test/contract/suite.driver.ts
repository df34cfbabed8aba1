import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Broker } from '../support/brokers.js';
import { changes, connected, Links } from '../support/links.js';
import { have } from '../support/system-packages.mjs';
import type { BackEnd } from './back-ends.js';

/** One line each: the broker was away, and is back. */
const anOutage = [expect.stringContaining('is away'), expect.stringMatching(/ is back[.;]/)];

const patient = { timeout: 120_000 };
const soon = { timeout: 20_000, interval: 20 };
const patience = { timeout: 50_000, interval: 500 };
const texts = (heard: Buffer[]) => heard.map(String);

/** A broker, and how its driver is asked for. */
interface Driven extends Pick<BackEnd, 'needs' | 'broker' | 'queue'> {
  name: string;
}

/** What is promised of the driver of a back end alone. */
export function drives({ name, needs, broker: make, queue }: Driven): void {
  describe.skipIf(!have(needs))(`the driver of ${name}`, patient, () => {
    let broker: Broker;
    const links = new Links(() => queue(broker.url));

    beforeAll(async () => {
      broker = await make();
    });
    afterEach(() => links.close());
    afterAll(() => broker.kill());

    it('P6 starts without the broker, and publishes what waited when it comes', async () => {
      const [one, two] = [await links.open(), await links.open()];
      const heard = two.hear('news');
      await Promise.all([one.away(), two.away()]);

      await broker.start();
      await Promise.all([one.up(), two.up()]);
      await connected(one, heard, 'news');

      expect(one.lines).toEqual(anOutage);
      expect(two.lines).toEqual(anOutage);
    });

    it('P4 brings bytes as they are', async () => {
      const { one, heard } = await links.pair('bytes');
      const sent = [Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), randomBytes(4_000_000)];
      for (const payload of sent) one.link.publish('bytes', payload);
      await vi.waitUntil(() => heard.length === 2, soon);
      expect(heard.map((payload, index) => payload.equals(sent[index]!))).toEqual([true, true]);
    });

    it('P4 keeps the order of what one process says, long or short', async () => {
      const { one, heard } = await links.pair('order');
      const sent = Array.from(
        { length: 1_000 },
        (_, index) => `${index}${'.'.repeat(index % 50 ? 0 : 20_000)}`,
      );
      for (const text of sent) one.say('order', text);
      await vi.waitUntil(() => heard.length === sent.length, soon);
      expect(texts(heard)).toEqual(sent);
    });

    it('P4 hands over with few writes what is said in one turn', async () => {
      const { one, heard } = await links.pair('turn');
      const writes = ['_write', '_writev'] as const;
      const spies = writes.map((method) => vi.spyOn(Socket.prototype, method));
      onTestFinished(() => spies.forEach((spy) => spy.mockRestore()));
      for (let count = 0; count < 20; count++) one.say('turn', 'a word');
      await vi.waitUntil(() => heard.length === 20, soon);
      const calls = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
      expect(calls).toBeLessThan(10);
    });

    it('P4 P7 publishes what was said just before the end', async () => {
      const { one, heard } = await links.pair('end');
      for (let count = 0; count < 200; count++) one.say('end', `${count}`);
      await one.link.close();
      await vi.waitUntil(() => heard.length === 200, soon);
      expect([one.link.counts.lost, one.lines.filter((line) => line.includes('not published'))]).toEqual([
        0,
        [],
      ]);
    });

    it('P4 says the same twice if it was said twice', async () => {
      const { one, heard } = await links.pair('twice');
      for (const text of ['same', 'same', 'same', 'end']) one.say('twice', text);
      await vi.waitUntil(() => texts(heard).includes('end'), soon);
      expect(texts(heard)).toEqual(['same', 'same', 'same', 'end']);
    });

    const topics = [
    'test#/a#', 'test#/a#b', 'test#/A#', 'a b', 'a.b', 'a.*', 'a.#', '#', '*', '>', 'a.>', '$SYS', '"quoted"', "it's",
    'Zürich', '日本', '💬', 'a\nb', 'a\0b', 'a%20b', '%', '..', '.', 'x'.repeat(300), `${'x'.repeat(300)}y`,
    'ü'.repeat(300),
  ]; // prettier-ignore

    it('P4 takes any text for a topic, and confuses none', async () => {
      const [one, two] = [await links.open(), await links.open()];
      await Promise.all([one.up(), two.up()]);
      const heard = topics.map((topic) => two.hear(topic));
      await connected(one, two.hear('ready'), 'ready');
      topics.forEach((topic, index) => one.say(topic, `${index}`));
      one.say('ready', 'end');
      await vi.waitUntil(() => heard.every((messages) => messages.length > 0), soon);
      expect(heard.map(texts)).toEqual(topics.map((_, index) => [`${index}`]));
    });

    it('P4 is silent on a topic that was left, and speaks again when it was subscribed to again', async () => {
      const { one, two, heard } = await links.pair('left');
      const other = two.hear('other');
      await connected(one, other, 'other');

      two.link.unsubscribe('left');
      await vi.waitUntil(() => {
      heard.length = 0;
      one.say('left', 'anybody?');
      one.say('other', 'end');
      const ended = other.length;
      return new Promise<boolean>((resolve) => {
        vi.waitUntil(() => other.length > ended, soon).then(() => resolve(heard.length === 0), () => resolve(false));
      });
    }, soon); // prettier-ignore

      const again = two.hear('left');
      await connected(one, again, 'left');
      expect(heard).toEqual([]);
    });

    it('P5 keeps what is not signed with the secret away', async () => {
      const [ours, theirs] = [await links.open({ secret: 'ours' }), await links.open()];
      await Promise.all([ours.up(), theirs.up()]);
      const heard = ours.hear('signed');
      await connected(ours, heard, 'signed');
      theirs.say('signed', 'forged, and longer than a signature');
      await vi.waitUntil(() => ours.link.counts.refused === 1, soon);
      expect(texts(heard)).not.toContain('forged, and longer than a signature');
    });

    it('P6 comes back after the broker was killed, with its subscriptions and what waited', async () => {
      const { one, two, heard } = await links.pair('killed');
      await broker.kill();
      await Promise.all([one.away(), two.away()]);
      one.say('killed', 'waits');
      broker.empty();

      await broker.start();
      const began = Date.now();
      await Promise.all([one.up(), two.up()]);
      await connected(one, heard, 'killed');

      expect(Date.now() - began).toBeLessThan(15_000);
      expect(changes(one.lines)).toEqual(anOutage);
      expect(changes(two.lines)).toEqual(anOutage);
      expect(texts(heard).filter((text) => text === 'waits').length).toBeLessThanOrEqual(1);
    });

    it('P6 publishes what waited once the broker is back', async () => {
      const { one, two, heard } = await links.pair('waited');
      await broker.stop();
      await one.away();
      for (const text of ['a', 'b', 'c']) one.say('waited', text);
      expect(one.link.counts.lost).toBe(0);

      await broker.start();
      await Promise.all([one.up(), two.up()]);
      expect(one.lines.at(-1)).toMatch(/is back; 3 messages that waited are sent/);
      expect(one.link.counts.lost).toBe(0);
      expect(new Set(texts(heard)).size).toBe(heard.length);
    });

    it('P6 notices a broker that hangs, and resumes with it', async () => {
      const { one, two, heard } = await links.pair('hung');
      broker.pause();
      const began = Date.now();
      one.say('hung', 'into the void');
      await Promise.all([one.away(), two.away()]);
      const noticed = Date.now() - began;
      broker.resume();
      await Promise.all([one.up(), two.up()]);
      await connected(one, heard, 'hung');

      expect(noticed).toBeLessThan(15_000);
      expect(changes(one.lines)).toEqual(anOutage);
      expect(texts(heard).filter((text) => text === 'into the void').length).toBeLessThanOrEqual(1);
    });

    it('P6 keeps a bounded amount for a broker that hangs, and counts the rest', async () => {
      const { one } = await links.pair('bounded');
      broker.pause();
      const payload = randomBytes(700_000);
      for (let count = 0; count < 60; count++) one.link.publish('bounded', payload);
      broker.resume();
      expect(one.link.counts.lost).toBeGreaterThan(30);
      expect(one.link.counts.lost).toBeLessThan(60);
      expect(one.lines.filter((line) => line.includes('not published'))).toHaveLength(1);
    });

    it('P6 closes in bounded time while the broker hangs, and while it is away', async () => {
      const { one, two } = await links.pair('closed');
      broker.pause();
      one.say('closed', 'into the void');
      const began = Date.now();
      await one.link.close();
      expect(Date.now() - began).toBeLessThan(10_000);
      await broker.kill();
      await two.away();
      await two.link.close();
      await broker.start();
    });

    it('P6 leaves nothing behind in the broker', async () => {
      const { one, two } = await links.pair('clean');
      const listed = (count: number) =>
        vi.waitFor(() => expect([count, undefined]).toContain(broker.leftovers?.()), patience);
      await listed(2);
      await Promise.all([one.link.close(), two.link.close()]);
      await listed(0);
    });
  });
}
