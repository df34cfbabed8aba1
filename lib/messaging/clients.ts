import type { Namespace, Socket } from 'socket.io';
import { roomName, type Room } from '../common/address.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import type { Connection, Runtime } from '../context/connection.js';
import { connectionOf, existingNamespace, siblingOf } from '../context/socket-internals.js';
import type { ClientOptions } from './emit-options.js';

/** A client in a room. */
export interface Member {
  /** Its id in the namespace. */
  sid: string;
  /** All its rooms. */
  rooms: string[];
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
  const connection = socket && connectionOf(socket);
  if (connection?.state === 'connecting' && connection.held) connection.state = 'refused';
  else if (socket) socket.disconnect();
  else if (sid !== undefined) namespace?.in(sid).disconnectSockets();
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

/** The rooms of a client, its own first. */
export function roomsOf({ socket }: Client): string[] {
  if (!socket) return [];
  const { id, rooms } = socket;
  return rooms.has(id) ? [id, ...[...rooms].filter((room) => room !== id)] : [...rooms];
}

/** The clients in a room, on every process. */
export async function membersOf(
  runtime: Runtime,
  { room, namespace = DEFAULT_NAMESPACE }: { room: Room; namespace?: string },
): Promise<Member[]> {
  const name = roomName(room);
  const sockets = await existingNamespace(runtime.server, namespace)?.in(name).fetchSockets();
  return (sockets ?? []).map((socket) => ({ sid: socket.id, rooms: [...socket.rooms] }));
}

function namespaceOf({ namespace }: ClientOptions, sender?: Connection): string {
  if (namespace !== undefined) return checkConcreteNamespace(namespace, 'a namespace option');
  return sender?.socket.nsp.name ?? DEFAULT_NAMESPACE;
}
