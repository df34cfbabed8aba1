import type { Server as HttpServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import type { HttpAdapterHost } from '@nestjs/core';
import { Server, type ServerOptions } from 'socket.io';
import { failure } from '../common/errors.js';

/** What makes the server, when it is time. */
export interface ServerRecipe {
  options(gateway: Partial<ServerOptions>): Partial<ServerOptions>;
  created(server: Server): void;
}

/** Owns the one Socket.IO server of an application; made when first needed, on the application's HTTP server. */
export class ServerHost {
  #server: Server | undefined;
  #stopListening = () => {};

  constructor(
    private readonly platform: HttpAdapterHost,
    private readonly recipe: ServerRecipe,
  ) {}

  /** The server, if it has been made. */
  get existing(): Server | undefined {
    return this.#server;
  }

  /** The server; an error before there is one. */
  get server(): Server {
    if (!this.#server) throw failure('FSK_NOT_READY', 'socketio.server');
    return this.#server;
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
    if (httpServer) this.#surviveResets(httpServer);
    this.#server = httpServer ? attach(httpServer, options) : new Server(options);
    this.recipe.created(this.#server);
    return this.#server;
  }

  /** Ends the transports; the HTTP server is the application's to close. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#stopListening();
    server.engine?.close();
    await Promise.allSettled(
      [...server._nsps.values()].map(({ adapter }) => Promise.resolve(adapter.close())),
    );
  }

  /** A TCP reset while a handshake is being decided about must find a listener, or it would end the process. */
  #surviveResets(httpServer: HttpServer): void {
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
