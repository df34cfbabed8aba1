import { resolveLimits } from '../../lib/common/limits.js';
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { Server, type Socket } from 'socket.io';
import { vi } from 'vitest';
import type { Log } from '../../lib/common/logger.js';
import type { Command, RemoteClients } from '../../lib/common/remote-clients.js';
import { type ClientState, Connection, type Runtime } from '../../lib/context/connection.js';
import type { SocketRequest } from '../../lib/context/socket-request.js';
import { SocketSession } from '../../lib/context/socket-session.js';
import { Executor } from '../../lib/dispatch/executor.js';
import { Failures } from '../../lib/dispatch/failures.js';
import type { Handler, HandlerDefinition } from '../../lib/handlers/handler.js';
import { HandlerRegistry } from '../../lib/handlers/handler.registry.js';
import { EventRequest, type ScopedInstances } from '../../lib/handlers/scoped-instances.js';
import { BrokerLink } from '../../lib/queue/broker-link.js';
import type { Driver, DriverEvents, Listener } from '../../lib/queue/queue.js';
import { attachConnection } from '../../lib/socketio/socket-internals.js';

/** A log that keeps its lines, each with its level: `error: …`. */
export function keptLog(): Required<Log> & { lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (line: string) => void lines.push(`${level}: ${line}`);
  return { lines, log: keep('log'), error: keep('error'), warn: keep('warn'), debug: keep('debug') };
}

/** A Socket.IO server without HTTP: clients come over a {@link Wire}. */
export function portlessServer(options: ConstructorParameters<typeof Server>[1] = {}): Server {
  return new Server(options as object);
}

/** The transport of a client, in its own hands: what it sends arrives at once, what it is sent stays in `received`. */
export class Wire extends EventEmitter {
  readonly id = 'engine';
  readonly protocol = 4;
  readonly remoteAddress = '127.0.0.1';
  readonly transport = { name: 'websocket', writable: true };
  readonly request: { headers: object; url: string; connection: object; _query: object };
  readonly received: string[] = [];
  readyState = 'open';

  constructor(headers: object = {}) {
    super();
    this.request = { headers, url: '/socket.io/', connection: {}, _query: {} };
  }

  /** What engine.io calls to send. */
  write(packet: string): void {
    this.received.push(packet);
  }

  /** What engine.io calls to end the connection. */
  close(): void {
    this.lose('forced close');
  }

  /** The connection ends. */
  lose(reason = 'transport close'): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.emit('close', reason);
  }

  /** The client sends a packet of the Socket.IO protocol. */
  send(packet: string): void {
    this.emit('data', packet);
  }
}

/** A socket of a server, connected over a wire. */
export interface Connected {
  socket: Socket;
  wire: Wire;
}

/** The engine has a new connection. */
export function open(server: Server, wire: Wire): void {
  const { onconnection } = server as unknown as { onconnection(conn: Wire): void }; // typed private
  onconnection.call(server, wire);
}

