import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { OnConnect, SocketIO } from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { next, startApp } from '../support/app.js';
import { CLIENT_VERSIONS, type ClientVersion } from '../support/client-versions.js';
import { Journal } from '../support/journal.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';

/** Connects to a URL, and from then on as often as it is cut; resolves when it is connected for the first time. */
type Client = (url: string, transports: string[]) => Promise<unknown>;

const JavaScript =
  ({ connect: open }: ClientVersion): Client =>
  async (url, transports) => {
    const client = open(url, { transports, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    onTestFinished(() => void client.close());
    await next(client, 'connect');
  };

const Python: Client = async (url, transports) => {
  const child = spawn('/usr/bin/python3', [`${root}test/parity/returning.py`, url, transports.join()]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data'); // it says so
};

/** One address for one process after the other, as a balancer is. */
async function balancer() {
  const target = { port: 0 };
  const server = createServer((socket) => {
    const behind = connect(target.port, '127.0.0.1');
    behind.on('error', () => socket.destroy()).on('close', () => socket.end());
    socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
    socket.pipe(behind).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { target, url: `http://127.0.0.1:${port}` };
}

/** A process that notes who connects. */
async function start() {
  const came = new Journal();
  class Gateway {
    @OnConnect()
    connect() {
      came.add('a client');
    }
  }
  const app = await startApp({ providers: [Gateway], options: { allowEIO3: true, shutdownTimeout: 1_000 } });
  const { engine } = app.get(SocketIO).server;
  const { clients } = engine as unknown as { clients: Record<string, { transport: { writable: boolean } }> };
  const listens = () => Object.values(clients).some(({ transport }) => transport.writable);
  return { app: app.app, came, port: app.port, isListenedTo: () => vi.waitUntil(listens, { interval: 5 }) };
}

describe.each([
  ...CLIENT_VERSIONS.map((version) => [version.name, JavaScript(version)] as const),
  ['python-socketio', Python] as const,
])('%s', (name, client) => {
  it
    .skipIf(client === Python && !have('python-socketio'))
    .each([[['polling']], [['websocket']], [['polling', 'websocket']]])(
    `P7 ${name} comes back by %s to the process that takes over`,
    async (transports) => {
      const { target, url } = await balancer();
      const first = await start();
      target.port = first.port;
      await client(url, transports);
      const second = await start();
      await first.isListenedTo(); // else its next request would find nobody, and it would not hear the last word
      const closing = first.app.close();
      target.port = second.port;
      expect(await second.came.reached(1)).toEqual(['a client']);
      await closing;
    },
  );
});
