import type { Namespace, Server } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { user, type UserId } from '../common/user-room.js';
import { onServerSideEvent } from '../socketio/namespace-internals.js';

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
