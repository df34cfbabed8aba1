// What a message from one process to the clients of another costs, beside bare socket.io with the same adapter:
// npm run bench:queue -- redis://127.0.0.1:6379 redis-streams://127.0.0.1:6379 amqp://127.0.0.1
// Brokers that run already are named by their URLs; without any, a redis-server is started.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { CORES, Process } from '../harness/process.js';
import { median, ratios } from '../harness/statistics.js';
import { plain, withSpread } from '../harness/table.js';
import { Client } from '../load/client.js';

const ROUNDS = Number(process.env['ROUNDS'] ?? 7);
const MESSAGES = 4_000;

type Kind = 'bare' | 'ours';
interface Sample {
  /** Microseconds of CPU time of both processes, for each message. */
  cpu: number;
  perSecond: number;
}

const HAS_ADAPTER = ['redis', 'redis-sharded', 'redis-streams', 'postgres'];

/** Two processes on one queue; a client of the second hears what the first one says. */
class Pair {
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

  static async start(kind: Kind, queue: string): Promise<Pair> {
    const file = fileURLToPath(new URL(`${kind}.js`, import.meta.url));
    const start = () =>
      Process.start<{ port: number }>([process.execPath, file], {
        core: CORES.server,
        env: { QUEUE: queue },
      });
    const servers = [await start(), await start()] as const;
    return new Pair(servers, await Client.connect(servers[1].ready.port));
  }

  async round(): Promise<Sample> {
    this.#heard = 0;
    const done = new Promise<void>((resolve) => (this.#done = resolve));
    const before = await this.#cpu();
    const started = performance.now();
    await this.servers[0].ask({ ask: 'speak', count: MESSAGES });
    await done;
    const seconds = (performance.now() - started) / 1_000;
    return { cpu: ((await this.#cpu()) - before) / MESSAGES, perSecond: MESSAGES / seconds };
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

async function compare(queue: string): Promise<string[][]> {
  const kinds: Kind[] = HAS_ADAPTER.includes(queue.split(':')[0]!) ? ['bare', 'ours'] : ['ours'];
  const pairs = new Map<Kind, Pair>();
  for (const kind of kinds) pairs.set(kind, await Pair.start(kind, queue));
  const samples = new Map<Kind, Sample[]>(kinds.map((kind) => [kind, []]));
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // brokers introduce the processes to each other
  for (const pair of pairs.values()) await pair.round(); // to warm up
  for (let round = 0; round < ROUNDS; round++) {
    for (const [kind, pair] of pairs) samples.get(kind)!.push(await pair.round());
  }
  for (const pair of pairs.values()) await pair.stop();
  const series = (kind: Kind, key: keyof Sample) => samples.get(kind)?.map((sample) => sample[key]) ?? [];
  const name = queue.split(':')[0]!;
  return kinds.map((kind) => [
    `${name}, ${kind === 'bare' ? 'socket.io' : 'nestjs-flask-socket'}`,
    withSpread(series(kind, 'cpu'), 1),
    kinds.includes('bare') ? median(ratios(series(kind, 'cpu'), series('bare', 'cpu'))).toFixed(2) : '',
    withSpread(series(kind, 'perSecond'), 0),
  ]);
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
const rows: string[][] = [];
for (const queue of queues) rows.push(...(await compare(queue)));
console.log(
  plain([['', 'CPU of both processes per message, µs', '÷ socket.io', 'messages per second'], ...rows]),
);
own?.server.kill();
process.exit();
