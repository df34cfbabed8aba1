import { SerialQueue } from '../../common/serial-queue.js';
import type { Client } from 'pg';
import { MAX_MESSAGE } from '../broker-link.js';
import type { SessionEvents } from '../session-driver.js';

/** What is longer goes into the table: PostgreSQL takes 7999 bytes, and bytes go as base64. */
const LONGEST = 5_900;

/** So many go in one statement. */
const BATCH = 500;

interface Waiting {
  channel: string;
  payload: Buffer;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/**
 * Publishes in the order of the calls. What comes while PostgreSQL is busy goes together. A text has a number in
 * front, since PostgreSQL delivers equal ones of one statement once.
 */
export class PostgresOutbox {
  #waiting: Waiting[] = [];
  #busy: Promise<void> | undefined;

  constructor(
    private readonly client: Client,
    private readonly table: string,
  ) {}

  publish(channel: string, payload: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ channel, payload, resolve, reject });
      this.#busy ??= this.#empty();
    });
  }

  /** Resolves when nothing waits. */
  async emptied(): Promise<void> {
    await this.#busy;
  }

  async #empty(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      await this.#send(batch).then(
        () => batch.forEach(({ resolve }) => resolve()),
        (error: unknown) => batch.forEach(({ reject }) => reject(error)),
      );
    }
    this.#busy = undefined; // in the turn that found nothing: what comes in the next one begins anew
  }

  /** One that is long, or all that are short before the next one that is long. */
  #next(): Waiting[] {
    const long = this.#waiting.slice(0, BATCH).findIndex(({ payload }) => payload.length > LONGEST);
    return this.#waiting.splice(0, long === 0 ? 1 : long < 0 ? BATCH : long);
  }

  async #send(batch: Waiting[]): Promise<void> {
    const [first] = batch;
    if (first && first.payload.length > LONGEST) return this.#attach(first);
    const channels = batch.map(({ channel }) => channel);
    const texts = batch.map(({ payload }, index) => `${index}:${payload.toString('base64')}`);
    await this.client.query(
      'SELECT pg_notify(channel, text) FROM unnest($1::text[], $2::text[]) AS message(channel, text)',
      [channels, texts],
    );
  }

  async #attach({ channel, payload }: Waiting): Promise<void> {
    await this.client.query(
      `WITH stored AS (INSERT INTO ${this.table} (payload) VALUES ($2) RETURNING id)
       SELECT pg_notify($1, '@' || id) FROM stored`,
      [channel, payload],
    );
  }
}

const NO_BYTES = Buffer.alloc(0);

/** Hands on what arrives, in its order, also where something has to be fetched from the table. */
export class PostgresInbox {
  readonly #messages = new SerialQueue();

  constructor(
    private readonly client: Client,
    private readonly table: string,
    private readonly events: SessionEvents,
  ) {}

  take(channel: string, text: string): void {
    const id = /^@(\d{1,18})$/.exec(text)?.[1];
    void this.#messages.run(() => {
      if (id === undefined) return this.events.hear(channel, bytesOf(text));
      const fetched = this.#fetch(id).then((bytes) => this.events.hear(channel, bytes));
      return fetched.catch((error: unknown) => this.events.lost(error));
    });
  }

  /** Nothing where there is nothing, or too much: the link refuses it. */
  async #fetch(id: string): Promise<Buffer> {
    const select = `SELECT payload FROM ${this.table} WHERE id = $1 AND octet_length(payload) <= $2`;
    const { rows } = await this.client.query<{ payload: Buffer }>(select, [id, MAX_MESSAGE]);
    return rows[0]?.payload ?? NO_BYTES;
  }
}

/** What follows the number. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.slice(text.indexOf(':') + 1), 'base64');
}
