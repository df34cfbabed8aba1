import type { Socket } from 'socket.io';
import { Connection, type Runtime } from '../context/connection.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { HandlerRegistry } from '../handlers/handler.registry.js';
import type { Sessions } from '../sessions/sessions.js';
import { giveSid } from '../socketio/adapter-internals.js';
import { holdPackets } from '../socketio/held-packets.js';
import { containSocketListeners } from '../socketio/listeners.js';
import { attachConnection, closeAsUsual, connectionOf, onClose, onEvents } from '../socketio/socket-internals.js'; // prettier-ignore
import type { Departure } from './departure.js';
import type { Recovery } from './recovery/recovery.js';

/** Makes sockets ours: what they receive goes to the dispatcher, and what they are sent waits for their acceptance. */
export class Attachment {
  /** How a socket ends; one function for all of them. It is no listener: an application may remove those. */
  readonly #close: (this: Socket, reason: string, description?: unknown) => void;

  constructor(
    private readonly parts: {
      runtime: Runtime;
      registry: HandlerRegistry;
      dispatcher: Dispatcher;
      sessions: Sessions;
      recovery: Recovery;
      departure: Departure;
    },
  ) {
    const { departure } = parts;
    this.#close = function close(reason, description) {
      const connection = this.connected && connectionOf(this);
      if (connection) departure.closed(connection, reason, description);
      closeAsUsual(this, reason, description);
    };
  }

  /** The connection of a socket that nobody knows yet. */
  attach(socket: Socket): Connection {
    const { runtime, registry, dispatcher, sessions, recovery } = this.parts;
    const client = sessions.of(socket.client);
    giveSid(socket);
    const params = registry.paramsOf(socket.nsp.name);
    const connection = new Connection(socket, { runtime, client, params });
    attachConnection(socket, connection);
    onEvents(socket, dispatcher.listener);
    onClose(socket, this.#close);
    containSocketListeners(socket, dispatcher.contained);
    holdPackets(connection);
    recovery.begin(connection);
    return connection;
  }
}
