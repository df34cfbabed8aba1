import { isUserRoom, type Room, roomName, USER_ID, type UserId } from '../common/address.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import type { Member, Members } from '../common/remote-clients.js';
import type { Runtime } from '../context/connection.js';
import { storage } from '../context/storage.js';
import { findSocket } from '../socketio/adapter-internals.js';
import { existingNamespace } from '../socketio/socket-internals.js';

/** Which clients to list: those in a room, or all of a namespace. */
interface MembersQuery {
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
  const leaving = disconnectingMember(runtime, wanted);
  const found = await membersEverywhere(runtime, wanted);
  if (!leaving) return found;
  const others = found.filter(({ sid }) => sid !== leaving.sid);
  return membersFrom([...others, leaving], found.partial);
}

/** A list of clients, with `partial` set if some may be missing. */
export function membersFrom(list: readonly Member[], isPartial = false): Members {
  const members: Members = [...list];
  return isPartial ? Object.defineProperty(members, 'partial', { value: true }) : members;
}

/** The clients of this process. It does not use the adapter's `fetchSockets()`, which may query the broker. */
export function localMembers({ server }: Runtime, { nsp, room }: MembersQuery): Member[] {
  const namespace = existingNamespace(server, nsp);
  const { rooms, sids } = namespace?.adapter ?? {};
  const all = room === undefined ? sids?.keys() : rooms?.get(room);
  return [...(all ?? [])].flatMap((sid) => {
    const socket = findSocket(namespace, sid);
    return socket ? [memberOf(socket)] : [];
  });
}

async function membersEverywhere(runtime: Runtime, wanted: MembersQuery): Promise<Members> {
  const { remoteClients, server } = runtime;
  if (remoteClients) {
    const others = await remoteClients.members(wanted.nsp, wanted.room);
    return membersFrom([...localMembers(runtime, wanted), ...others], others.partial);
  }
  const namespace = existingNamespace(server, wanted.nsp);
  const sockets = await namespace?.in(wanted.room ?? []).fetchSockets();
  return (sockets ?? []).map(memberOf);
}

/** In its own `@OnDisconnect()` a client still counts as a member of its rooms (promise M3). */
function disconnectingMember(runtime: Runtime, { nsp, room }: MembersQuery): Member | undefined {
  const { connection, roomsAtDisconnect } = storage.getStore() ?? {};
  if (!roomsAtDisconnect || connection?.runtime !== runtime || connection.socket.nsp.name !== nsp)
    return undefined;
  const { id, data } = connection.socket;
  const rooms = new Set(roomsAtDisconnect);
  return room === undefined || rooms.has(room) ? memberOf({ id, rooms, data }) : undefined;
}

/** `data` is `socket.data`, which the application may have replaced by anything. */
function memberOf({ id, rooms, data }: { id: string; rooms: Set<string>; data: unknown }): Member {
  const userId = (data as Record<string, UserId | undefined> | null | undefined)?.[USER_ID];
  const member = { sid: id, rooms: [...rooms].filter((room) => !isUserRoom(room)) };
  return userId === undefined ? member : { ...member, userId };
}
