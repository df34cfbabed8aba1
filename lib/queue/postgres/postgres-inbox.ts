import type { Client } from 'pg';
import { MAX_MESSAGE } from '../broker-link.js';
import type { SessionEvents } from '../session-driver.js';

const NO_BYTES = Buffer.alloc(0);

/** Hands on what arrives, in its order, also where something has to be fetched from the table. */
export class PostgresInbox {
  #fetching: Promise<void> | undefined;

  constructor(
    private readonly client: Client,
    private readonly table: string,
    private readonly events: SessionEvents,
  ) {}

  take(channel: string, text: string): void {
    const id = /^@(\d{1,18})$/.exec(text)?.[1];
    if (id === undefined && !this.#fetching) return this.events.hear(channel, bytesOf(text));
    const before = this.#fetching;
    const payload = id === undefined ? bytesOf(text) : this.#fetch(id);
    const turn = this.#hand(channel, { payload, before });
    this.#fetching = turn;
    void turn.then(() => {
      if (this.#fetching === turn) this.#fetching = undefined;
    });
  }

  async #hand(
    channel: string,
    { payload, before }: { payload: Buffer | Promise<Buffer>; before: Promise<void> | undefined },
  ): Promise<void> {
    try {
      const [bytes] = await Promise.all([payload, before]);
      this.events.hear(channel, bytes);
    } catch (error) {
      this.events.lost(error);
    }
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
