import { cpuOf, startServer, type Bench, type Subject } from '../harness/question.js';
import type { Load } from '../load/measured.js';
import type { Latencies } from '../load/open-loop.js';
import type { ServerName } from '../servers.js';

/** After so many events a server's code has been compiled as well as it will ever be. Sent as fast as it takes them. */
const WARM = { events: 60_000, load: { ask: 'closedLoop', event: 'echo', inFlight: 8 } };

/** Before each round that is measured: the processor has done something else meanwhile, and its caches show it. */
const LEAD = 0.2;

/** A server with clients that stay connected, under the same load in every round. */
export async function underLoad(
  name: ServerName,
  bench: Bench,
  { clients, ...load }: { clients: number; ask: string } & Record<string, unknown>,
): Promise<Subject> {
  const process = await startServer(name);
  const { pool } = await bench.load.ask<{ pool: number }>({
    ask: 'open',
    port: process.ready.port,
    clients,
  });
  const once = (milliseconds = bench.milliseconds, kind: typeof load = load) =>
    bench.load.ask<Load | Latencies>({ milliseconds, ...kind, pool });
  return {
    process,
    async warmUp() {
      const events = WARM.events * bench.scale;
      for (let count = 0; count < events;) count += (await once(bench.milliseconds, WARM.load)).count;
      await once();
    },
    async round() {
      await once(bench.milliseconds * LEAD);
      const { cpu, count, milliseconds, ...rest } = await cpuOf(process, () => once());
      return { ...rest, cpu: cpu / count, rate: (count / milliseconds) * 1_000 };
    },
    async stop() {
      await bench.load.ask({ ask: 'close', pool });
      await process.stop();
    },
  };
}

const CPU = { key: 'cpu', unit: 'µs', digits: 2 };
const SHARE = { key: 'share', title: 'load generator', unit: 'of a core', digits: 2, isCompared: false };

/** CPU time and throughput. */
export function throughput(what: string) {
  return [
    { ...CPU, title: `CPU per ${what}` },
    { key: 'rate', title: 'throughput', unit: '/s', digits: 0, isCompared: false },
    SHARE,
  ];
}

/** CPU time and latency. */
export const latency = [
  { ...CPU, title: 'CPU per event' },
  { key: 'p50', title: 'p50', unit: 'ms', digits: 3 },
  { key: 'p99', title: 'p99', unit: 'ms', digits: 3 },
];
