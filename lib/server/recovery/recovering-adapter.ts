import type { Namespace, Socket } from 'socket.io';
import { SessionAwareAdapter, type BroadcastOptions, type Session } from 'socket.io-adapter';
import { describeThrown, printable } from '../../common/printable.js';
import { plain } from '../../common/plain.js';
import { guarded } from '../../common/thenable.js';
import type { Connection } from '../../context/connection.js';
import { connectionOf } from '../../context/socket-internals.js';
import { keepConnections } from './kept-connections.js';

/** What an adapter keeps of a client that is gone, with what is ours. */
type Kept = Omit<Session, 'missedPackets'>;

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
 * Makes an adapter that can recover connections do so for connections that are admitted first: missed packets wait
 * for the acceptance; what is kept of packets is a copy; our part of a connection's state is kept with socket.io's.
 * Source: promise N4.
 */
export function recoverConnections(namespace: Namespace, connections: Connections): void {
  const adapter = namespace.adapter as unknown as Internals; // typed private
  const persist = adapter.persistSession.bind(adapter);
  const restore = adapter.restoreSession.bind(adapter);
  const broadcast = adapter.broadcast.bind(adapter);
  const own: Internals = {
    persistSession(kept) {
      const socket = namespace.sockets.get(kept.sid);
      const connection = socket && connectionOf(socket);
      // Plain, because what is undefined would come back as null from another process.
      const state = connection && plain(connections.stateOf(connection));
      const whole = { ...kept, data: { ...(kept.data as object), [STATE]: state } };
      persistSafely(persist, whole, (line) => connections.report(`Client ${kept.sid} of ${printable(namespace.name)}: ${line}`)); // prettier-ignore
    },
    async restoreSession(pid, offset) {
      const session = await restore(pid, offset);
      return session && { ...session, missedPackets: [], data: withheld(session) };
    },
    broadcast: (packet, opts) => broadcast({ ...packet, data: plain(packet.data) }, opts),
  };
  Object.assign(adapter, own);
  if (!(namespace.adapter instanceof SessionAwareAdapter)) keepForAll(namespace, adapter, connections.window);
}

/** Clients go in closes and timers, which nothing may break: what an adapter cannot encode is left out. */
function persistSafely(
  persist: Internals['persistSession'],
  kept: Kept,
  report: (line: string) => void,
): void {
  const lost = (thrown: unknown) => report(`nothing of it is kept: ${describeThrown(thrown)}`);
  void guarded<unknown>(
    () => persist(kept),
    (thrown) => {
      const fits = ([key, value]: [string, unknown]) => canKeep(persist, { ...kept, data: { [key]: value } });
      const entries = Object.entries(kept.data as object) as [string, unknown][];
      const fitting = entries.filter(fits);
      const names = entries.filter((entry) => !fitting.includes(entry)).map(([key]) => printable(key));
      if (names.length === 0) return lost(thrown);
      report(`its data ${names.join(', ')} cannot be kept for its return: ${describeThrown(thrown)}`);
      return guarded(() => persist({ ...kept, data: Object.fromEntries(fitting) }), lost);
    },
  );
}

function canKeep(persist: Internals['persistSession'], kept: Kept): boolean {
  try {
    void Promise.resolve(persist(kept)).catch(() => {});
    return true;
  } catch {
    return false;
  }
}

/** What other processes can restore is kept while a client is here; that of a single process ends with it. */
function keepForAll(namespace: Namespace, adapter: Internals, window: number): void {
  const pidOf = (socket: Socket) => (socket as unknown as { pid: string }).pid; // typed private
  const keep = (socket: Socket) => {
    const { id: sid, rooms, data } = socket;
    adapter.persistSession({ sid, pid: pidOf(socket), rooms: [...rooms], data });
  };
  const forget = (socket: Socket) => {
    adapter.restoreSession(pidOf(socket), '0-0').catch(() => {}); // what is restored is kept no longer
  };
  const end = keepConnections(namespace, { keep, forget }, window);
  const close = namespace.adapter.close.bind(namespace.adapter);
  namespace.adapter.close = () => {
    end();
    return close();
  };
}

/** What a socket came back to; once. */
export function takeReturned({ data }: Socket): Returned | undefined {
  const holder = data as { [RETURNED]?: Returned };
  const returned = holder[RETURNED];
  delete holder[RETURNED];
  return returned;
}

function withheld({ data, missedPackets: missed }: Session): object {
  const { [STATE]: state, ...rest } = data as { [STATE]?: unknown };
  const returned: Returned = { missed, state };
  return { ...rest, [RETURNED]: returned };
}
