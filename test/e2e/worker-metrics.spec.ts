import { spawn } from 'node:child_process';
import { io, type Socket } from 'socket.io-client';
import { expect, it, onTestFinished, vi } from 'vitest';
import { ask, connected } from '../support/app.js';
import { compiled } from '../support/compiled.js';
import { root } from '../support/repository.js';

const SOON = { timeout: 60_000, interval: 20 };

it('N6 P2 the primary process of several workers gathers their metrics', { timeout: 120_000 }, async () => {
  const { output } = start();
  await vi.waitFor(() => expect(output().match(/Socket\.IO on/g)).toHaveLength(2), SOON);
  const url = `http://${/workers on ([\d.:]+),/.exec(output())![1]}`;
  const metricsUrl = /metrics on (\S+)/.exec(output())![1]!;

  const [one, other] = await clientsOfBoth(url);
  await Promise.all([ask(one, 'where'), ask(other, 'where')]);
  const metrics = await vi.waitUntil(async () => {
    const text = await (await fetch(metricsUrl)).text();
    return text.includes('flask_socket_queue_up 1') && text;
  }, SOON);

  const of = (sample: string) => Number(metrics.split('\n').find((line) => line.startsWith(sample))?.split(' ').at(-1)); // prettier-ignore
  expect(of('flask_socket_connections{namespace="/"}')).toBe(open.length);
  expect(of('flask_socket_events_total{namespace="/",event="where"}')).toBe(open.length + 2);
});

const open: Socket[] = [];

/** Connects until each worker has a client, and asks each client once where it is. */
async function clientsOfBoth(url: string): Promise<[Socket, Socket]> {
  const first = await connect(url);
  const [pid] = await ask(first, 'where');
  for (;;) {
    const client = await connect(url);
    const [where] = await ask(client, 'where');
    if (where !== pid) return [first, client];
  }
}

async function connect(url: string): Promise<Socket> {
  const client = io(url, { forceNew: true, transports: ['websocket'] });
  onTestFinished(() => void client.close());
  open.push(client);
  await connected(client);
  return client;
}

function start(): { output: () => string } {
  const program = compiled(`${root}test/e2e/workers/metrics.ts`);
  const primary = spawn(process.execPath, [program.main]);
  let output = '';
  const keep = (text: Buffer) => (output += text.toString());
  primary.stdout.on('data', keep);
  primary.stderr.on('data', keep);
  onTestFinished(() => {
    primary.kill('SIGKILL'); // its workers see it go, and end
    program.remove();
  });
  return { output: () => output };
}
