// socket.io with its own adapter for a queue, as its documentation sets it up.
import { createServer } from 'node:http';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createPostgresAdapter } from '@socket.io/postgres-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Pool } from 'pg';
import { createClient } from 'redis';
import { Server, type ServerOptions } from 'socket.io';
import { SETTINGS } from '../harness/serve.js';
import { DATA, serveSpeaker } from './speaking.js';

type Adapter = NonNullable<ServerOptions['adapter']>;

async function redisClients(url: string) {
  const publisher = createClient({ url: url.replace(/^redis-\w+/, 'redis') });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return [publisher, subscriber] as const;
}

const adapters: Record<string, (url: string) => Promise<Adapter>> = {
  redis: async (url) => createAdapter(...(await redisClients(url))) as Adapter,
  'redis-sharded': async (url) => createShardedAdapter(...(await redisClients(url))) as Adapter,
  'redis-streams': async (url) => createStreamsAdapter((await redisClients(url))[0]),
  async postgres(url) {
    const pool = new Pool({ connectionString: url });
    await pool.query(
      'CREATE TABLE IF NOT EXISTS socket_io_attachments (id bigserial UNIQUE, created_at timestamptz DEFAULT NOW(), payload bytea)',
    );
    return createPostgresAdapter(pool);
  },
};

const url = process.env['QUEUE']!;
const http = createServer();
const io = new Server(http, { ...SETTINGS, adapter: await adapters[url.split(':')[0]!]!(url) });
http.listen(0, '127.0.0.1', () => void serveSpeaker(http, () => void io.emit('news', DATA)));
