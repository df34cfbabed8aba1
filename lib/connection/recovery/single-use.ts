import type { Namespace, Socket } from 'socket.io';
import { arrivingIn } from '../../socketio/adapter-internals.js';
import { connectionOf } from '../../socketio/socket-internals.js';
import { endConnecting } from '../../socketio/held-packets.js';
import { onServerSideEvent } from '../../socketio/namespace-internals.js';

/** How processes tell each other that a client has come back to one of them. */
const TAKEN = 'flask-socket:taken';

/**
 * One sid is one client's: where it is kept for all processes while it is here, what is left of it ends as soon as
 * somebody takes its state, on whichever process. Source: promise N4.
 */
export class SingleUse {
  /** Those whose state somebody has taken: they keep nothing, and forget nothing. */
  readonly #ended = new WeakSet<Socket>();

  constructor(private readonly namespace: Namespace) {
    onServerSideEvent(namespace, TAKEN, (sid: string) => this.#end(sid));
  }

  /** Whether the state of a client is still its own. */
  owns(socket: Socket): boolean {
    return !this.#ended.has(socket);
  }

  /** Whether who asks may have the sid: not where it is given to somebody else at this moment. */
  take(sid: string): boolean {
    if (arrivingIn(this.namespace).has(sid)) return false;
    this.#end(sid);
    this.namespace.serverSideEmit(TAKEN, sid);
    return true;
  }

  /** At once, so that nothing that is to be cleaned up bears the sid when another has it. */
  #end(sid: string): void {
    const socket = this.namespace.sockets.get(sid) ?? arrivingIn(this.namespace).get(sid);
    if (!socket) return;
    this.#ended.add(socket);
    const connection = connectionOf(socket);
    if (connection) endConnecting(connection);
    const { conn } = socket as unknown as { conn: { close(discard: boolean): void } }; // typed without its parameter
    conn.close(true);
  }
}
