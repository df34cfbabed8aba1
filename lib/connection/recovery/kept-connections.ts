import type { Namespace, Socket } from 'socket.io';
import { describeThrown, printable } from '../../common/printable.js';
import { guarded } from '../../common/thenable.js';
import { arrivingIn } from '../../socketio/adapter-internals.js';
import { endConnecting } from '../../socketio/held-packets.js';
import type { Kept } from '../../socketio/memory-adapter.js';
import { onServerSideEvent } from '../../socketio/namespace-internals.js';
import { connectionOf } from '../../socketio/socket-internals.js';

/** How long changes of a client's rooms are gathered, in milliseconds. */
const GATHERING = 20;

/** The ends after which a client may come back: socket.io's own list. */
const MAY_COME_BACK: ReadonlySet<string> = new Set([
  'transport error',
  'transport close',
  'forced close',
  'ping timeout',
  'server shutting down',
  'forced server close',
]);

/** Where connections are kept for all processes. */
export interface Keeper {
  keep(socket: Socket): void;
  forget(socket: Socket): void;
}

/**
 * Keeps what clients come back to as long as they are here: a process that is killed has no time to keep it when they
 * go. What was kept is kept anew well before `window` milliseconds are over. Source: promise N4.
 */
export function keepConnections(namespace: Namespace, keeper: Keeper, window: number): () => void {
  const changed = new Set<Socket>();
  let timer: NodeJS.Timeout | undefined;
  const keepChanged = () => {
    timer = undefined;
    for (const socket of changed) if (socket.connected) keeper.keep(socket);
    changed.clear();
  };
  const change = (socket: Socket) => {
    changed.add(socket);
    timer ??= setTimeout(keepChanged, GATHERING).unref();
  };
  const changeRooms = (_room: string, sid: string) => {
    const socket = namespace.sockets.get(sid);
    if (socket) change(socket);
  };
  namespace.on('connection', (socket: Socket) => {
    change(socket);
    socket.on('disconnect', (reason) => {
      if (!MAY_COME_BACK.has(reason)) keeper.forget(socket);
    });
  });
  namespace.adapter.on('join-room', changeRooms);
  namespace.adapter.on('leave-room', changeRooms);
  const refresh = setInterval(() => namespace.sockets.forEach(change), window / 3).unref();
  return () => {
    clearInterval(refresh);
    clearTimeout(timer);
  };
}

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

/** How an adapter keeps it. */
type Persist = (kept: Kept) => unknown;

/** Clients go in closes and timers, which nothing may break: what an adapter cannot encode is left out. */
export function persistSafely(persist: Persist, kept: Kept, report: (line: string) => void): void {
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

function canKeep(persist: Persist, kept: Kept): boolean {
  try {
    void Promise.resolve(persist(kept)).catch(() => {});
    return true;
  } catch {
    return false;
  }
}
