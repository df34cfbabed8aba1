import type { Command } from '../common/command.js';
import type { Runtime } from '../context/connection.js';
import { existingNamespace } from '../socketio/socket-internals.js';

/** What may be done to clients wherever they are, other than to speak to them. */
export type Action = Exclude<Command, { kind: 'emit' }>;

/** Does something to clients on every process: through the adapter, or where the namespace has nobody here, past it. */
export function reach(runtime: Runtime, action: Action): void {
  const { nsp, rooms } = action.to;
  const clients = existingNamespace(runtime.server, nsp)?.in([...rooms]);
  if (!clients) runtime.elsewhere?.send(action);
  else if (action.kind === 'join') clients.socketsJoin([...action.rooms]);
  else if (action.kind === 'leave') clients.socketsLeave([...action.rooms]);
  else if (action.kind === 'disconnect') clients.disconnectSockets(action.close);
}
