import { percentile } from '../harness/statistics.js';
import { frame, type Client } from './client.js';
import { DATA } from './data.js';
import { measured, type Load } from './measured.js';
import { clientsOf, type OnPool } from './pools.js';

interface Question extends OnPool {
  /** Events per second. */
  rate: number;
  milliseconds: number;
}

/** And how long the answers took, in milliseconds. */
export interface Latencies extends Load {
  p50: number;
  p99: number;
}

const REQUESTS = Array.from({ length: 1_000 }, (_, id) => frame(`42${id}["echo",${DATA}]`));

/** Events at their time, whatever the server does, from one client after the other. */
export async function openLoop({ rate, milliseconds, ...on }: Question): Promise<Latencies> {
  const times = arrivals(rate, milliseconds);
  const latencies: number[] = [];
  const load = await measured((finish) => {
    const sentAt = new Float64Array(REQUESTS.length);
    const clients = clientsOf(on);
    for (const client of clients) {
      client.received = () => {};
      client.receive = (data, { start }) => {
        const id = parseInt(data.toString('latin1', start + 2, start + 6), 10);
        latencies.push(performance.now() - sentAt[id]!);
        if (latencies.length === times.length) finish(times.length);
      };
    }
    sendAt(times, clients, sentAt);
  });
  latencies.sort((a, b) => a - b);
  return { ...load, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

function sendAt(times: readonly number[], clients: readonly Client[], sentAt: Float64Array): void {
  const started = performance.now();
  let sent = 0;
  const tick = () => {
    while (sent < times.length && times[sent]! <= performance.now() - started) {
      const id = sent % REQUESTS.length;
      sentAt[id] = performance.now();
      clients[sent++ % clients.length]!.write(REQUESTS[id]!);
    }
    if (sent < times.length) setImmediate(tick); // a timer would be late, and send several at once
  };
  tick();
}

/** Independent moments, in milliseconds: the gaps are exponentially distributed. The same ones every time. */
function arrivals(rate: number, milliseconds: number): number[] {
  let seed = 42;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const times: number[] = [];
  for (let time = 0; time < milliseconds; time -= (Math.log(random()) * 1_000) / rate) times.push(time);
  return times;
}
