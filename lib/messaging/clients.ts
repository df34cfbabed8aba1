import type { Socket } from 'socket.io';
import { roomName, type Room } from '../common/address.js';
import type { Audience } from '../common/command.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import { printable } from '../common/printable.js';
import { isUserRoom, USER_ID, type UserId } from '../common/user-room.js';
import { clientIn, isSidOfAnother } from '../context/adapter-internals.js';
import type { Connection, Runtime } from '../context/connection.js';
import type { Member } from '../context/elsewhere.js';
import { endConnecting } from '../context/held-packets.js';
import { connectionOf, existingNamespace, siblingOf } from '../context/socket-internals.js';
import type { ClientOptions } from './emit-options.js';
import { reach, type Action } from './reach.js';

/** A client that was named: here (`socket`), or perhaps on another process (`sid` alone). */
interface Client {
  runtime: Runtime;
  nsp: string;
  sid: string | undefined;
  socket: Socket | undefined;
}

/** The client that `sid` and `namespace` name; without `sid` the sender's own connection (promise E4). */
export function findClient(runtime: Runtime, options: ClientOptions, sender?: Connection): Client {
  const { sid } = options;
  const nsp = namespaceOf(options, sender);
  const isSender = sid === undefined || (sid === sender?.socket.id && nsp === sender.socket.nsp.name);
  if (sender && isSender) return { runtime, nsp, sid, socket: siblingOf(sender.socket, nsp) };
  const socket = sid === undefined ? undefined : clientIn(existingNamespace(runtime.server, nsp), sid);
  return { runtime, nsp, sid, socket };
}

/** Puts a client into a room: at once where it is here, through the queue where it is not. */
export function join(client: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  const namespace = existingNamespace(client.runtime.server, client.nsp);
  if (isSidOfAnother(namespace, name, client.socket?.id ?? client.sid))
    throw failure('FSK_ROOM_OF_ANOTHER', printable(name));
  if (client.socket) return client.socket.join(name);
  reachRemote(client, (to) => ({ kind: 'join', to, rooms: [name] }));
}

/** Puts a client out of a room. */
export function leave(client: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  if (client.socket) return client.socket.leave(name);
  reachRemote(client, (to) => ({ kind: 'leave', to, rooms: [name] }));
}

/** Ends a client's connection to a namespace; its other namespaces stay. */
export function end(client: Client): void {
  if (client.socket) endHere(client.socket);
  else reachRemote(client, (to) => ({ kind: 'disconnect', to, close: false }));
}

/** Ends the connection of a client of this process; one that is still being decided about is refused. */
export function endHere(socket: Socket): void {
  const connection = connectionOf(socket);
  if (!connection || !endConnecting(connection)) socket.disconnect();
}

function reachRemote({ runtime, nsp, sid }: Client, action: (to: Audience) => Action): void {
  if (sid !== undefined) reach(runtime, action({ nsp, rooms: [sid], except: [] }));
}

/** Puts everybody out of a room. */
export function close(
  runtime: Runtime,
  { room, namespace }: { room: Room; namespace?: string },
  sender?: Connection,
): void {
  const name = roomName(room);
  const nsp = namespaceOf({ namespace }, sender);
  reach(runtime, { kind: 'leave', to: { nsp, rooms: [name], except: [] }, rooms: [name] });
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
  const nsp = checkConcreteNamespace(namespace, 'a namespace option');
  const { elsewhere } = runtime;
  if (elsewhere) return [...membersHere(runtime, nsp, name), ...(await elsewhere.members(nsp, name))];
  const sockets = await existingNamespace(runtime.server, nsp)?.in(name).fetchSockets();
  return (sockets ?? []).map(memberOf);
}

/** The clients in a room, of this process alone. Asks no adapter: some count the processes first, at the broker. */
export function membersHere({ server }: Runtime, nsp: string, room: string): Member[] {
  const namespace = existingNamespace(server, nsp);
  const sids = [...(namespace?.adapter.rooms.get(room) ?? [])];
  return sids.flatMap((sid) => {
    const socket = clientIn(namespace, sid);
    return socket ? [memberOf(socket)] : [];
  });
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
