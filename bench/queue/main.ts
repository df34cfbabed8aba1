import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { measure } from '../harness/measure.js';
import { CORES, Process } from '../harness/process.js';
import type { Metric, Sample, Subject } from '../harness/question.js';
import { plain, summary } from '../harness/table.js';
import { Client } from '../load/client.js';
import type { ServerName } from '../servers.js';

/*
 * What a message from one process to a client of another costs, beside bare socket.io with the same adapter:
 *
 * npm run bench:queue                                             Redis in its three forms; starts a redis-server
 * npm run bench:queue -- amqp://127.0.0.1 nats://127.0.0.1        brokers that run already
 */

const ROUNDS = Number(process.env['ROUNDS'] ?? 30);
const MESSAGES = 1_000;
const WARM_UP = 20;

/** Those that socket.io has an adapter for. */
const OFFICIAL = ['redis', 'redis-sharded', 'redis-streams', 'postgres'];

/** Brokers introduce processes to each other in this time, in milliseconds. */
const INTRODUCTION = 1_000;

const METRICS: Metric[] = [
  { key: 'cpu', title: 'CPU of both processes per message', unit: 'µs', digits: 1 },
  { key: 'rate', title: 'messages', unit: '/s', digits: 0, isCompared: false },
];

/** Two processes on one queue; a client of the second hears what the first one says. */
class Pair implements Subject {
  #heard = 0;
  #done: () => void = () => {};

  private constructor(
    private readonly servers: readonly [Process<{ port: number }>, Process<{ port: number }>],
    private readonly client: Client,
  ) {
    client.receive = () => {
      if (++this.#heard === MESSAGES) this.#done();
    };
  }

  static async start(server: ServerName, queue: string): Promise<Pair> {
    const file = fileURLToPath(new URL(`${server}.js`, import.meta.url));
    const start = () =>
      Process.start<{ port: number }>([process.execPath, file], {
        core: CORES.server,
        env: { QUEUE: queue },
      });
    const servers = [await start(), await start()] as const;
    return new Pair(servers, await Client.connect(servers[1].ready.port));
  }

  async warmUp(): Promise<void> {
    await delay(INTRODUCTION);
    for (let round = 0; round < WARM_UP; round++) await this.round();
  }

  async round(): Promise<Sample> {
    this.#heard = 0;
    const done = new Promise<void>((resolve) => (this.#done = resolve));
    const before = await this.#cpu();
    const started = performance.now();
    await this.servers[0].ask({ ask: 'speak', count: MESSAGES });
    await done;
    const seconds = (performance.now() - started) / 1_000;
    return { cpu: ((await this.#cpu()) - before) / MESSAGES, rate: MESSAGES / seconds };
  }

  async stop(): Promise<void> {
    await this.client.leave();
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async #cpu(): Promise<number> {
    const answers = await Promise.all(
      this.servers.map((server) => server.ask<{ cpu: number }>({ ask: 'cpu' })),
    );
    return answers.reduce((sum, { cpu }) => sum + cpu, 0);
  }
}

async function startRedis(): Promise<{ url: string; server: ChildProcess }> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const server = spawn('redis-server', ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], {
    stdio: 'ignore',
  });
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isThere) return { url: `redis://127.0.0.1:${port}`, server };
  }
}

const urls = process.argv.slice(2);
const own = urls.length === 0 ? await startRedis() : undefined;
const queues = own
  ? ['redis', 'redis-sharded', 'redis-streams'].map((scheme) => own.url.replace('redis', scheme))
  : urls;
for (const queue of queues) {
  const scheme = queue.split(':')[0]!;
  const servers: ServerName[] = OFFICIAL.includes(scheme) ? ['bare', 'ours'] : ['ours'];
  const samples = await measure((server) => Pair.start(server, queue), { servers, rounds: ROUNDS });
  console.log(`\n${scheme}://\n\n${plain(summary({ question: { metrics: METRICS }, samples }))}`);
}
own?.server.kill();
process.exit();
