import { setTimeout as delay } from 'node:timers/promises';
import { TYPES } from '../cluster-message.js';
import { msgpack } from '../codec.js';
import type { Link } from '../broker-link.js';
import { seal, unseal } from '../seal.js';
import { inTime } from './with-timeout.js';
import { redisClientView } from './redis-client-view.js';
import type { Entry, StreamDriver } from './redis-stream-driver.js';
import { readFields, writeFields, type Fields } from './redis-stream-fields.js';
import { StreamTurns } from './redis-stream-turns.js';

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
export function streamClientView(link: Link, driver: StreamDriver, secret?: string): StreamClientView {
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
      const range = async (end: string) => whole(link, driver, await inTime(driver.range(from, end)));
      if (to === '+') return (await turns.replay(range, driver.cursor)).map(withoutVolatile);
      await turns.reached(to, driver.cursor);
      return await range(to);
    },
    ...sessions(driver, secret),
  };
  return {
    client,
    waitForOffsets: () => void (waits = true),
    look: async (key) => opened(secret, key, await inTime(driver.look(key))),
  };
}

/** XREAD, that waits where Redis cannot be read, and for ever once the link is closed. */
async function readOn(link: Link, driver: StreamDriver): Promise<Message[]> {
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
function whole(link: Link, { stream }: StreamDriver, entries: Entry[]): Message[] {
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
  const taken = async (key: string) => [opened(secret, key, await inTime(driver.take(key)))];
  return {
    set: (key: string, value: string, { PX }: { PX: number }) =>
      driver.store(key, sealed(key, value), PX).catch(() => {}), // its client starts afresh, then
    multi: () => ({ get: (key: string) => ({ del: () => ({ exec: () => taken(key) }) }) }),
  };
}

function opened(secret: string | undefined, key: string, sealed: string | null): string | undefined {
  return sealed === null ? undefined : unseal(secret, key, Buffer.from(sealed, 'base64'))?.toString();
}
