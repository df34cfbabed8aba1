import type { Broker } from '../session-driver.js';
import { type RedisClients, RedisDriver, type RedisSession } from './redis-session.js';

/** So many entries are kept at least: what is older cannot be replayed. */
const KEPT = 10_000;

const READ = { COUNT: 100, BLOCK: 5_000 };

/** An entry of the stream, its bytes as they were published. */
export interface Entry {
  id: string;
  sealed: Buffer;
}

/** A Redis driver for which one topic is a stream, that can be read again. */
export class StreamDriver extends RedisDriver {
  /** What was read last; where reading goes on, also after an outage. */
  #cursor: string | undefined;

  readonly stream: string;
  readonly #encoding: BufferEncoding;

  /** `isText`: what is published are texts as they are, without a signature. */
  constructor(connect: Broker<RedisSession>['connect'], of: { stream: string; isText: boolean }) {
    super(async (events, signal) => {
      const session = await connect(events, signal);
      await this.#findPlace(session).catch((error: unknown) => {
        session.destroy();
        throw error;
      });
      return session;
    });
    this.stream = of.stream;
    this.#encoding = of.isText ? 'utf8' : 'base64';
  }

  /** Where reading has begun, or goes on. */
  get cursor(): string {
    return this.#cursor ?? '0-0';
  }

  /** Resolves with the id of the entry, on the stream's topic. */
  override publish(topic: string, payload: Buffer): Promise<unknown> {
    if (topic !== this.stream) return super.publish(topic, payload);
    const trim = { strategy: 'MAXLEN', strategyModifier: '~', threshold: KEPT } as const;
    return this.#ask(topic, ({ publisher }) =>
      publisher.xAdd(topic, '*', { payload: payload.toString(this.#encoding) }, { TRIM: trim }),
    );
  }

  /** What is new in the stream; waits for some seconds. */
  async read(): Promise<Entry[]> {
    const key = { key: this.stream, id: this.#cursor ?? '$' };
    const read = await this.#ask(this.stream, ({ reader }) => reader!.xRead([key], READ));
    // Its type is that of several protocols and settings at once; this is what ours give.
    const entries = (read as unknown as { messages: Raw[] }[] | null)?.[0]?.messages ?? [];
    this.#cursor = entries.at(-1)?.id ?? this.#cursor;
    return entries.map((entry) => this.#entryOf(entry));
  }

  async range(from: string, to: string): Promise<Entry[]> {
    const entries = await this.#ask(this.stream, ({ publisher }) => publisher.xRange(this.stream, from, to));
    return (entries ?? []).map((entry) => this.#entryOf(entry));
  }

  async store(key: string, value: string, milliseconds: number): Promise<void> {
    await this.#ask(key, ({ publisher }) => publisher.set(key, value, { PX: milliseconds }));
  }

  /** What was stored; it stays there. */
  async look(key: string): Promise<string | null> {
    return await this.#ask(key, ({ publisher }) => publisher.get(key));
  }

  /** What was stored; it is there no longer. */
  async take(key: string): Promise<string | null> {
    return await this.#ask(key, ({ publisher }) => publisher.getDel(key));
  }

  #entryOf({ id, message }: Raw): Entry {
    return { id, sealed: Buffer.from(message['payload'] ?? '', this.#encoding) };
  }

  async #ask<T>(key: string, what: (clients: RedisClients) => Promise<T>): Promise<T> {
    return await this.session.ask(key, what);
  }

  /** At the end of the stream when there was none; at its beginning when it has begun anew, with a clock set back. */
  async #findPlace(session: RedisSession): Promise<void> {
    const [last] = await session.ask(this.stream, async ({ publisher }) => {
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
  /** Which of our own broadcasts it is, where one waits for its turn. */
  mark?: string;
}

/** The fields as one text: those that are short as JSON on the first line, then the data as they are. */
export function writeFields({ uid, nsp, type, data = '', mark = '' }: Fields): Buffer {
  return Buffer.from(`${JSON.stringify([uid, nsp, type, mark])}\n${data}`);
}

/** What was written; throws for what was not. */
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
