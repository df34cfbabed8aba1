import { SerialQueue } from '../../common/serial-queue.js';
import { randomUUID } from 'node:crypto';
import { setImmediate as afterThis, setTimeout as delay } from 'node:timers/promises';
import type { BrokerLink } from '../broker-link.js';
import { TYPES } from '../cluster-message.js';
import { msgpack, seal, unseal } from '../codec.js';
import { redisClientView } from './redis-adapter.js';
import { withTimeout } from './redis-session.js';
import {
  type Entry,
  type Fields,
  isBefore,
  readFields,
  type StreamDriver,
  writeFields,
} from './redis-stream-driver.js';

/** How long a broadcast waits for its turn in the stream, in milliseconds. */
const PATIENCE = 500;

/** A message in the stream; `mark` tells who waits for it. */
export interface Marked {
  id: string;
  message: { mark?: string };
}

/**
 * Lets the clients of this process get its own broadcasts when their turn has come in the stream, between those of
 * the other processes. A client that comes back names the last entry that it got; it must have got all before it,
 * and none after it.
 */
export class StreamTurns<M extends Marked> {
  readonly #me = randomUUID();
  readonly #waiting = new Map<string, (id: string) => void>();
  #count = 0;
  readonly #queue = new SerialQueue();
  #unread: M[] = [];
  #handed: string | undefined;
  #held: Promise<unknown> = Promise.resolve();

