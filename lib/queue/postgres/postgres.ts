import { SerialQueue } from '../../common/serial-queue.js';
import type { Socket } from 'node:net';
import type { Client } from 'pg';
import { failureFrom } from '../../common/errors.js';
import { loadPackage } from '../../common/optional-package.js';
import type { Backend } from '../back-end.js';
import { withoutPassword } from '../queue-url.js';
import {
  fitName,
  type BrokerConnection,
  ConnectionDriver,
  type ConnectionEvents,
  pingRegularly,
} from '../connection-driver.js';
import { PostgresInbox, PostgresOutbox } from './postgres-messages.js';

const CONNECT_TIMEOUT = 5_000;

/** PostgreSQL's limit of the name of a channel or a table, in bytes. */
const MAX_NAME = 63;

/**
 * PostgreSQL's LISTEN and NOTIFY on one connection. (socket.io's own adapter publishes through a pool, and sends long
 * messages another way than short ones: messages overtake each other.)
 */
export const backend: Backend = {
  name: 'PostgreSQL',
  packages: { driver: 'pg' },
  open({ url, channel }) {
    const { Client } = loadPackage('pg') as typeof import('pg');
    const settings = { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT, keepAlive: true };
    try {
      void new Client(settings);
    } catch (cause) {
      throw failureFrom(cause, 'FSK_INVALID_QUEUE', withoutPassword(url), 'it is no PostgreSQL URL');
    }
    const table = fitName(`${channel}_attachments`, MAX_NAME);
    const driver = new ConnectionDriver({
      address: (topic) => fitName(topic, MAX_NAME),
      connect: (events, signal) => connectPostgres(new Client(settings), table, { events, signal }),
    });
    return { driver };
  },
};

/** In seconds. */
const ATTACHMENT_LIFETIME = 30;

/** Connects a client; `table` holds the messages that are too long for a notification. */
export async function connectPostgres(
  client: Client,
  table: string,
  { events, signal }: { events: ConnectionEvents; signal: AbortSignal },
): Promise<BrokerConnection> {
  const destroy = () => socketOf(client).destroy();
  const { lost } = events;
  oneAfterAnother(client);
  client.on('error', lost);
  client.on('end', () => lost(new Error('PostgreSQL closed the connection')));
  signal.addEventListener('abort', destroy, { once: true });
  const stopPinging = pingRegularly(() => client.query('SELECT'), lost);
  try {
    await client.connect();
    await createTable(client, table);
    return brokerConnection(client, table, { events, stopPinging });
  } catch (error) {
    stopPinging();
    destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
}

function brokerConnection(
  client: Client,
  table: string,
  { events, stopPinging }: { events: ConnectionEvents; stopPinging: () => void },
): BrokerConnection {
  const name = client.escapeIdentifier(table);
  const outbox = new PostgresOutbox(client, name);
  const inbox = new PostgresInbox(client, name, events);
  client.on('notification', ({ channel, payload = '' }) => inbox.receive(channel, payload));
  const cleaning = setInterval(
    () => void deleteOldAttachments(client, name),
    ATTACHMENT_LIFETIME * 1_000,
  ).unref();
  const leave = () => {
    stopPinging();
    clearInterval(cleaning);
  };
  return {
    publish: (channel, payload) => outbox.publish(channel, payload),
    subscribe: (channel) => run(client, `LISTEN ${client.escapeIdentifier(channel)}`),
    unsubscribe: (channel) => run(client, `UNLISTEN ${client.escapeIdentifier(channel)}`),
    async close() {
      leave();
      await outbox.drained();
      await client.end();
    },
    destroy() {
      leave();
      socketOf(client).destroy();
    },
  };
}

/** Each statement waits for the one before: the client's own queue is deprecated and warns. */
function oneAfterAnother(client: Client): void {
  const query = client.query.bind(client) as (...values: unknown[]) => Promise<unknown>;
  const statements = new SerialQueue();
  const inTurn = (...values: unknown[]) => statements.run(() => query(...values));
  client.query = inTurn as Client['query'];
}

async function run(client: Client, statement: string): Promise<void> {
  await client.query(statement);
}

/** Processes that start at the same time wait for a lock. A role that may not create tables needs an existing one. */
async function createTable(client: Client, table: string): Promise<void> {
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

/** Errors are ignored: another role may own the table, and a lost connection is reported elsewhere. */
async function deleteOldAttachments(client: Client, name: string): Promise<void> {
  const statement = `DELETE FROM ${name} WHERE created_at < now() - interval '${ATTACHMENT_LIFETIME} seconds'`;
  await client.query(statement).catch(() => {});
}

/** Destroying the socket is the only way to close a connection that hangs. */
function socketOf(client: Client): Socket {
  // Its types keep it private.
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
