import type { Server as HttpServer } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { INestApplication } from '@nestjs/common';
import type { Server } from 'socket.io';
import { failure } from '../common/errors.js';
import type { ClientState, SocketEvent } from '../context/connection.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { findProvider, FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import { connectionOf, existingNamespace } from '../socketio/socket-internals.js';
import { clearAnyTimer, realSetImmediate, realNow } from './real-timers.js';
import type { Traffic } from './memory-socket.js';

/*
 * Private members of socket.io 4.8 and engine.io 6.6 that are used here:
 * - Server._parser: the parser that the server was created with, which its test clients have to use;
 * - Socket.pingIntervalTimer of engine.io: the timer of the heartbeat.
 */

/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

/** Decodes packets from texts and attachments. */
export interface Decoder {
  on(event: 'decoded', listener: (packet: Packet) => void): unknown;
  add(data: unknown): void;
}

/** A parser of Socket.IO (`socket.io-parser`, or the option `parser`). */
export interface PacketParser {
  Decoder: new () => Decoder;
  Encoder: new () => { encode(packet: Packet): unknown[] };
}

interface Engine {
  clients?: Record<string, { pingIntervalTimer?: ReturnType<typeof setTimeout> | null } | undefined>;
}

/** The parser of a server, which its clients use as well. */
export function serverParser(server: Server): PacketParser {
  return (server as unknown as { _parser: PacketParser })._parser; // typed private
}

/**
 * Stops the heartbeat of a connection. Inside one process it is not needed, and a test that advances a fake clock by
 * minutes would lose its clients, because they cannot answer the ping meanwhile.
 */
export function stopHeartbeat(server: Server, engineId: string): void {
  const { clients } = server.engine as unknown as Engine; // typed private
  clearAnyTimer(clients?.[engineId]?.pingIntervalTimer);
}

/** After so many iterations of the event loop without traffic, the application is idle. */
const IDLE_TURNS = 3;

const nextTurn = () => new Promise<void>((resolve) => realSetImmediate(resolve));

/** The application under test. All its test clients share one object. */
export class TestedApp {
  static readonly #apps = new WeakMap<INestApplication, Promise<TestedApp>>();

  readonly traffic: Traffic = { transfers: 0 };

  private constructor(
    private readonly app: INestApplication,
    private readonly runtime: FlaskSocketRuntime,
  ) {}

  /** Returns the object of an application. The first call initialises the application. */
  static of(app: INestApplication): Promise<TestedApp> {
    const known = this.#apps.get(app) ?? this.#start(app);
    this.#apps.set(app, known);
    return known;
  }

  static async #start(app: INestApplication): Promise<TestedApp> {
    const tested = new TestedApp(app, runtimeOf(app));
    await app.init();
    if (!tested.runtime.host.hasHttpServer) throw failure('FSK_NO_SERVER', 'createTestClient()');
    return tested;
  }

  get server(): Server {
    return this.runtime.server;
  }

  get httpServer(): HttpServer {
    return this.app.getHttpServer() as HttpServer;
  }

  /** Whether the HTTP server uses TLS. */
  get isSecure(): boolean {
    return this.httpServer instanceof TlsServer;
  }

  /** The server's state of a client. */
  stateOf(namespace: string, sid: string): ClientState | undefined {
    const socket = existingNamespace(this.server, namespace)?.sockets.get(sid);
    return socket && connectionOf(socket)?.client;
  }

  /** Calls a function like the handler of a client's event. Rejects with what it throws; no error handler is called. */
  run(
    { namespace, sid }: { namespace: string; sid: string },
    event: SocketEvent,
    fn: () => unknown,
  ): Promise<unknown> {
    const socket = existingNamespace(this.server, namespace)?.sockets.get(sid);
    const connection = socket && connectionOf(socket);
    if (!connection) return Promise.reject(failure('FSK_TEST_DISCONNECTED', namespace));
    const { compiler, executor } = this.runtime;
    const handler = compiler.compileFunction(fn, { place: fn.name || 'run() of a test client' });
    const request = new EventRequest(connection, event);
    return new Promise((resolve, reject) => {
      void executor.runForOutcome({ request, handler, values: [] }, (_, outcome) => {
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.result);
      });
    });
  }

  /** A client's handlers that are running. */
  runningHandlersOf(client: ClientState | undefined): Promise<void>[] {
    return client ? this.runtime.executor.inFlight.of(client) : [];
  }

  /** Resolves when there was no traffic for some iterations of the event loop, or after so many real milliseconds. */
  async idle(milliseconds: number): Promise<void> {
    const end = realNow() + milliseconds;
    for (let turns = 0, before = this.traffic.transfers; turns < IDLE_TURNS && realNow() < end; turns++) {
      await nextTurn();
      if (this.traffic.transfers !== before) turns = -1;
      before = this.traffic.transfers;
    }
  }
}

function runtimeOf(app: INestApplication): FlaskSocketRuntime {
  const runtime = findProvider(app, FlaskSocketRuntime);
  if (!runtime) throw failure('FSK_MODULE_MISSING', 'The application');
  return runtime;
}