  /** Publishes with a mark; resolves with the id when it is its turn, rejects when that does not come in time. */
  async take(publish: (mark: string) => Promise<unknown>): Promise<string> {
    const mark = `${this.#me} ${++this.#count}`;
    const turn = new Promise<unknown>((resolve) => this.#waiting.set(mark, resolve));
    const notPublished = publish(mark).then((id) => (id === undefined ? id : turn));
    const late = delay(PATIENCE, undefined, { ref: false });
    const mine = Promise.race([turn, notPublished, late]);
    mine.catch(() => {}); // the task hears of it when its turn has come
    try {
      const id = await this.#queue.run(() => mine);
      if (typeof id === 'string') return id;
    } finally {
      this.#waiting.delete(mark);
    }
    throw new Error('the stream did not take it in time');
  }

  /** Of what is read, all before the next of our own; then that one, on its own. */
  async next(read: () => Promise<M[]>): Promise<M[]> {
    if (this.#unread.length === 0) this.#unread = await read();
    await this.#released();
    const own = this.#unread.findIndex(({ message: { mark = '' } }) => this.#waiting.has(mark));
    const handed = this.#unread.splice(0, own < 0 ? this.#unread.length : Math.max(own, 1));
    this.#handed = handed.at(-1)?.id ?? this.#handed;
    if (own !== 0) return handed;
    const [mine] = handed;
    this.#waiting.get(mine?.message.mark ?? '')?.(mine?.id ?? '');
    await afterThis(); // its clients get it before what follows
    return [];
  }

  /** Resolves when the clients of this process have got `id`, or after a while. */
  async reached(id: string, start: string): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (isBefore(this.#handed ?? start, id) && Date.now() < deadline) await delay(5);
  }

  /**
   * What is read up to where the clients of this process are. Nothing is handed on before the one that is replayed
   * to is one of them: it would get the same again, or not at all.
   */
  async replay(read: (end: string) => Promise<M[]>, start: string): Promise<M[]> {
    const entries = read(this.#handed ?? start);
    this.#held = entries.then(
      () => afterThis(),
      () => {},
    );
    return await entries;
  }

  async #released(): Promise<void> {
    const held = this.#held;
    await held;
    if (held !== this.#held) await this.#released();
  }
}

/** How long to wait before a stream that could not be read is read again, in milliseconds. */
const PACE = 200;

/** The type of a broadcast, as the stream has it. */
const EMITTED = String(TYPES.emit);

/** An entry as the adapter takes it. */
interface Message {
  id: string;
  message: Fields;
}

/** What socket.io's streams adapter takes for its clients. */
export interface StreamClientView {
  client: object;
  /** From now on, broadcasts wait for their place in the stream, though not for long. */
  waitForOffsets(): void;
  /** What is stored under a key, as the adapter has encoded it; it stays there. */
  look(key: string): Promise<string | undefined>;
}

/**
 * What socket.io's streams adapter takes for a client of the package `redis`: it may poll without a pause and leave
 * what it asks for unhandled, here nothing rejects that is not awaited, and what arrives is whole.
 */
export function streamClientView(link: BrokerLink, driver: StreamDriver, secret?: string): StreamClientView {
  const turns = new StreamTurns<Message>();
  let waits = false;
  const plain = redisClientView(link, driver);
  const client = {
    ...plain,
    duplicate: () => client,
    connect: () => Promise.resolve(),
    disconnect: () => {},
    xAdd: async (_: string, __: '*', fields: Fields) => {
      const add = (mark?: string) =>
        link.place(driver.stream, writeFields(mark === undefined ? fields : { ...fields, mark }));
      if (waits) return await turns.take(add);
      void add();
      return '';
    },
    xRead: async () => [{ messages: await turns.next(() => readOn(link, driver)) }],
    xRange: async (_: string, from: string, to: string) => {
      const range = async (end: string) => whole(link, driver, await withTimeout(driver.range(from, end)));
      if (to === '+') return (await turns.replay(range, driver.cursor)).map(withoutVolatile);
      await turns.reached(to, driver.cursor);
      return await range(to);
    },
    ...sessions(driver, secret),
  };
  return {
    client,
    waitForOffsets: () => void (waits = true),
    look: async (key) => opened(secret, key, await withTimeout(driver.look(key))),
  };
}

/** XREAD, that waits where Redis cannot be read, and for ever once the link is closed. */
async function readOn(link: BrokerLink, driver: StreamDriver): Promise<Message[]> {
  if (link.state === 'closed') return await new Promise(() => {});
  try {
    return whole(link, driver, await driver.read());
  } catch {
    await delay(PACE, undefined, { ref: false });
    return [];
  }
}

/** What was sent to those alone who were there is none of the messages that a client missed. */
function withoutVolatile(entry: Message): Message {
  const { type, data = '{}' } = entry.message;
  if (type !== EMITTED) return entry;
  const sent = data.startsWith('{') ? JSON.parse(data) : msgpack.decode(Buffer.from(data, 'base64'));
  const { opts } = sent as { opts?: { flags?: { volatile?: boolean } } };
  return opts?.flags?.volatile ? { ...entry, message: { ...entry.message, type: '' } } : entry;
}

/** The entries that are signed as ours are, and have all fields; the link counts the others. */
function whole(link: BrokerLink, { stream }: StreamDriver, entries: Entry[]): Message[] {
  const messages: Message[] = [];
  for (const { id, sealed } of entries) {
    const take = link.guarded((payload) => messages.push({ id, message: readFields(payload) }));
    take(sealed, stream);
  }
  return messages;
}

/** Where the sessions of clients that have gone are kept, signed like everything else. */
function sessions(driver: StreamDriver, secret: string | undefined): object {
  const sealed = (key: string, value: string) => seal(secret, key, Buffer.from(value)).toString('base64');
  const taken = async (key: string) => [opened(secret, key, await withTimeout(driver.take(key)))];
  return {
    set: (key: string, value: string, { PX }: { PX: number }) =>
      driver.store(key, sealed(key, value), PX).catch(() => {}), // its client starts afresh, then
    multi: () => ({ get: (key: string) => ({ del: () => ({ exec: () => taken(key) }) }) }),
  };
}

function opened(secret: string | undefined, key: string, sealed: string | null): string | undefined {
  return sealed === null ? undefined : unseal(secret, key, Buffer.from(sealed, 'base64'))?.toString();
}
