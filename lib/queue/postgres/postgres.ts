import { SerialQueue } from '../../common/serial-queue.js';
import type { Socket } from 'node:net';
import type { Client } from 'pg';
import { failureFrom } from '../../common/errors.js';
import { load } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import { withoutPassword } from '../queue-url.js';
import { fitName, type Session, SessionDriver, type SessionEvents, watch } from '../session-driver.js';
import { PostgresInbox, PostgresOutbox } from './postgres-messages.js';

const CONNECTING = 5_000;

/** What PostgreSQL takes for the name of a channel or a table, in bytes. */
const LONGEST_NAME = 63;

/**
 * PostgreSQL's LISTEN and NOTIFY on one connection. (socket.io's own adapter publishes through several, on which
 * messages overtake each other, and sends what is long another way than what is short.)
 */
export const backend: Backend = {
  name: 'PostgreSQL',
  packages: { driver: 'pg' },
  open({ url, channel }) {
    const { Client } = load('pg') as typeof import('pg');
    const settings = { connectionString: url, connectionTimeoutMillis: CONNECTING, keepAlive: true };
    try {
      void new Client(settings);
    } catch (cause) {
      throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no PostgreSQL URL');
    }
    const table = fitName(`${channel}_attachments`, LONGEST_NAME);
    const driver = new SessionDriver({
      address: (topic) => fitName(topic, LONGEST_NAME),
      connect: (events, signal) => postgresSession(new Client(settings), table, { events, signal }),
    });
    return { driver };
  },
};

/** How long attachments are kept, in seconds. */
const KEPT = 30;

/** Connects a client that is not connected yet; `table` is for what is too long for a notification. */
export async function postgresSession(
  client: Client,
  table: string,
  { events, signal }: { events: SessionEvents; signal: AbortSignal },
): Promise<Session> {
  const destroy = () => socketOf(client).destroy();
  const { lost } = events;
  oneAfterAnother(client);
  client.on('error', lost);
  client.on('end', () => lost(new Error('PostgreSQL closed the connection')));
  signal.addEventListener('abort', destroy, { once: true });
  const unwatch = watch(() => client.query('SELECT'), lost);
  try {
    await client.connect();
    await makeTable(client, table);
    return session(client, table, { events, unwatch });
  } catch (error) {
    unwatch();
    destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
}

function session(
  client: Client,
  table: string,
  { events, unwatch }: { events: SessionEvents; unwatch: () => void },
): Session {
  const name = client.escapeIdentifier(table);
  const outbox = new PostgresOutbox(client, name);
  const inbox = new PostgresInbox(client, name, events);
  client.on('notification', ({ channel, payload = '' }) => inbox.take(channel, payload));
  const cleaning = setInterval(() => void clean(client, name), KEPT * 1_000).unref();
  const leave = () => {
    unwatch();
    clearInterval(cleaning);
  };
  return {
    publish: (channel, payload) => outbox.publish(channel, payload),
    listen: (channel) => run(client, `LISTEN ${client.escapeIdentifier(channel)}`),
    unlisten: (channel) => run(client, `UNLISTEN ${client.escapeIdentifier(channel)}`),
    async end() {
      leave();
      await outbox.emptied();
      await client.end();
    },
    destroy() {
      leave();
      socketOf(client).destroy();
    },
  };
}

/** A statement waits for the one before: that the client itself lets them wait is deprecated, and it warns. */
function oneAfterAnother(client: Client): void {
  const query = client.query.bind(client) as (...values: unknown[]) => Promise<unknown>;
  const statements = new SerialQueue();
  const inTurn = (...values: unknown[]) => statements.run(() => query(...values));
  client.query = inTurn as Client['query'];
}

async function run(client: Client, statement: string): Promise<void> {
  await client.query(statement);
}

/** Those who come at the same time wait for each other; those who may not create tables find one made for them. */
async function makeTable(client: Client, table: string): Promise<void> {
  const name = client.escapeIdentifier(table);
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    name,
  ]);
  if (rows[0]?.there) return;
  const columns = 'id bigserial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), payload bytea';
  await client.query(
    `SELECT pg_advisory_xact_lock(hashtext(${client.escapeLiteral(table)}));
     CREATE UNLOGGED TABLE IF NOT EXISTS ${name} (${columns})`,
  );
}

/** Another role may own the table, and clean it; of a connection that is gone, others hear. */
async function clean(client: Client, name: string): Promise<void> {
  const statement = `DELETE FROM ${name} WHERE created_at < now() - interval '${KEPT} seconds'`;
  await client.query(statement).catch(() => {});
}

/** The one way to end a connection on which nothing is answered. */
function socketOf(client: Client): Socket {
  // Its types keep it private.
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
