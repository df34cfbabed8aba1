import { startServer, type Bench, type Question, type Sample } from '../harness/question.js';
import type { ServerName } from '../servers.js';

interface Memory {
  heap: number;
  rss: number;
}

/** What idle connections take: a server before and after they have come, garbage collected both times. */
async function round(name: ServerName, { load, scale }: Bench): Promise<Sample> {
  const clients = 3_000 * scale;
  const server = await startServer(name, { flags: ['--expose-gc'] });
  const { port } = server.ready;
  await load.ask({ ask: 'cycles', port, count: 100, atOnce: 10 });
  const before = await server.ask<Memory>({ ask: 'memory' });
  const { pool } = await load.ask<{ pool: number }>({ ask: 'open', port, clients });
  const after = await server.ask<Memory>({ ask: 'memory' });
  await load.ask({ ask: 'close', pool });
  await server.stop();
  const perConnection = (key: keyof Memory) => (after[key] - before[key]) / clients / 1_000;
  return { heap: perConnection('heap'), rss: perConnection('rss') };
}

export const idle: Question = {
  name: 'idle',
  title: 'Idle connections',
  about:
    '3,000 clients that have connected to a server with 20 handlers and do nothing. Memory after garbage collection, less what the server took before they came.',
  servers: ['bare', 'nest', 'nest-scoped', 'ours', 'ours-unlimited', 'against'],
  metrics: [
    { key: 'heap', title: 'heap per connection', unit: 'kB', digits: 1 },
    { key: 'rss', title: 'RSS per connection', unit: 'kB', digits: 1 },
  ],
  rounds: 5,
  subject: async (server, bench) => ({ round: () => round(server, bench), stop: async () => {} }),
};
