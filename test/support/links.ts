import { vi } from 'vitest';
import type { BrokerLink } from '../../lib/queue/broker-link.js';
import { openBrokerLink } from '../../lib/queue/open-queue.js';

/** A link as a process of an application has it, with what it logs. */
export interface TestLink {
  link: BrokerLink;
  /** What the log said, line by line. */
  lines: string[];
  /** Resolves when the broker is there. */
  up(): Promise<void>;
  /** Resolves when the log has said that the broker is away. */
  away(): Promise<void>;
  /** What arrives on a topic from now on. */
  hear(topic: string): Buffer[];
  /** Publishes a text. */
  say(topic: string, text: string): void;
}

const patience = { timeout: 60_000, interval: 20 };

/** Of the lines of a log, those that say that the broker went or came back. */
export const changes = (lines: string[]) => lines.filter((line) => / is (away|back)/.test(line));

/** Opens links, and closes them together. */
export class Links {
  readonly #open: BrokerLink[] = [];

  constructor(private readonly url: () => string) {}

  async open({ channel = 'test', secret }: { channel?: string; secret?: string } = {}): Promise<TestLink> {
    const lines: string[] = [];
    const keep = (line: string) => lines.push(line);
    const logger = { log: keep, warn: keep, error: keep };
    const { link } = await openBrokerLink({ url: this.url(), channel, secret, logger });
    this.#open.push(link);
    link.connect();
    return {
      link,
      lines,
      up: () => vi.waitUntil(() => link.state === 'up', patience).then(() => {}),
      away: () =>
        vi.waitUntil(() => link.state !== 'up' && changes(lines).at(-1)?.includes('is away'), patience).then(() => {}), // prettier-ignore
      hear(topic) {
        const heard: Buffer[] = [];
        link.subscribe(topic, (payload) => heard.push(Buffer.from(payload)));
        return heard;
      },
      say: (topic, text) => link.publish(topic, Buffer.from(text)),
    };
  }

  /** Two that are up and hear of each other what `topic` carries. */
  async pair(topic: string): Promise<{ one: TestLink; two: TestLink; heard: Buffer[] }> {
    const [one, two] = [await this.open(), await this.open()];
    await Promise.all([one.up(), two.up()]);
    const heard = two.hear(topic);
    await connected(one, heard, topic);
    heard.length = 0;
    return { one, two, heard };
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((link) => link.close()));
  }
}

/** Speaks until it is heard (a subscription may take a moment), and then until silence is back. */
export async function connected(
  { say }: Pick<TestLink, 'say'>,
  heard: Buffer[],
  topic: string,
): Promise<void> {
  let said = 0;
  await vi.waitUntil(() => (say(topic, `${said++}`), heard.length > 0), { timeout: 20_000, interval: 50 });
  say(topic, 'the last');
  await vi.waitUntil(() => heard.at(-1)?.toString() === 'the last', patience);
}
