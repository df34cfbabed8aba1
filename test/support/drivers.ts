import type { Type } from '@nestjs/common';
import { args } from 'nestjs-flask-socket';
import { createTestClient, type TestClient } from 'nestjs-flask-socket/testing';
import type { Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { ask, connected, flushed, inbox, startApp, type AppOptions } from './app.js';
import { createApp } from './portless.js';

/** A client, whatever it is made of. */
export interface Client {
  readonly sid: string | undefined;
  readonly isConnected: boolean;
  /** Emits; resolves when what that caused has arrived at all clients. */
  emit(event: string, ...values: unknown[]): Promise<void>;
  /** Emits; resolves with the values of the acknowledgement. */
  ask(event: string, ...values: unknown[]): Promise<unknown[]>;
  /** Answers what the server asks with a value. */
  answer(event: string, value: unknown): void;
  /** What was received since the last time, as `[event, ...arguments]`. */
  received(): unknown[][];
  disconnect(): Promise<void>;
  /** The same connection in another namespace; rejects with the message of a refusal. */
  also(namespace: string): Promise<Client>;
}

/** How a client connects. */
export interface Handshake {
  headers?: Record<string, string>;
  auth?: object;
}

/** An application and its clients. */
export interface World {
  get<T>(token: Type<T>): T;
  /** A client; rejects with the message of a refusal. */
  connect(namespace?: string, handshake?: Handshake): Promise<Client>;
  /** Resolves when what was sent has arrived at all clients. */
  settled(): Promise<void>;
}

/** With the test client: no port. */
export async function inProcess(options: AppOptions): Promise<World> {
  const app = await createApp(options);
  await app.init();
  const clients: TestClient[] = [];
  return {
    get: (token) => app.get(token),
    settled: async () => {
      for (const client of clients) await client.expectNothing().catch(() => {});
    },
    connect: async (namespace = '/', handshake = {}) => {
      const client = await createTestClient(app, { namespace, ...handshake });
      clients.push(client);
      return seated(client, namespace);
    },
  };
}

function seated(client: TestClient, namespace: string): Client {
  const refusal = client.refusal(namespace);
  if (refusal) throw new Error(refusal.message);
  return {
    get sid() {
      return client.sid(namespace);
    },
    get isConnected() {
      return client.isConnected(namespace);
    },
    emit: (event, ...values) => client.emit(event, args(...values), { namespace }),
    ask: async (event, ...values) => list(await client.call(event, args(...values), { namespace })),
    answer: (event, value) => client.on(event, () => value, namespace),
    received: () => client.getReceived(namespace).map((event) => [event.name, ...list(event.args)]),
    disconnect: () => client.disconnect(namespace),
    also: async (other) => {
      await client.connect(other);
      return seated(client, other);
    },
  };
}

function list(values: unknown): unknown[] {
  if (values === undefined) return [];
  return Array.isArray(values) ? (values as unknown[]) : [values];
}

/** With socket.io-client, over a port. */
export async function overPort(options: AppOptions): Promise<World> {
  const app = await startApp(options);
  const sockets: Socket[] = [];
  return {
    get: (token) => app.get(token),
    settled: () => arrived(sockets),
    connect: (namespace = '/', { headers, auth } = {}) =>
      dialled(app.open(namespace, { transports: ['websocket'], extraHeaders: headers, auth }), sockets),
  };
}

async function dialled(socket: Socket, all: Socket[]): Promise<Client> {
  const events = inbox(socket); // before the first event
  onTestFinished(() => void socket.disconnect());
  await connected(socket);
  all.push(socket);
  return {
    get sid() {
      return socket.id;
    },
    get isConnected() {
      return socket.connected;
    },
    emit: async (event, ...values) => {
      socket.emit(event, ...values);
      await arrived([socket]);
      await arrived(all);
    },
    ask: (event, ...values) => ask(socket, event, ...values),
    answer: (event, value) =>
      socket.on(event, (...received: unknown[]) => acknowledge(received.at(-1), value)),
    received: () => events.splice(0).map((event) => event.filter((value) => typeof value !== 'function')),
    disconnect: async () => {
      socket.disconnect();
      await arrived(all);
    },
    also: (other) => dialled(socket.io.socket(other, {}).connect(), all),
  };
}

function acknowledge(callback: unknown, value: unknown): void {
  if (typeof callback === 'function') (callback as (value: unknown) => void)(value);
}

/** Twice there and back: what a client answers may cause something, too. */
async function arrived(sockets: readonly Socket[]): Promise<void> {
  const open = sockets.filter(({ io }) => io._readyState === 'open');
  for (let round = 0; round < 2; round++) await flushed(...open);
}
