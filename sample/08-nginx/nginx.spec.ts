import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, connected, next } from '../../test/support/app.js';
import { redisBroker, type Broker } from '../../test/support/brokers.js';
import { compiled, type Compiled } from '../../test/support/compiled.js';
import { freePort, scratchFolder, ServerProcess } from '../../test/support/server-process.js';
import { root } from '../../test/support/repository.js';
import { have } from '../../test/support/system-packages.mjs';

const SOON = { timeout: 60_000, interval: 20 };

describe.skipIf(!have('redis-server') || !have('nginx'))('sample 08-nginx', { timeout: 120_000 }, () => {
  let program: Compiled;
  let redis: Broker;
  let nginx: ServerProcess;
  let url: string;
  let ports: number[];

  beforeAll(async () => {
    program = compiled(`${root}sample/08-nginx/main.ts`);
    redis = await redisBroker();
    await redis.start();
    ports = [await freePort(), await freePort()];
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    nginx = new ServerProcess({
      command: ['/usr/sbin/nginx', '-p', nginxFolder(port), '-c', 'nginx.conf'],
      port,
    });
    await Promise.all([nginx.start(), ...ports.map(startApplication)]);
  });
  afterAll(async () => {
    for (const child of running.values()) child.kill('SIGKILL');
    await Promise.all([nginx.stop(), redis.stop()]);
    program.remove();
  });

  /** A folder with the sample's nginx.conf, made for the ports of this test. */
  function nginxFolder(port: number): string {
    const folder = scratchFolder('nginx');
    mkdirSync(join(folder, 'tmp'));
    const text = readFileSync(`${root}sample/08-nginx/nginx.conf`, 'utf8')
      .replace(':8080', `:${port}`)
      .replace(':5001', `:${ports[0]}`)
      .replace(':5002', `:${ports[1]}`);
    writeFileSync(join(folder, 'nginx.conf'), text);
    return folder;
  }

  const running = new Map<number, ChildProcess>();

  async function startApplication(port: number): Promise<void> {
    const env = { ...process.env, PORT: `${port}`, HOST: '', MESSAGE_QUEUE: redis.url, WORKERS: '' };
    const child = spawn(process.execPath, [program.main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    process.once('exit', () => child.kill('SIGKILL'));
    await vi.waitFor(() => expect(output).toContain('Ctrl-C'), SOON);
    await vi.waitFor(() => expect(output).toContain('is connected'), SOON);
    running.set(child.pid!, child);
  }

  /** Clients with cookies, half of them by polling only. */
  async function team(size: number): Promise<Socket[]> {
    const clients = Array.from({ length: size }, (_, index) =>
      io(url, {
        forceNew: true,
        withCredentials: true,
        transports: index % 2 === 0 ? ['polling'] : ['websocket'],
      }),
    );
    onTestFinished(() => clients.forEach((client) => client.close()));
    await Promise.all(clients.map(connected));
    return clients;
  }

  const pidsOf = async (clients: readonly Socket[]) =>
    (await Promise.all(clients.map((client) => ask(client, 'who')))).map(([pid]) => pid as number);

  it('P3 spreads clients of both transports over the processes, and each keeps its own', async () => {
    const clients = await team(16);
    const pids = await pidsOf(clients);
    const kinds = new Set(
      clients.map(({ io: { engine } }, index) => `${engine.transport.name} ${pids[index]}`),
    );
    expect(kinds.size).toBe(4);
    expect(await pidsOf(clients)).toEqual(pids);
  });

  it('P3 P4 makes one server of them', async () => {
    const clients = await team(8);
    const said = clients.map((client) => next(client, 'said'));
    clients[0]!.emit('say', 'hello');
    expect(await Promise.all(said)).toEqual(clients.map(() => [expect.objectContaining({ text: 'hello' })]));
  });

  it('P3 brings the clients of a process that dies to the other one', async () => {
    const clients = await team(16);
    const pids = await pidsOf(clients);
    const victim = pids[0]!;
    const victims = clients.filter((_, index) => pids[index] === victim);
    const others = clients.filter((_, index) => pids[index] !== victim);
    const left: unknown[] = [];
    for (const client of others) client.on('disconnect', (reason) => void left.push(reason));
    const gone = Promise.all(victims.map((client) => next(client, 'disconnect')));
    const child = running.get(victim)!;

    child.kill('SIGKILL');
    await once(child, 'exit');
    clients.filter((client) => client.connected).forEach((client) => client.emit('say', 'anybody there?'));
    await gone;
    await Promise.all(victims.map(connected));

    expect(new Set(await pidsOf(clients))).toEqual(new Set(pids.filter((pid) => pid !== victim)));
    expect(left).toEqual([]);
  });
});
