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

/** How the server is set up when it is created. */
export interface ServerSetup {
  /** The options of socket.io; `gatewayOptions` are those of one of Nest's own gateways. */
  options(gatewayOptions: Partial<ServerOptions>): Partial<ServerOptions>;
  /** Called once, with the new server, before it has an engine. */
  created(server: Server): void;
  /** Called once, when the server is attached to the HTTP server, if there is one. */
  attached(server: Server): void;
}

/** Owns the application's one Socket.IO server. It is created on the HTTP server when it is first needed. */
export class ServerHost {
  #server: Server | undefined;
  #stopListening = () => {};
  /** All TCP connections of the HTTP server, which itself does not list the upgraded ones. */
  readonly #tcpConnections = new Set<TcpSocket>();

  constructor(
    private readonly platform: HttpAdapterHost,
    private readonly setup: ServerSetup,
  ) {}

  /** The server, if it has been created. */
  get existing(): Server | undefined {
    return this.#server;
  }

  /** The server. Throws `FSK_NOT_READY` before it is created. */
  get server(): Server {
    if (!this.#server) throw failure('FSK_NOT_READY', 'socketio.server');
    return this.#server;
  }

  /** Whether clients can connect. A standalone application and a microservice have no HTTP server. */
  get hasHttpServer(): boolean {
    return this.httpServer !== undefined;
  }

  /** The application's HTTP server, if it has one. */
  get httpServer(): HttpServer | undefined {
    return this.platform.httpAdapter?.getHttpServer?.() as HttpServer | undefined;
  }

  /** The server, created at the first call. `gatewayOptions` are those of one of Nest's own gateways. */
  open(gatewayOptions: Partial<ServerOptions> = {}): Server {
    if (this.#server) return this.#server;
    const { httpServer } = this;
    const options = this.setup.options(gatewayOptions);
    const server = (this.#server = new Server(options));
    this.setup.created(server);
    if (httpServer) {
      this.#trackTcpConnections(httpServer);
      attachServer(server, httpServer);
      server.engine.on('connection', skipCloseTimeout);
    }
    this.setup.attached(server);
    return server;
  }

  /**
   * Closes the connections of all clients, after `timeout` milliseconds by force. The application itself closes the HTTP
   * server.
   */
  async close(timeout: number): Promise<void> {
    const server = this.#server;
    if (!server) return;
    const connections = connectionsOf(server);
    const closed = connections.map(
      (connection) => new Promise((resolve) => connection.once('close', resolve)),
    );
    for (const connection of connections) closeForReconnect(connection);
    await waitFor(Promise.all(closed), timeout);
    for (const connection of connectionsOf(server)) terminate(connection);
    this.#stopListening();
    server.engine?.close();
    const adapters = [...server._nsps.values()].map(({ adapter }) => adapter);
    await waitFor(Promise.allSettled(adapters.map(async (adapter) => adapter.close())), timeout);
  }

  /** Destroys all TCP connections, because idle and upgraded ones would keep the HTTP server open. */
  destroyTcpConnections(): void {
    for (const socket of this.#tcpConnections) socket.destroy();
  }

  /** Also adds an error listener: without one, a TCP reset during a handshake would end the process. */
  #trackTcpConnections(httpServer: HttpServer): void {
    const connections = this.#tcpConnections;
    const forget = function forget(this: TcpSocket) {
      connections.delete(this);
    };
    httpServer.on('connection', (socket) => connections.add(socket) && socket.on('close', forget));
    httpServer.prependListener('upgrade', ignoreSocketErrors);
    this.#stopListening = () => void httpServer.off('upgrade', ignoreSocketErrors);
  }
}

/**
 * Removes the engine's listener that closes all connections with the HTTP server. They end with the application instead,
 * because supertest opens and closes the HTTP server of an application around each request.
 */
function attachServer(server: Server, httpServer: HttpServer): void {
  const others = httpServer.listeners('close');
  server.attach(httpServer);
  const own = httpServer.listeners('close').filter((listener) => !others.includes(listener));
  for (const listener of own) httpServer.off('close', listener as () => void);
}

function ignoreSocketErrors(_request: unknown, socket: TcpSocket): void {
  socket.on('error', () => {});
}
