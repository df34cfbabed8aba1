import type { Server as HttpServer } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { INestApplication } from '@nestjs/common';
import type { Server } from 'socket.io';
import { failure } from '../common/errors.js';
import type { ClientState, SocketEvent } from '../context/connection.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { findProvider, FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import { connectionOf, existingNamespace } from '../socketio/socket-internals.js';
import { clearAnyTimer, nextTurn, realNow } from './real-time.js';
import type { Traffic } from './web-socket.js';

/*
 * The parts of socket.io 4.8 and engine.io 6.6 that their types keep private and that a client in the same process
 * needs: Server._parser, as the server was made with it; Socket.pingIntervalTimer of the engine.
 */

/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

/** Puts packets together from what arrives. */
export interface Decoder {
  on(event: 'decoded', listener: (packet: Packet) => void): unknown;
  add(data: unknown): void;
}

/** What turns packets into text and bytes, and back. */
export interface PacketParser {
  Decoder: new () => Decoder;
  Encoder: new () => { encode(packet: Packet): unknown[] };
}

interface Engine {
  clients?: Record<string, { pingIntervalTimer?: ReturnType<typeof setTimeout> | null } | undefined>;
}

/** The parser of a server: its clients speak the same. */
export function parserOf(server: Server): PacketParser {
  return (server as unknown as { _parser: PacketParser })._parser; // typed private
}

/**
 * Ends the heartbeat of a connection. Between two ends in one process nothing can get lost, and a test that moves a
 * fake clock by minutes, with no turn of the event loop in which to answer, would lose its clients.
 */
export function stopHeartbeat(server: Server, engineId: string): void {
  const { clients } = server.engine as unknown as Engine; // typed private
  clearAnyTimer(clients?.[engineId]?.pingIntervalTimer);
}

/** This many turns of the event loop without traffic count as quiet. */
const QUIET_TURNS = 3;

const turn = () => new Promise<void>((resolve) => nextTurn(resolve));

/** An application that test clients speak to; one object for all its clients. */
export class TestedApp {
  static readonly #known = new WeakMap<INestApplication, Promise<TestedApp>>();

  readonly traffic: Traffic = { moved: 0 };

  private constructor(
    private readonly app: INestApplication,
    private readonly runtime: FlaskSocketRuntime,
  ) {}

  /** Initialises the application, if that has not been done; once, however many ask. */
  static of(app: INestApplication): Promise<TestedApp> {
    const known = this.#known.get(app) ?? this.#start(app);
    this.#known.set(app, known);
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

  /** Whether it is served over TLS. */
  get isSecure(): boolean {
    return this.httpServer instanceof TlsServer;
  }

  /** What the server knows of the connection of a client. */
  stateOf(namespace: string, sid: string): ClientState | undefined {
    const socket = existingNamespace(this.server, namespace)?.sockets.get(sid);
    return socket && connectionOf(socket)?.client;
  }

  /** Calls a function as a handler of a client's event. What it throws goes to no error handler: it rejects. */
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

  /** The handlers of a client that are running. */
  handlersOf(client: ClientState | undefined): Promise<void>[] {
    return client ? this.runtime.executor.inFlight.of(client) : [];
  }

  /** Resolves when nothing has moved for some turns of the event loop, at the latest after real milliseconds. */
  async quiet(milliseconds: number): Promise<void> {
    const end = realNow() + milliseconds;
    for (let turns = 0, before = this.traffic.moved; turns < QUIET_TURNS && realNow() < end; turns++) {
      await turn();
      if (this.traffic.moved !== before) turns = -1;
      before = this.traffic.moved;
    }
  }
}

function runtimeOf(app: INestApplication): FlaskSocketRuntime {
  const runtime = findProvider(app, FlaskSocketRuntime);
  if (!runtime) throw failure('FSK_MODULE_MISSING', 'The application');
  return runtime;
}
