import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Session } from 'socket.io-adapter';
import { plain } from '../../common/copies.js';
import { dropProto } from '../../common/prototype-keys.js';
import { describeThrown, printable } from '../../common/printable.js';
import type { Connection } from '../../context/connection.js';
import { type KeptClient, MemoryAdapter } from '../../socketio/memory-adapter.js';
import { connectionOf } from '../../socketio/socket-internals.js';
import { keepConnections, persistSafely, SingleUse } from './kept-connections.js';

/** The key in `socket.data` for the recovered state of a client until it is accepted. */
const RETURNED = Symbol('what a client came back to');
const STATE = 'flask-socket:state';

/** What a recovering adapter needs from {@link Recovery}. */
export interface RecoveryHooks {
  /** How long a client may be disconnected, in milliseconds. */
  readonly window: number;
  /** The state to save for a connection. */
  stateOf(connection: Connection): unknown;
  /** Logs that something cannot be saved. */
  report(line: string): void;
}

/** What was saved of a client that returns. */
export interface RecoveredState {
  /** The events it missed: each with name, arguments and offset. */
  missed: unknown[][];
  rooms: string[];
  /** The content of `socket.data`. */
  data: Record<string, unknown>;
  /** The library's part of the saved state. */
  state: unknown;
}

/** Adapter methods whose types are private or too narrow. */
interface Internals {
  persistSession(kept: KeptClient): unknown;
  restoreSession(pid: string, offset: string): Promise<Session | null>;
  broadcast(packet: { data?: unknown }, opts: BroadcastOptions): unknown;
}

/**
 * Adapts socket.io's recovery to admission: what is recovered is withheld until the client is accepted, packets are
 * saved as copies, the library's state is saved with socket.io's, and a state is restored only once. Source: promise N4.
 */
export function recoverConnections(namespace: Namespace, connections: RecoveryHooks): void {
  const adapter = namespace.adapter as unknown as Internals; // typed private
  const usual: Internals = {
    persistSession: adapter.persistSession.bind(adapter),
    restoreSession: adapter.restoreSession.bind(adapter),
    broadcast: adapter.broadcast.bind(adapter),
  };
  const use = namespace.adapter instanceof MemoryAdapter ? undefined : new SingleUse(namespace);
  const report = (sid: string, line: string) =>
    connections.report(`Client ${sid} of ${printable(namespace.name)}: ${line}`);
  const own: Internals = {
    persistSession(kept) {
      const socket = namespace.sockets.get(kept.sid);
      if (socket && use?.owns(socket) === false) return;
      const state = stateOf(socket, connections, (line) => report(kept.sid, line));
      const whole = { ...kept, data: { ...(kept.data as object), [STATE]: state } };
      persistSafely(
        (one) => usual.persistSession(one),
        whole,
        (line) => report(kept.sid, line),
      );
    },
    async restoreSession(pid, offset) {
      const session = await usual.restoreSession(pid, offset);
      return session && use?.take(session.sid) !== false ? withoutRecoveredState(session) : null;
    },
    broadcast: (packet, opts) => usual.broadcast({ ...packet, data: plain(packet.data) }, opts),
  };
  Object.assign(adapter, own);
  if (!use) return;
  keepForAll(namespace, {
    window: connections.window,
    keep: (kept) => own.persistSession(kept),
    // Restoring a state deletes it.
    forget: (socket, pid) => void (use.owns(socket) && usual.restoreSession(pid, '0-0').catch(() => {})),
  });
}

/**
 * The library's part of the state, as plain JSON: `undefined` would return from another process as null. It must not
 * throw, because it runs while a connection closes.
 */
function stateOf(
  socket: Socket | undefined,
  connections: RecoveryHooks,
  report: (line: string) => void,
): unknown {
  try {
    const connection = socket && connectionOf(socket);
    return connection && plain(connections.stateOf(connection));
  } catch (thrown) {
    report(`it cannot come back, what is to be kept of it fails: ${describeThrown(thrown)}`);
    return undefined;
  }
}

/** Saves connections continuously where other processes can restore them. */
function keepForAll(
  namespace: Namespace,
  parts: { window: number; keep(kept: KeptClient): void; forget(socket: Socket, pid: string): void },
): void {
  const pidOf = (socket: Socket) => (socket as unknown as { pid: string }).pid; // typed private
  const keep = (socket: Socket) => {
    const { id: sid, rooms, data } = socket;
    parts.keep({ sid, pid: pidOf(socket), rooms: [...rooms], data });
  };
  const forget = (socket: Socket) => parts.forget(socket, pidOf(socket));
  const end = keepConnections(namespace, { keep, forget }, parts.window);
  const close = namespace.adapter.close.bind(namespace.adapter);
  namespace.adapter.close = () => {
    end();
    return close();
  };
}

/** Reads what is saved for a private id without deleting it, if the adapter can do that. */
export async function peekState(
  { adapter }: Namespace,
  pid: string,
): Promise<{ state: unknown } | undefined> {
  const kept = await (adapter as Peeking).peekSession?.(pid);
  if (!kept) return undefined;
  return { state: (kept.data as { [STATE]?: unknown })[STATE] ?? {} };
}

/** An adapter that can read a saved state without deleting it. */
interface Peeking {
  peekSession?(pid: string): KeptClient | undefined | Promise<KeptClient | undefined>;
}

/** Returns the recovered state of a socket and removes it. */
export function takeRecoveredState({ data }: Socket): RecoveredState | undefined {
  const holder = data as { [RETURNED]?: RecoveredState };
  const returned = holder[RETURNED];
  delete holder[RETURNED];
  return returned;
}

/** A session without rooms and data, which are withheld: the client may be somebody else. */
function withoutRecoveredState({ sid, pid, rooms, data: kept, missedPackets: missed }: Session): Session {
  dropProto([kept, missed]);
  const { [STATE]: state, ...data } = kept as { [STATE]?: unknown };
  const returned: RecoveredState = { missed, rooms, data, state };
  return { sid, pid, rooms: [], missedPackets: [], data: { [RETURNED]: returned } };
}
