import { isUserRoom, type Room, roomName, USER_ID, type UserId } from '../common/address.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import type { Member, Members } from '../common/remote-clients.js';
import type { Runtime } from '../context/connection.js';
import { storage } from '../context/storage.js';
import { clientIn } from '../socketio/adapter-internals.js';
import { existingNamespace } from '../socketio/socket-internals.js';

/** Whom to list: those in a room, or without one all of a namespace. */
interface Wanted {
  nsp: string;
  room: string | undefined;
}

/** The clients in a room, or of a namespace, on every process. */
export async function membersOf(
  runtime: Runtime,
  { room, namespace = DEFAULT_NAMESPACE }: { room: Room | undefined; namespace?: string },
): Promise<Members> {
  const name = room === undefined ? undefined : roomName(room);
  const wanted = { nsp: checkConcreteNamespace(namespace, 'a namespace option'), room: name };
  const leaving = leavingMember(runtime, wanted);
  const found = await membersEverywhere(runtime, wanted);
  if (!leaving) return found;
  const others = found.filter(({ sid }) => sid !== leaving.sid);
  return membersFrom([...others, leaving], found.partial);
}

/** A list of clients, which says so where some may be missing. */
export function membersFrom(list: readonly Member[], isPartial = false): Members {
  const members: Members = [...list];
  return isPartial ? Object.defineProperty(members, 'partial', { value: true }) : members;
}

/** Those of this process alone. Asks no adapter: some count the processes first, at the broker. */
export function membersHere({ server }: Runtime, { nsp, room }: Wanted): Member[] {
  const namespace = existingNamespace(server, nsp);
  const { rooms, sids } = namespace?.adapter ?? {};
  const all = room === undefined ? sids?.keys() : rooms?.get(room);
  return [...(all ?? [])].flatMap((sid) => {
    const socket = clientIn(namespace, sid);
    return socket ? [memberOf(socket)] : [];
  });
}

async function membersEverywhere(runtime: Runtime, wanted: Wanted): Promise<Members> {
  const { remoteClients, server } = runtime;
  if (remoteClients) {
    const others = await remoteClients.members(wanted.nsp, wanted.room);
    return membersFrom([...membersHere(runtime, wanted), ...others], others.partial);
  }
  const namespace = existingNamespace(server, wanted.nsp);
  const sockets = await namespace?.in(wanted.room ?? []).fetchSockets();
  return (sockets ?? []).map(memberOf);
}

/** To its own `@OnDisconnect()` a client that leaves is still in its rooms (promise M3). */
function leavingMember(runtime: Runtime, { nsp, room }: Wanted): Member | undefined {
  const { connection, roomsLeft } = storage.getStore() ?? {};
  if (!roomsLeft || connection?.runtime !== runtime || connection.socket.nsp.name !== nsp) return undefined;
  const { id, data } = connection.socket;
  const rooms = new Set(roomsLeft);
  return room === undefined || rooms.has(room) ? memberOf({ id, rooms, data }) : undefined;
}

/** `data` is what a socket, here or on another process, carries along; it may be anything that the application put. */
function memberOf({ id, rooms, data }: { id: string; rooms: Set<string>; data: unknown }): Member {
  const userId = (data as Record<string, UserId | undefined> | null | undefined)?.[USER_ID];
  const member = { sid: id, rooms: [...rooms].filter((room) => !isUserRoom(room)) };
  return userId === undefined ? member : { ...member, userId };
}