/** Resolves when all promises and ticks that are under way, and those that they begin, have had their turn. */
export function turns(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Connects a client to a namespace as socket.io does. */
export async function connectTo(server: Server, namespace = '/', wire = new Wire()): Promise<Connected> {
  if (wire.listenerCount('data') === 0) open(server, wire);
  const connected = new Promise<Socket>((resolve) => server.of(namespace).once('connection', resolve));
  wire.send(namespace === '/' ? '0' : `0${namespace},`);
  const socket = await connected;
  wire.received.length = 0;
  return { socket, wire };
}

/** What a connection needs of the running server. What no test of a unit asks for is not there. */
export function runtimeOf(server: Server, more: Partial<Runtime> = {}): Runtime {
  return {
    server,
    logger: keptLog(),
    serverFor: (namespace) => server.of(namespace),
    app: { get: missing, resolve: missing, getHttpServer: missing },
    remoteClients: undefined,
    limits: { limits: resolveLimits(), reached: () => {} },
    runCallback: missing,
    addressOf: () => undefined,
    contextIdOf: missing,
    userChanged: () => {},
    expiryChanged: () => {},
    warnOnce: () => {},
    ...more,
  };
}

function missing(): never {
  throw new Error('This unit is alone: nobody has given it that part of the application');
}

/** A client that has been admitted to a namespace. */
export async function connectionTo({
  server = portlessServer(),
  namespace = '/',
  wire = new Wire(),
  runtime = {},
  client = {},
}: {
  server?: Server;
  namespace?: string;
  wire?: Wire;
  runtime?: Partial<Runtime>;
  client?: Partial<ClientState>;
} = {}): Promise<Connected & { connection: Connection }> {
  const { socket } = await connectTo(server, namespace, wire);
  const state = Object.assign(client, { session: SocketSession.from({}) });
  const connection = new Connection(socket, {
    runtime: runtimeOf(server, runtime),
    client: state,
    params: {},
  });
  connection.state = 'connected';
  attachConnection(socket, connection);
  return { socket, wire, connection };
}

/** The request of an event. */
export function requestOf(connection: Connection, message: string | null = 'event', args: unknown[] = []) {
  return new EventRequest(connection, { message, args });
}

/** A compiled handler. */
export function handlerOf(
  run: (request: SocketRequest, values: readonly unknown[]) => unknown = () => {},
  more: Partial<Handler> = {},
): Handler {
  return { place: 'Gateway.handle', run, filters: [], globalFilters: [], ...more };
}

/** A registry that holds these handlers, of the main namespace where they name none. */
export function registryOf(
  ...definitions: (Pick<HandlerDefinition, 'kind' | 'handler'> & Partial<HandlerDefinition>)[]
): HandlerRegistry {
  const registry = new HandlerRegistry();
  for (const definition of definitions) registry.add({ namespace: '/', ...definition });
  return registry;
}

/** An executor without scoped providers. */
export function executorOf(registry: HandlerRegistry, log: Log): Executor {
  const scoped = { instancesOf: () => [], durableInstancesOf: () => [] };
  return new Executor(new Failures(registry, log), scoped as unknown as ScopedInstances, log); // all that it asks it
}

/** The clients of other processes: what is done to them is noted, and nobody has the one that is asked for. */
export function remotely(more: Partial<RemoteClients> = {}): { clients: RemoteClients; commands: Command[] } {
  const commands: Command[] = [];
  const clients: RemoteClients = {
    send: (command) => void commands.push(command),
    call: () => Promise.resolve(undefined),
    members: () => Promise.resolve([]),
    ...more,
  };
  return { clients, commands };
}

/** A broker in the test's hands: nothing happens by itself but that what is published is kept. */
export class FakeDriver implements Driver {
  readonly published: [topic: string, payload: string][] = [];
  readonly listeners = new Map<string, Listener>();
  readonly closedWithin: number[] = [];
  /** What the broker says to a message. */
  answer: () => Promise<unknown> = () => Promise.resolve('taken');
  #events: DriverEvents = { connected: missing, disconnected: missing };

  connect(events: DriverEvents): void {
    this.#events = events;
  }

  /** Whether the broker is there. */
  isUp = false;

  /** The broker is there. */
  up(): void {
    this.isUp = true;
    this.#events.connected();
  }

  /** The broker is gone. */
  away(reason: unknown = new Error('gone')): void {
    this.isUp = false;
    this.#events.disconnected(reason);
  }

  publish(topic: string, payload: Buffer): Promise<unknown> {
    this.published.push([topic, payload.toString()]);
    return this.answer();
  }

  subscribe(topic: string, listener: Listener): void {
    this.listeners.set(topic, listener);
  }

  unsubscribe(topic: string): void {
    this.listeners.delete(topic);
  }

  /** Something arrives. */
  hear(topic: string, payload: string | Buffer): void {
    this.listeners.get(topic)?.(Buffer.from(payload), topic);
  }

  close(timeout: number): Promise<void> {
    this.closedWithin.push(timeout);
    return Promise.resolve();
  }
}

/** A link to a fake broker, opened. */
export function linkTo(
  driver: Driver,
  { name = 'fake://', secret }: { name?: string; secret?: string } = {},
) {
  const log = keptLog();
  const link = new BrokerLink(driver, { url: name, name, channel: 'shop', secret, logger: log });
  link.connect();
  return { link, log };
}

/** Fakes the clock of vitest, and `setTimeout` of `node:timers/promises`, which vitest leaves alone, with it. */
export function turnClock(options?: Parameters<typeof vi.useFakeTimers>[0]): void {
  vi.useFakeTimers(options);
  Object.assign(timers, { setTimeout: delay });
  syncBuiltinESMExports();
}

/** The reverse. */
export function restoreClock(): void {
  vi.useRealTimers();
  Object.assign(timers, { setTimeout: usualDelay });
  syncBuiltinESMExports();
}

const usualDelay = timers.setTimeout;

function delay<T>(milliseconds?: number, value?: T, { signal }: { signal?: AbortSignal } = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => resolve(value as T), milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
