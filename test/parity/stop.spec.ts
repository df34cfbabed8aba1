import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FlaskSocketOptions } from 'nestjs-flask-socket';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compiled, type Compiled } from '../support/compiled.js';
import { Journal } from '../support/journal.js';
import { root } from '../support/repository.js';

/** An application in a process of its own, which nothing but itself ends. */
class Application {
  readonly said = new Journal<unknown>();

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    child.on('message', (message) => this.said.add(message));
  }

  static async start(main: string, options: FlaskSocketOptions & { https?: object }): Promise<Application> {
    const child = spawn(process.execPath, [main, JSON.stringify({ shutdownTimeout: 1_000, ...options })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [port] = (await once(child, 'message')) as [number];
    return new Application(child, port);
  }

  /** Resolves when the process has ended. */
  async stop(): Promise<number> {
    const ended = once(this.child, 'exit');
    this.child.send('stop');
    return ((await ended) as [number])[0];
  }

  /** A TCP connection on which something has been said; it reads nothing. */
  async tcp(text = ''): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1').pause();
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    if (text !== '') await new Promise((resolve) => socket.write(text, 'latin1', resolve));
    return socket;
  }

  /** A connected client that has no request under way; its id. */
  async polling(): Promise<string> {
    const { sid } = JSON.parse((await this.poll('')).slice(1)) as { sid: string };
    await this.poll(`&sid=${sid}`, { method: 'POST', body: '40' });
    await this.poll(`&sid=${sid}`);
    await this.said.find((what) => what === 'came');
    return sid;
  }

  async poll(query: string, init?: RequestInit): Promise<string> {
    const url = `http://127.0.0.1:${this.port}/socket.io/?EIO=4&transport=polling${query}`;
    return await (await fetch(url, { ...init, headers: { connection: 'close' } })).text();
  }

  /** A WebSocket that says something when it is open, and reads nothing then. */
  async webSocket(query: string, text?: string): Promise<Socket> {
    const socket = await this.tcp(upgrade(query));
    await once(socket.resume(), 'data');
    if (text !== undefined) socket.write(frame(text), 'latin1');
    return socket.pause();
  }
}

const upgrade = (query: string) =>
  `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
  'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** A text frame of a client; its mask changes nothing. */
const frame = (text: string) => `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;

describe('the process of an application that stops', { timeout: 60_000 }, () => {
  let program: Compiled;

  beforeAll(() => void (program = compiled(`${root}test/parity/stop/main.ts`)));
  afterAll(() => program.remove());

  const clients: [what: string, connect: (app: Application) => Promise<unknown>, options?: object][] = [
    ['a polling client is between two polls', (app) => app.polling()],
    [
      'a polling client vanished long ago',
      async (app) => {
        await app.polling();
        await app.said.has('left: ping timeout');
      },
      { pingInterval: 50, pingTimeout: 50 },
    ],
    [
      'a polling client is in the middle of a POST',
      async (app) => {
        const path = `/socket.io/?EIO=4&transport=polling&sid=${await app.polling()}`;
        await app.tcp(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n42`);
      },
    ],
    [
      'a WebSocket client does not read any more',
      async (app) => {
        await app.webSocket('', '40');
        await app.said.has('came');
      },
    ],
    [
      'a WebSocket client vanished long ago',
      async (app) => {
        await app.webSocket('', '40');
        await app.said.has('left: ping timeout');
      },
      { pingInterval: 50, pingTimeout: 50 },
    ],
    ['a client has not connected to a namespace', (app) => app.webSocket('')],
    [
      'a client is half upgraded',
      async (app) => {
        const socket = await app.webSocket(`&sid=${await app.polling()}`, '2probe');
        await once(socket.resume(), 'data');
        socket.pause();
      },
    ],
    [
      'a connection is kept alive',
      async (app) => {
        const socket = await app.tcp('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket.resume(), 'data');
      },
    ],
    ['somebody has begun a request', (app) => app.tcp('GET / HTTP/1.1\r\n')],
    ['somebody says nothing', (app) => app.tcp()],
    ['somebody says nothing where TLS is spoken', (app) => app.tcp(), { https: {} }],
  ];

  it.each(clients)('P7 ends by itself though %s', async (_, attach, options = {}) => {
    const app = await Application.start(program.main, options);
    await attach(app);
    expect(await Promise.race([app.stop(), delay(20_000, 'it has not ended', { ref: false })])).toBe(0);
  });
});
