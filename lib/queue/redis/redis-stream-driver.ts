import type { Broker } from '../connection-driver.js';
import { type RedisClients, RedisDriver, type RedisConnection } from './redis-connection.js';

/** The stream is trimmed to about this many entries; older ones cannot be replayed. */
const MIN_ENTRIES = 10_000;

const READ = { COUNT: 100, BLOCK: 5_000 };

/** An entry of the stream, with the bytes that were published. */
export interface Entry {
  id: string;
  signed: Buffer;
}

/** A Redis driver with one topic that is a stream, which can be read again. */
export class StreamDriver extends RedisDriver {
  /** The id of the last entry that was read; reading continues there, also after an outage. */
  #cursor: string | undefined;

  readonly stream: string;
  readonly #encoding: BufferEncoding;

  /** `isText`: payloads are texts, because they are not signed. */
  constructor(connect: Broker<RedisConnection>['connect'], of: { stream: string; isText: boolean }) {
    super(async (events, signal) => {
      const session = await connect(events, signal);
      await this.#findCursor(session).catch((error: unknown) => {
        session.destroy();
        throw error;
      });
      return session;
    });
    this.stream = of.stream;
    this.#encoding = of.isText ? 'utf8' : 'base64';
  }

  /** The id after which reading continues. */
  get cursor(): string {
    return this.#cursor ?? '0-0';
  }

  /** On the stream's topic, resolves with the id of the new entry. */
  override publish(topic: string, payload: Buffer): Promise<unknown> {
    if (topic !== this.stream) return super.publish(topic, payload);
    const trim = { strategy: 'MAXLEN', strategyModifier: '~', threshold: MIN_ENTRIES } as const;
    return this.#withClients(topic, ({ publisher }) =>
      publisher.xAdd(topic, '*', { payload: payload.toString(this.#encoding) }, { TRIM: trim }),
    );
  }

  /** Reads new entries; waits some seconds for the first. */
  async read(): Promise<Entry[]> {
    const key = { key: this.stream, id: this.#cursor ?? '$' };
    const read = await this.#withClients(this.stream, ({ reader }) => reader!.xRead([key], READ));
    // The client's type covers all protocols and settings; this is the form for ours.
    const entries = (read as unknown as { messages: Raw[] }[] | null)?.[0]?.messages ?? [];
    this.#cursor = entries.at(-1)?.id ?? this.#cursor;
    return entries.map((entry) => this.#entryOf(entry));
  }

  async range(from: string, to: string): Promise<Entry[]> {
    const entries = await this.#withClients(this.stream, ({ publisher }) =>
      publisher.xRange(this.stream, from, to),
    );
    return (entries ?? []).map((entry) => this.#entryOf(entry));
  }

  async set(key: string, value: string, milliseconds: number): Promise<void> {
    await this.#withClients(key, ({ publisher }) => publisher.set(key, value, { PX: milliseconds }));
  }

  async get(key: string): Promise<string | null> {
    return await this.#withClients(key, ({ publisher }) => publisher.get(key));
  }

  async getAndDelete(key: string): Promise<string | null> {
    return await this.#withClients(key, ({ publisher }) => publisher.getDel(key));
  }

  #entryOf({ id, message }: Raw): Entry {
    return { id, signed: Buffer.from(message['payload'] ?? '', this.#encoding) };
  }

  async #withClients<T>(key: string, what: (clients: RedisClients) => Promise<T>): Promise<T> {
    return await this.connection.withClients(key, what);
  }

  /** First the end of the stream. Its beginning if the stream was made anew, so that its ids are lower than ours. */
  async #findCursor(session: RedisConnection): Promise<void> {
    const [last] = await session.withClients(this.stream, async ({ publisher }) => {
      return (await publisher.xRevRange(this.stream, '+', '-', { COUNT: 1 })) ?? [];
    });
    if (this.#cursor === undefined) this.#cursor = last?.id ?? '0-0';
    else if (!last || isBefore(last.id, this.#cursor)) this.#cursor = '0-0';
  }
}

interface Raw {
  id: string;
  message: Record<string, string>;
}

/** Whether one id of a stream stands before another. */
export function isBefore(one: string, other: string): boolean {
  const [a, b] = [one, other].map((id) => id.split('-').map(BigInt)) as [bigint[], bigint[]];
  return a[0]! < b[0]! || (a[0] === b[0] && a[1]! < b[1]!);
}

/** A message as socket.io's streams adapter writes it into the stream. */
export interface Fields {
  uid: string;
  nsp: string;
  type: string;
  data?: string;
  /** Identifies a broadcast of this process that waits for its turn. */
  mark?: string;
}

/** The fields as one text: the short ones as JSON in the first line, then the data. */
export function writeFields({ uid, nsp, type, data = '', mark = '' }: Fields): Buffer {
  return Buffer.from(`${JSON.stringify([uid, nsp, type, mark])}\n${data}`);
}

/** The reverse; throws for a malformed entry. */
export function readFields(payload: Buffer): Fields {
  const text = payload.toString();
  const end = text.indexOf('\n');
  const head: unknown = JSON.parse(text.slice(0, end));
  const isWritten = Array.isArray(head) && head.every((field) => typeof field === 'string');
  if (!isWritten || head.length !== 4) throw new TypeError('an entry of the stream is malformed');
  const [uid, nsp, type, mark] = head as [string, string, string, string];
  const data = text.slice(end + 1);
  return { uid, nsp, type, ...(data !== '' && { data }), ...(mark !== '' && { mark }) };
}
