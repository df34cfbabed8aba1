import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Session } from 'socket.io-adapter';
import { plain } from '../../common/copies.js';
import { describeThrown, printable } from '../../common/printable.js';
import type { Connection } from '../../context/connection.js';
import { type Kept, MemoryAdapter } from '../../socketio/memory-adapter.js';
import { connectionOf } from '../../socketio/socket-internals.js';
import { keepConnections, persistSafely, SingleUse } from './kept-connections.js';

/** Where the data of a returning client's socket hold what came back with it, until it is admitted. */
const RETURNED = Symbol('what a client came back to');
const STATE = 'flask-socket:state';

/** What is to be known of connections. */
export interface Connections {
  /** How long a client may be away, in milliseconds. */
  readonly window: number;
  /** What is to be kept of one that is gone. */
  stateOf(connection: Connection): unknown;
  /** Says that something of one that is gone cannot be kept. */
  report(line: string): void;
}

/** What a client comes back to. */
export interface Returned {
  /** What was sent to it meanwhile: each an event's name, its arguments, and the offset. */
  missed: unknown[][];
  rooms: string[];
  /** What its socket's `data` held. */
  data: Record<string, unknown>;
  /** What was kept of its connection. */
  state: unknown;
}

/** The parts of an adapter that its types keep private, or give too narrowly. */
interface Internals {
  persistSession(kept: Kept): unknown;
  restoreSession(pid: string, offset: string): Promise<Session | null>;
  broadcast(packet: { data?: unknown }, opts: BroadcastOptions): unknown;
}

/**
 * Makes an adapter that can recover connections do so for connections that are admitted first: all that comes back
 * waits for the acceptance; what is kept of packets is a copy; our part of a connection's state is kept with
 * socket.io's; a state is taken once. Source: promise N4.
 */
export function recoverConnections(namespace: Namespace, connections: Connections): void {
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
      return session && use?.take(session.sid) !== false ? withheld(session) : null;
    },
    broadcast: (packet, opts) => usual.broadcast({ ...packet, data: plain(packet.data) }, opts),
  };
  Object.assign(adapter, own);
  if (!use) return;
  keepForAll(namespace, {
    window: connections.window,
    keep: (kept) => own.persistSession(kept),
    // What is restored is kept no longer.
    forget: (socket, pid) => void (use.owns(socket) && usual.restoreSession(pid, '0-0').catch(() => {})),
  });
}

/**
 * Our part of what is kept, plain, because what is undefined would come back as null from another process. Nothing may
 * be thrown here: it is asked for while a connection closes.
 */
function stateOf(
  socket: Socket | undefined,
  connections: Connections,
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

/** What other processes can restore is kept while a client is here; that of a single process ends with it. */
function keepForAll(
  namespace: Namespace,
  parts: { window: number; keep(kept: Kept): void; forget(socket: Socket, pid: string): void },
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

/** What is kept for a private id, where the adapter lets it be looked at; it stays there. */
export async function keptFor({ adapter }: Namespace, pid: string): Promise<{ state: unknown } | undefined> {
  const kept = await (adapter as Peeking).peekSession?.(pid);
  if (!kept) return undefined;
  return { state: (kept.data as { [STATE]?: unknown })[STATE] ?? {} };
}

/** An adapter that shows what it keeps for a private id. */
interface Peeking {
  peekSession?(pid: string): Kept | undefined | Promise<Kept | undefined>;
}

/** What a socket came back to; once. */
export function takeReturned({ data }: Socket): Returned | undefined {
  const holder = data as { [RETURNED]?: Returned };
  const returned = holder[RETURNED];
  delete holder[RETURNED];
  return returned;
}

/** The socket begins in no room and with no data: it may be somebody else's. */
function withheld({ sid, pid, rooms, data: kept, missedPackets: missed }: Session): Session {
  const { [STATE]: state, ...data } = kept as { [STATE]?: unknown };
  const returned: Returned = { missed, rooms, data, state };
  return { sid, pid, rooms: [], missedPackets: [], data: { [RETURNED]: returned } };
}
