import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Namespace, type ServerOptions, type Socket } from 'socket.io';
import { io, type Socket as ClientSocket } from 'socket.io-client';
import { vi } from 'vitest';
import { WebSocketServer } from 'ws';

/** A client, and what the server has of it. */
export interface Pair {
  client: ClientSocket;
  socket: Socket;
}

interface Connecting {
  transport?: 'websocket' | 'polling';
  auth?: object;
}

/** A bare server of socket.io, on the ws of this repository, and clients of it: what a check looks into. */
export class Bench {
  readonly io: Server;
  readonly #http: HttpServer = createServer();
  readonly #clients: ClientSocket[] = [];
  readonly #closings: (() => unknown)[] = [];

  constructor(options: Partial<ServerOptions> = {}) {
    this.io = new Server(this.#http, {
      wsEngine: WebSocketServer,
      transports: ['websocket', 'polling'],
      ...options,
    });
  }

  /** Another one, of other options. */
  another(options: Partial<ServerOptions>): Bench {
    const bench = new Bench(options);
    this.closing(() => bench.close());
    return bench;
  }

  async url(): Promise<string> {
    if (!this.#http.listening) await once(this.#http.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** A client that is on its way. */
  async client(
    namespace = '/',
    { transport = 'websocket', auth = {} }: Connecting = {},
  ): Promise<ClientSocket> {
    const url = `${await this.url()}${namespace}`;
    const client = io(url, { transports: [transport], auth, forceNew: true, reconnection: false });
    this.#clients.push(client);
    return client;
  }

  /** A client that is connected. */
  async pair(namespace = '/', connecting: Connecting = {}): Promise<Pair> {
    const arrived = once(this.io.of(namespace), 'connection') as Promise<[Socket]>;
    const client = await this.client(namespace, connecting);
    const [[socket]] = await Promise.all([arrived, heard(client, 'connect')]);
    return { client, socket };
  }

  get main(): Namespace {
    return this.io.of('/');
  }

  /** To be called when the check is over. */
  closing(close: () => unknown): void {
    this.#closings.push(close);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    for (const close of this.#closings) await close();
    await this.io.close();
    this.#http.closeAllConnections();
  }
}

/** What a client is told by an event. */
export function heard(client: ClientSocket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => void client.once(event, (...values: unknown[]) => resolve(values)));
}

/** Waits until something holds. */
export const until = (holds: () => unknown): Promise<unknown> =>
  vi.waitUntil(holds, { timeout: 5_000, interval: 5 });
