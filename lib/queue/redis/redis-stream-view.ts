import { SerialQueue } from '../../common/serial-queue.js';
import { randomUUID } from 'node:crypto';
import { setImmediate as afterThis, setTimeout as delay } from 'node:timers/promises';
import type { BrokerLink } from '../broker-link.js';
import { MESSAGE_TYPES } from '../cluster-message.js';
import { msgpack, sign, verify, withoutProto } from '../codec.js';
import { redisClientView } from './redis-adapter.js';
import { withCommandTimeout } from './redis-connection.js';
import {
  type Entry,
  type Fields,
  isBefore,
  readFields,
  type StreamDriver,
  writeFields,
} from './redis-stream-driver.js';

/** How long a broadcast waits for its turn in the stream, in milliseconds. */
const TURN_TIMEOUT = 500;

/** An entry of the stream; `mark` identifies a broadcast that waits for it. */
export interface Marked {
  id: string;
  message: { mark?: string };
}

/**
 * Delivers the broadcasts of this process to its clients at their position in the stream, among those of other
 * processes. A client that reconnects names the last entry that it received: it must have received all before that one,
 * and none after it.
 */
export class StreamTurns<M extends Marked> {
  readonly #id = randomUUID();
  readonly #waiting = new Map<string, (id: string) => void>();
  #count = 0;
  readonly #queue = new SerialQueue();
  #unread: M[] = [];
  #deliveredId: string | undefined;
  #replaying: Promise<unknown> = Promise.resolve();

