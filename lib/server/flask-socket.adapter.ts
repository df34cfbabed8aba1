import { IoAdapter } from '@nestjs/platform-socket.io';
import { Server, type ServerOptions } from 'socket.io';
import type { ServerHost } from './server-host.js';

/**
 * The application's WebSocket adapter: Nest's own gateways get the same server, path and namespaces as ours, and
 * the same copy of socket.io.
 */
export class FlaskSocketAdapter extends IoAdapter {
  constructor(
    private readonly host: ServerHost,
    private readonly path: () => string,
  ) {
    super();
  }

  /** Port 0 and the path of the application: the shared server. Anything else: a server of its own. */
  override createIOServer(port: number, options: object = {}): never {
    return this.#serverFor(port, options) as never; // the platform's types are those of its own socket.io copy
  }

  /** The shared server ends with the application, after its handlers have. */
  override async close(server: Parameters<IoAdapter['close']>[0]): Promise<void> {
    if ((server as unknown) !== this.host.existing) await super.close(server); // another copy's type
  }

  #serverFor(port: number, options: Partial<ServerOptions>): Server {
    if (port !== 0) return new Server(port, options);
    const { path = this.path() } = options;
    if (path.replace(/^\/?|\/$/g, '') === this.path().replace(/^\/?|\/$/g, ''))
      return this.host.open(options);
    return new Server(this.host.httpServer, options);
  }
}
