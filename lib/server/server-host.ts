import type { Server as HttpServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import type { HttpAdapterHost } from '@nestjs/core';
import { Server, type ServerOptions } from 'socket.io';
import { failure } from '../common/errors.js';
import { waitFor } from '../common/thenable.js';
import {
  connectionsOf,
  terminate,
  skipCloseTimeout,
  closeForReconnect,
} from '../socketio/engine-internals.js';

/** What makes the server, when it is time. */
export interface ServerRecipe {
  options(gateway: Partial<ServerOptions>): Partial<ServerOptions>;
  created(server: Server): void;
}

/** Owns the one Socket.IO server of an application; made when first needed, on the application's HTTP server. */
export class ServerHost {
  #server: Server | undefined;
  #stopListening = () => {};
  /** The TCP connections of the HTTP server: it does not know all of them itself. */
  readonly #open = new Set<TcpSocket>();

  constructor(
    private readonly platform: HttpAdapterHost,
    private readonly recipe: ServerRecipe,
  ) {}

  /** The server, if it has been made. */
  get existing(): Server | undefined {
    return this.#server;
  }

  /** The server; throws before it exists. */
  get server(): Server {
    if (!this.#server) throw failure('FSK_NOT_READY', 'socketio.server');
    return this.#server;
  }

  /** Whether clients can come: without an HTTP server (a standalone application, a microservice) there are none. */
  get hasClients(): boolean {
    return this.httpServer !== undefined;
  }

  /** The application's HTTP server; none in a standalone application. */
  get httpServer(): HttpServer | undefined {
    return this.platform.httpAdapter?.getHttpServer?.() as HttpServer | undefined;
  }

  /** The server, made now if it is the first time. `gateway` are the options of a gateway of Nest's own. */
  open(gateway: Partial<ServerOptions> = {}): Server {
    if (this.#server) return this.#server;
    const { httpServer } = this;
    const options = this.recipe.options(gateway);
    if (httpServer) this.#follow(httpServer);
    this.#server = httpServer ? attach(httpServer, options) : new Server(options);
    this.#server.engine?.on('connection', skipCloseTimeout);
    this.recipe.created(this.#server);
    return this.#server;
  }

  /**
   * Ends the transports; after `budget` milliseconds also those whose clients do not do their part. The HTTP server is
   * the application's to close.
   */
  async close(budget: number): Promise<void> {
    const server = this.#server;
    if (!server) return;
    const connections = connectionsOf(server);
    const gone = connections.map((connection) => new Promise((resolve) => connection.once('close', resolve)));
    for (const connection of connections) closeForReconnect(connection);
    await waitFor(Promise.all(gone), budget);
    for (const connection of connectionsOf(server)) terminate(connection);
    this.#stopListening();
    server.engine?.close();
    const adapters = [...server._nsps.values()].map(({ adapter }) => adapter);
    await waitFor(Promise.allSettled(adapters.map(async (adapter) => adapter.close())), budget);
  }

  /** Destroys all TCP connections: idle and upgraded ones would keep the HTTP server open. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** A TCP reset while a handshake is being decided about must find a listener, or it would end the process. */
  #follow(httpServer: HttpServer): void {
    const open = this.#open;
    const forget = function forget(this: TcpSocket) {
      open.delete(this);
    };
    httpServer.on('connection', (socket) => open.add(socket) && socket.on('close', forget));
    httpServer.prependListener('upgrade', listenForErrors);
    this.#stopListening = () => void httpServer.off('upgrade', listenForErrors);
  }
}

/**
 * The engine would end every connection for good when the HTTP server closes. They end with the application instead:
 * supertest opens and closes the HTTP server of an application that does not listen, around each request.
 */
function attach(httpServer: HttpServer, options: Partial<ServerOptions>): Server {
  const others = httpServer.listeners('close');
  const server = new Server(httpServer, options);
  const own = httpServer.listeners('close').filter((listener) => !others.includes(listener));
  for (const listener of own) httpServer.off('close', listener as () => void);
  return server;
}

function listenForErrors(_request: unknown, socket: TcpSocket): void {
  socket.on('error', () => {});
}
