import type { Namespace, Socket } from 'socket.io';

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
