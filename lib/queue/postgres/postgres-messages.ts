import { SerialQueue } from '../../common/serial-queue.js';
import type { Client } from 'pg';
import { MAX_MESSAGE } from '../broker-link.js';
import type { ConnectionEvents } from '../connection-driver.js';

/** Longer messages go into the table: a notification holds 7999 bytes, and payloads are sent as base64. */
const MAX_NOTIFICATION = 5_900;

/** The most messages in one statement. */
const MAX_BATCH = 500;

interface PendingNotification {
  channel: string;
  payload: Buffer;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/**
 * Publishes in the order of the calls. Messages that wait while PostgreSQL is busy are sent in one statement. Each text
 * begins with a number, because PostgreSQL delivers equal notifications of one statement only once.
 */
export class PostgresOutbox {
  #waiting: PendingNotification[] = [];
  #draining: Promise<void> | undefined;

  constructor(
    private readonly client: Client,
    private readonly table: string,
  ) {}

  publish(channel: string, payload: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ channel, payload, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      await this.#send(batch).then(
        () => batch.forEach(({ resolve }) => resolve()),
        (error: unknown) => batch.forEach(({ reject }) => reject(error)),
      );
    }
    this.#draining = undefined; // in the same turn as the check, so that the next message starts anew
  }

  /** One long message, or all short ones before the next long one. */
  #nextBatch(): PendingNotification[] {
    const long = this.#waiting
      .slice(0, MAX_BATCH)
      .findIndex(({ payload }) => payload.length > MAX_NOTIFICATION);
    return this.#waiting.splice(0, long === 0 ? 1 : long < 0 ? MAX_BATCH : long);
  }

  async #send(batch: PendingNotification[]): Promise<void> {
    const [first] = batch;
    if (first && first.payload.length > MAX_NOTIFICATION) return this.#sendLong(first);
    const channels = batch.map(({ channel }) => channel);
    const texts = batch.map(({ payload }, index) => `${index}:${payload.toString('base64')}`);
    await this.client.query(
      'SELECT pg_notify(channel, text) FROM unnest($1::text[], $2::text[]) AS message(channel, text)',
      [channels, texts],
    );
  }

  async #sendLong({ channel, payload }: PendingNotification): Promise<void> {
    await this.client.query(
      `WITH stored AS (INSERT INTO ${this.table} (payload) VALUES ($2) RETURNING id)
       SELECT pg_notify($1, '@' || id) FROM stored`,
      [channel, payload],
    );
  }
}

const NO_BYTES = Buffer.alloc(0);

/** Delivers notifications in order, also if a payload has to be fetched from the table first. */
export class PostgresInbox {
  readonly #messages = new SerialQueue();

  constructor(
    private readonly client: Client,
    private readonly table: string,
    private readonly events: ConnectionEvents,
  ) {}

  receive(channel: string, text: string): void {
    const id = /^@(\d{1,18})$/.exec(text)?.[1];
    void this.#messages.run(() => {
      if (id === undefined) return this.events.received(channel, bytesOf(text));
      const fetched = this.#fetch(id).then((bytes) => this.events.received(channel, bytes));
      return fetched.catch((error: unknown) => this.events.lost(error));
    });
  }

  /** Resolves with no bytes, which the link refuses, if the row is missing or too large. */
  async #fetch(id: string): Promise<Buffer> {
    const select = `SELECT payload FROM ${this.table} WHERE id = $1 AND octet_length(payload) <= $2`;
    const { rows } = await this.client.query<{ payload: Buffer }>(select, [id, MAX_MESSAGE]);
    return rows[0]?.payload ?? NO_BYTES;
  }
}

/** The payload after the number. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.slice(text.indexOf(':') + 1), 'base64');
}
