import type { Server as HttpServer } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { INestApplication } from '@nestjs/common';
import type { Server } from 'socket.io';
import { failure, failureFrom } from '../common/errors.js';
import type { ClientState, SocketEvent } from '../context/connection.js';
import { EventRequest } from '../handlers/scoped-instances.js';
import { connectionOf, existingNamespace } from '../socketio/socket-internals.js';
import { FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import type { Traffic } from './memory-socket.js';
import { nextTurn, realNow } from './real-time.js';

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
    if (!tested.runtime.host.hasClients) throw failure('FSK_NO_SERVER', 'createTestClient()');
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
      void executor.decide({ request, handler, values: [] }, (_, outcome) => {
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
  try {
    return app.get(FlaskSocketRuntime);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_MODULE_MISSING', 'The application');
  }
}