  /** Publishes with a mark. Resolves with the entry's id when its turn comes; rejects if that takes too long. */
  async publishInTurn(publish: (mark: string) => Promise<unknown>): Promise<string> {
    const mark = `${this.#id} ${++this.#count}`;
    const turn = new Promise<unknown>((resolve) => this.#waiting.set(mark, resolve));
    const notPublished = publish(mark).then((id) => (id === undefined ? id : turn));
    const late = delay(TURN_TIMEOUT, undefined, { ref: false });
    const mine = Promise.race([turn, notPublished, late]);
    mine.catch(() => {}); // handled below, when its turn has come
    try {
      const id = await this.#queue.run(() => mine);
      if (typeof id === 'string') return id;
    } finally {
      this.#waiting.delete(mark);
    }
    throw new Error('the stream did not take it in time');
  }

  /** Returns the entries before the next one of this process; that one is delivered by itself in the next call. */
  async next(read: () => Promise<M[]>): Promise<M[]> {
    if (this.#unread.length === 0) this.#unread = await read();
    await this.#replaysEnded();
    const own = this.#unread.findIndex(({ message: { mark = '' } }) => this.#waiting.has(mark));
    const entries = this.#unread.splice(0, own < 0 ? this.#unread.length : Math.max(own, 1));
    this.#deliveredId = entries.at(-1)?.id ?? this.#deliveredId;
    if (own !== 0) return entries;
    const [mine] = entries;
    this.#waiting.get(mine?.message.mark ?? '')?.(mine?.id ?? '');
    await afterThis(); // clients receive it before the entries that follow
    return [];
  }

  /** Resolves when `id` has been delivered to the clients of this process, or after a timeout. */
  async waitUntilDelivered(id: string, start: string): Promise<void> {
    const deadline = Date.now() + TURN_TIMEOUT;
    while (isBefore(this.#deliveredId ?? start, id) && Date.now() < deadline) await delay(5);
  }

  /**
   * Reads up to the last entry that the clients of this process have received. Delivery pauses until the recovered
   * client is among them: it would receive entries twice, or miss some.
   */
  async replay(read: (end: string) => Promise<M[]>, start: string): Promise<M[]> {
    const entries = read(this.#deliveredId ?? start);
    this.#replaying = entries.then(
      () => afterThis(),
      () => {},
    );
    return await entries;
  }

  async #replaysEnded(): Promise<void> {
    const held = this.#replaying;
    await held;
    if (held !== this.#replaying) await this.#replaysEnded();
  }
}

/** The pause after a failed read, in milliseconds. */
const RETRY_DELAY = 200;

/** The type of a broadcast in the stream. */
const EMIT_TYPE = String(MESSAGE_TYPES.emit);

/** An entry in the adapter's form. */
interface Message {
  id: string;
  message: Fields;
}

export interface StreamClientView {
  client: object;
  /** From now on, broadcasts wait (with a timeout) for their position in the stream. */
  waitForOffsets(): void;
  /** The value of a key, as the adapter has encoded it. */
  get(key: string): Promise<string | undefined>;
}

/**
 * A stand-in for the client of the package `redis` that socket.io's streams adapter uses. The adapter polls without a
 * pause and handles no rejection: here reads wait instead of rejecting, and malformed entries are left out.
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
        link.publishForReply(driver.stream, writeFields(mark === undefined ? fields : { ...fields, mark }));
      if (waits) return await turns.publishInTurn(add);
      void add();
      return '';
    },
    xRead: async () => [{ messages: await turns.next(() => readStream(link, driver)) }],
    xRange: async (_: string, from: string, to: string) => {
      const range = async (end: string) =>
        validEntries(link, driver, await withCommandTimeout(driver.range(from, end)));
      if (to === '+') return (await turns.replay(range, driver.cursor)).map(withoutVolatile);
      await turns.waitUntilDelivered(to, driver.cursor);
      return await range(to);
    },
    ...sessions(driver, secret),
  };
  return {
    client,
    waitForOffsets: () => void (waits = true),
    get: async (key) => verifiedText(secret, key, await withCommandTimeout(driver.get(key))),
  };
}

/** XREAD that pauses instead of rejecting, and never resolves after the link was closed. */
async function readStream(link: BrokerLink, driver: StreamDriver): Promise<Message[]> {
  if (link.state === 'closed') return await new Promise(() => {});
  try {
    return validEntries(link, driver, await driver.read());
  } catch {
    await delay(RETRY_DELAY, undefined, { ref: false });
    return [];
  }
}

/** A volatile event is not replayed to a client that reconnects. */
function withoutVolatile(entry: Message): Message {
  const { type, data = '{}' } = entry.message;
  if (type !== EMIT_TYPE) return entry;
  const sent = data.startsWith('{') ? JSON.parse(data) : msgpack.decode(Buffer.from(data, 'base64'));
  const { opts } = sent as { opts?: { flags?: { volatile?: boolean } } };
  return opts?.flags?.volatile ? { ...entry, message: { ...entry.message, type: '' } } : entry;
}

/** The entries that are signed and well-formed; the link counts the others. */
function validEntries(link: BrokerLink, { stream }: StreamDriver, entries: Entry[]): Message[] {
  const messages: Message[] = [];
  for (const { id, signed: sealed } of entries) {
    const take = link.guarded((payload) => messages.push({ id, message: readSafely(payload) }));
    take(sealed, stream);
  }
  return messages;
}

/** The fields of an entry, whose data has no key `__proto__`. */
function readSafely(payload: Buffer): Fields {
  const { data, ...fields } = readFields(payload);
  if (data === undefined) return fields;
  const format = data.startsWith('{') ? 'utf8' : 'base64';
  const bytes = Buffer.from(data, format);
  const safe = withoutProto(bytes);
  return { ...fields, data: safe === bytes ? data : safe.toString(format) };
}

/** The commands with which the adapter stores the state of disconnected clients; values are signed. */
function sessions(driver: StreamDriver, secret: string | undefined): object {
  const sealed = (key: string, value: string) => sign(secret, key, Buffer.from(value)).toString('base64');
  const taken = async (key: string) => [
    verifiedText(secret, key, await withCommandTimeout(driver.getAndDelete(key))),
  ];
  return {
    set: (key: string, value: string, { PX }: { PX: number }) =>
      driver.set(key, sealed(key, value), PX).catch(() => {}), // without it the client is not recovered
    multi: () => ({ get: (key: string) => ({ del: () => ({ exec: () => taken(key) }) }) }),
  };
}

function verifiedText(secret: string | undefined, key: string, sealed: string | null): string | undefined {
  return sealed === null ? undefined : verify(secret, key, Buffer.from(sealed, 'base64'))?.toString();
}
