import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import type { Wish } from './failures.js';

/** What a client hears that gets no answer. */
export const NOTHING = 'nothing';

/** How long an answer may take, in milliseconds. */
const PATIENCE = 5_000;

/** How a client visits. */
export interface Visit {
  transport?: 'websocket' | 'polling';
  patience?: number;
}

/** A client that wishes that a hook fails goes there; what it hears is the result. */
export async function visit(url: string, wish: Wish, options: Visit = {}): Promise<unknown> {
  const { transport = 'websocket', patience = PATIENCE } = options;
  const namespace = wish.at === 'error handler' ? '/failing-twice' : '/failing';
  const settings = { transports: [transport], auth: wish, forceNew: true, reconnection: false };
  const socket = io(`${url}${namespace}`, settings);
  onTestFinished(() => void socket.disconnect());
  const first = await Promise.race([
    heard(socket, 'connect').then(() => CONNECTED),
    heard(socket, 'connect_error').then((error) => (error as Error).message),
    delay(patience, NOTHING),
  ]);
  const result = first === CONNECTED ? await use(socket, wish, patience) : first;
  socket.disconnect();
  return result;
}

/** What a client that is connected hears. */
async function use(socket: Socket, { at }: Wish, patience: number): Promise<unknown> {
  if (at === 'connect' || at === 'middleware' || at === 'disconnect') return CONNECTED;
  socket.on('question', (_data: unknown, answer: () => void) => answer());
  const exception = heard(socket, 'exception');
  const answer = socket
    .timeout(patience)
    .emitWithAck('x')
    .catch(() => NOTHING) as Promise<unknown>;
  if (at !== 'callback') return answer;
  return Promise.race([exception, delay(patience, NOTHING)]);
}

const CONNECTED = 'connected';

function heard(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve) => void socket.once(event, resolve));
}

/** What stands between clients and a server, and keeps every byte that the server sends. */
export class Tap {
  readonly #chunks: Buffer[] = [];

  private constructor(readonly url: string) {}

  static async before(port: number): Promise<Tap> {
    const server = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      upstream.on('data', (chunk: Buffer) => void tap.#chunks.push(chunk));
      for (const socket of [client, upstream]) socket.on('error', () => {});
      client.pipe(upstream).pipe(client);
      client.on('close', () => upstream.destroy());
      onTestFinished(() => void client.destroy());
    });
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const tap = new Tap(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return tap;
  }

  /** Everything that the server has sent so far. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }
}
