import type { Namespace, Server } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { user, type UserId } from '../common/address.js';
import { currentRequest } from '../context/storage.js';
import { onServerSideEvent } from '../socketio/namespace-internals.js';
import { disconnectClient, findClient } from './clients.js';
import type { ClientOptions } from './deliver.js';

/**
 * Disconnects the sender, or the client `sid`, from this namespace. Its disconnect handler runs, and the calling handler
 * continues. In `@OnConnect()` it refuses the client.
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
  disconnectClient(findClient(connection.runtime, options, connection));
}

/** The server-side event with which processes disconnect a user everywhere. */
const END_USER = 'flask-socket:end user';

/** Disconnects a user from every namespace, on every process. */
export function disconnectUser(server: Server, id: UserId): void {
  const room = String(user(id));
  for (const namespace of server._nsps.values()) {
    namespace.in(room).disconnectSockets();
  }
  // Another process may have namespaces that do not exist here.
  const main = server.of('/');
  if (crossesProcesses(main)) main.serverSideEmit(END_USER, room);
}

/** Disconnects users on behalf of other processes. */
export function listenToOtherProcesses(server: Server): void {
  onServerSideEvent(server.of('/'), END_USER, (room: string) => {
    for (const namespace of server._nsps.values()) {
      namespace.local.in(room).disconnectSockets();
    }
  });
}

/** The in-memory adapter's `serverSideEmit` only logs a warning. */
function crossesProcesses({ adapter }: Namespace): boolean {
  return adapter.serverSideEmit !== Adapter.prototype.serverSideEmit;
}
