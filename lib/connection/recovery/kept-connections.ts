import type { Namespace, Socket } from 'socket.io';
import { describeThrown, printable } from '../../common/printable.js';
import { guarded } from '../../common/thenable.js';
import { preConnectSocketsOf } from '../../socketio/adapter-internals.js';
import { refuseConnecting } from '../../socketio/held-packets.js';
import type { KeptClient } from '../../socketio/memory-adapter.js';
import { onServerSideEvent } from '../../socketio/namespace-internals.js';
import { connectionOf } from '../../socketio/socket-internals.js';

/** How long room changes are collected before a connection is saved, in milliseconds. */
const DEBOUNCE = 20;

/** The disconnect reasons after which socket.io recovers a client. */
const RECOVERABLE_REASONS: ReadonlySet<string> = new Set([
  'transport error',
  'transport close',
  'forced close',
  'ping timeout',
  'server shutting down',
  'forced server close',
]);

/** Stores connections where all processes can restore them. */
export interface ConnectionStore {
  keep(socket: Socket): void;
  forget(socket: Socket): void;
}

/**
 * Saves the state of connected clients continuously, because a killed process cannot save it on disconnect. It is saved
 * again well before it expires after `window` milliseconds. Source: promise N4.
 */
export function keepConnections(namespace: Namespace, keeper: ConnectionStore, window: number): () => void {
  const changed = new Set<Socket>();
  let timer: NodeJS.Timeout | undefined;
  const keepChanged = () => {
    timer = undefined;
    for (const socket of changed) if (socket.connected) keeper.keep(socket);
    changed.clear();
  };
  const change = (socket: Socket) => {
    changed.add(socket);
    timer ??= setTimeout(keepChanged, DEBOUNCE).unref();
  };
  const changeRooms = (_room: string, sid: string) => {
    const socket = namespace.sockets.get(sid);
    if (socket) change(socket);
  };
  namespace.on('connection', (socket: Socket) => {
    change(socket);
    socket.on('disconnect', (reason) => {
      if (!RECOVERABLE_REASONS.has(reason)) keeper.forget(socket);
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

/** The server-side event that announces that a client was recovered by a process. */
const TAKEN = 'flask-socket:taken';

/**
 * Lets only one connection use a sid: when a process restores its state, the old connection is closed on whichever
 * process has it. Source: promise N4.
 */
export class SingleUse {
  /** Sockets whose state was restored elsewhere: they no longer save or delete it. */
  readonly #ended = new WeakSet<Socket>();

  constructor(private readonly namespace: Namespace) {
    onServerSideEvent(namespace, TAKEN, (sid: string) => this.#end(sid));
  }

  /** Whether the saved state still belongs to this socket. */
  owns(socket: Socket): boolean {
    return !this.#ended.has(socket);
  }

  /** Whether who asks may have the sid: not where it is given to somebody else at this moment. */
  take(sid: string): boolean {
    if (preConnectSocketsOf(this.namespace).has(sid)) return false;
    this.#end(sid);
    this.namespace.serverSideEmit(TAKEN, sid);
    return true;
  }

  /** Closes the old socket synchronously, so that its cleanup does not affect the new one with the same sid. */
  #end(sid: string): void {
    const socket = this.namespace.sockets.get(sid) ?? preConnectSocketsOf(this.namespace).get(sid);
    if (!socket) return;
    this.#ended.add(socket);
    const connection = connectionOf(socket);
    if (connection) refuseConnecting(connection);
    const { conn } = socket as unknown as { conn: { close(discard: boolean): void } }; // typed without its parameter
    conn.close(true);
  }
}

/** An adapter's `persistSession`. */
type Persist = (kept: KeptClient) => unknown;

/** Saves without throwing, because it runs in close handlers and timers; `data` that cannot be encoded is left out. */
export function persistSafely(persist: Persist, kept: KeptClient, report: (line: string) => void): void {
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

function canKeep(persist: Persist, kept: KeptClient): boolean {
  try {
    void Promise.resolve(persist(kept)).catch(() => {});
    return true;
  } catch {
    return false;
  }
}
