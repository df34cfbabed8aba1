import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Provider } from '@nestjs/common';
import { SocketIO, type FlaskSocketOptions } from 'nestjs-flask-socket';
import { Server, type ServerOptions, type Socket as ServerSocket } from 'socket.io';
import { io as connectTo, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connected, flushed, startApp, type ClientOptions } from '../support/app.js';

/*
 * What an application does with the raw server, `socketio.server`: each case runs against a plain Server of socket.io
 * and against the one that this library makes, with nothing else in the application, and says what comes of it.
 */

/** A server that runs, and its clients. */
export interface World {
  io: Server;
  url: string;
  /** A client that is not waited for. */
  open(namespace?: string, options?: ClientOptions): Socket;
  /** A connected client, over WebSocket. */
  connect(namespace?: string, options?: ClientOptions): Promise<Socket>;
  /** The server's side of a client. */
  socketOf(client: Socket): ServerSocket;
  /** Resolves when all that was sent to these clients has arrived. */
  flushed(...clients: Socket[]): Promise<void>;
}

interface Case {
  /** What the case comes to, with a plain server. */
  expected: unknown;
  /** What it comes to with ours, and why that is not the same. */
  differs?: { expected: unknown; because: string };
  /** Options of both servers. */
  options?: Partial<ServerOptions>;
  /** What else is in the application with our server. */
  application?: { providers?: Provider[]; options?: FlaskSocketOptions };
}

/** A case: its title, what it does, and what comes of it. */
export function raw(
  title: string,
  act: (world: World) => Promise<unknown>,
  { expected, differs, options = {}, application }: Case,
): void {
  describe(`${title}${differs ? ` (differs: ${differs.because})` : ''}`, () => {
    it('in plain socket.io', async () => {
      expect(await act(await startPlain({ ...options }))).toEqual(expected);
    });

    it(`here, ${differs ? 'otherwise' : 'the same'}`, async () => {
      const { port, app } = await startApp({
        ...application,
        options: { ...application?.options, server: { ...options } },
      });
      expect(await act(worldOf(app.get(SocketIO).server, port))).toEqual(
        differs ? differs.expected : expected,
      );
    });
  });
}

/** A plain server of socket.io. */
export async function startPlain(options: Partial<ServerOptions>): Promise<World> {
  const http = createServer();
  const io = new Server(http, options);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => io.close());
  return worldOf(io, (http.address() as AddressInfo).port);
}

/** What a case works with, of a server that listens. */
export function worldOf(io: Server, port: number): World {
  const url = `http://127.0.0.1:${port}`;
  const open = (namespace = '/', options: ClientOptions = {}) => {
    const client = connectTo(url + namespace, { forceNew: true, reconnection: false, ...options });
    onTestFinished(() => void client.close());
    return client;
  };
  return {
    io,
    url,
    open,
    flushed,
    async connect(namespace, options) {
      const client = open(namespace, { transports: ['websocket'], ...options });
      await connected(client);
      return client;
    },
    socketOf({ id }) {
      for (const namespace of io._nsps.values()) {
        const socket = namespace.sockets.get(id ?? '');
        if (socket) return socket;
      }
      throw new Error(`no socket ${id}`);
    },
  };
}

/** What a server answers to a client that wants to connect: `connected`, or why not. */
export function answerTo(client: Socket): Promise<string> {
  return new Promise((resolve) => {
    client.once('connect', () => resolve('connected'));
    client.once('connect_error', ({ message }) => resolve(message));
  });
}

/** Resolves with the first value that `take` is called with. */
export function once<T>(listen: (take: (value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve) => void listen(resolve));
}
