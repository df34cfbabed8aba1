import type { Namespace, Server } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { user, type UserId } from '../common/address.js';
import { currentRequest } from '../context/storage.js';
import { onServerSideEvent } from '../socketio/namespace-internals.js';
import { end, findClient } from './clients.js';
import type { ClientOptions } from './deliver.js';

/**
 * Ends the sender's connection to this namespace, or that of the client `sid`: the client is told, its disconnect
 * handler runs, and the calling handler goes on. In `@OnConnect()` it refuses the client.
 *
 * @see docs/getting-started.md#connection-events
 * @example
 * ```ts
 * import { disconnect, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class ExitGateway {
 *   @OnEvent('disconnect request')
 *   leave() {
 *     disconnect();
 *   }
 * }
 * ```
 */
export function disconnect(options: ClientOptions = {}): void {
  const { connection } = currentRequest('disconnect()');
  end(findClient(connection.runtime, options, connection));
}

/** What processes tell each other: the connections of a user end. */
const END_USER = 'flask-socket:end user';

/** Ends the connections of a user: in every namespace, on every process. */
export function endUser(server: Server, id: UserId): void {
  const room = String(user(id));
  for (const namespace of server._nsps.values()) {
    namespace.in(room).disconnectSockets();
  }
  // Another process may have namespaces that are not open here.
  const main = server.of('/');
  if (crossesProcesses(main)) main.serverSideEmit(END_USER, room);
}

/** Does what another process asks for. */
export function followOthers(server: Server): void {
  onServerSideEvent(server.of('/'), END_USER, (room: string) => {
    for (const namespace of server._nsps.values()) {
      namespace.local.in(room).disconnectSockets();
    }
  });
}

/** The adapter of a single process only warns when it is asked to tell others. */
function crossesProcesses({ adapter }: Namespace): boolean {
  return adapter.serverSideEmit !== Adapter.prototype.serverSideEmit;
}
