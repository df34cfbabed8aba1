import type { Namespace, Socket } from 'socket.io';
import { roomName, type Room } from '../common/address.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import { isUserRoom, USER_ID, type UserId } from '../common/user-room.js';
import type { Connection, Runtime } from '../context/connection.js';
import { connectionOf, existingNamespace, siblingOf } from '../context/socket-internals.js';
import type { ClientOptions } from './emit-options.js';

/** A client in a room. */
export interface Member {
  /** Its id in the namespace. */
  sid: string;
  /** All its rooms but that of its user. */
  rooms: string[];
  /** Its user, as option `identify` said; not there if it said nothing. */
  userId?: UserId;
}

/** A client that was named: here (`socket`), or perhaps on another process (`sid` alone). */
interface Client {
  namespace: Namespace | undefined;
  sid: string | undefined;
  socket: Socket | undefined;
}

/** The client that `sid` and `namespace` name; without `sid` the sender's own connection (promise E4). */
export function findClient(runtime: Runtime, options: ClientOptions, sender?: Connection): Client {
  const { sid } = options;
  const name = namespaceOf(options, sender);
  const namespace = existingNamespace(runtime.server, name);
  if (sender && (sid === undefined || (sid === sender.socket.id && name === sender.socket.nsp.name))) {
    return { namespace, sid, socket: siblingOf(sender.socket, name) };
  }
  return { namespace, sid, socket: sid === undefined ? undefined : namespace?.sockets.get(sid) };
}

/** Puts a client into a room: at once where it is here, through the adapter where it is not. */
export function join({ namespace, sid, socket }: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  if (socket) return socket.join(name);
  if (sid !== undefined) namespace?.in(sid).socketsJoin(name);
}

/** Puts a client out of a room. */
export function leave({ namespace, sid, socket }: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  if (socket) return socket.leave(name);
  if (sid !== undefined) namespace?.in(sid).socketsLeave(name);
}

/** Ends a client's connection to a namespace; its other namespaces stay. */
export function end({ namespace, sid, socket }: Client): void {
  if (socket) endHere(socket);
  else if (sid !== undefined) namespace?.in(sid).disconnectSockets();
}

/** Ends the connection of a client of this process; one that is still being decided about is refused. */
export function endHere(socket: Socket): void {
  const connection = connectionOf(socket);
  if (connection?.state === 'connecting' && connection.held) connection.state = 'refused';
  else socket.disconnect();
}

/** Puts everybody out of a room; the sender too, if it is still connecting. */
export function close(
  runtime: Runtime,
  { room, namespace }: { room: Room; namespace?: string },
  sender?: Connection,
): void {
  const name = roomName(room);
  const where = namespaceOf({ namespace }, sender);
  existingNamespace(runtime.server, where)?.in(name).socketsLeave(name);
  if (sender?.held && where === sender.socket.nsp.name) void sender.socket.leave(name);
}

/** The rooms of a client, its own first. That of its user is not the application's to list and leave. */
export function roomsOf({ socket }: Pick<Client, 'socket'>): string[] {
  if (!socket) return [];
  const { id } = socket;
  const rooms = [...socket.rooms].filter((room) => room !== id && !isUserRoom(room));
  return socket.rooms.has(id) ? [id, ...rooms] : rooms;
}

/** The clients in a room, on every process. */
export async function membersOf(
  runtime: Runtime,
  { room, namespace = DEFAULT_NAMESPACE }: { room: Room; namespace?: string },
): Promise<Member[]> {
  const name = roomName(room);
  const sockets = await existingNamespace(runtime.server, namespace)?.in(name).fetchSockets();
  return (sockets ?? []).map(memberOf);
}

/** `data` is what a socket, here or on another process, carries along; it may be anything that the application put. */
function memberOf({ id, rooms, data }: { id: string; rooms: Set<string>; data: unknown }): Member {
  const userId = (data as Record<string, UserId | undefined> | null | undefined)?.[USER_ID];
  const member = { sid: id, rooms: [...rooms].filter((room) => !isUserRoom(room)) };
  return userId === undefined ? member : { ...member, userId };
}

function namespaceOf({ namespace }: ClientOptions, sender?: Connection): string {
  if (namespace !== undefined) return checkConcreteNamespace(namespace, 'a namespace option');
  return sender?.socket.nsp.name ?? DEFAULT_NAMESPACE;
}
