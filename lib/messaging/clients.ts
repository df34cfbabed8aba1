import type { Socket } from 'socket.io';
import { isUserRoom, type Room, roomName } from '../common/address.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import { printable } from '../common/printable.js';
import type { Audience, Command } from '../common/remote-clients.js';
import type { Connection, Runtime } from '../context/connection.js';
import { findSocket } from '../socketio/adapter-internals.js';
import { refuseConnecting } from '../socketio/held-packets.js';
import { isInTooManyRooms, isSidOfAnother } from '../socketio/room-joins.js';
import { connectionOf, existingNamespace, siblingOf } from '../socketio/socket-internals.js';
import type { ClientOptions } from './deliver.js';

/** A client that options name: of this process (`socket`), or perhaps of another one (only `sid`). */
interface Client {
  runtime: Runtime;
  nsp: string;
  sid: string | undefined;
  socket: Socket | undefined;
}

/** The client of `sid` and `namespace`; without `sid`, the sender (promise E4). */
export function findClient(runtime: Runtime, options: ClientOptions, sender?: Connection): Client {
  const { sid } = options;
  const nsp = namespaceOf(options, sender);
  const isSender = sid === undefined || (sid === sender?.socket.id && nsp === sender.socket.nsp.name);
  if (sender && isSender) return { runtime, nsp, sid, socket: siblingOf(sender.socket, nsp) };
  const socket = sid === undefined ? undefined : findSocket(existingNamespace(runtime.server, nsp), sid);
  return { runtime, nsp, sid, socket };
}

/** Adds a client to a room: at once if it is of this process, else through the message queue. */
export function joinRoomFor(client: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  const namespace = existingNamespace(client.runtime.server, client.nsp);
  if (isSidOfAnother(namespace, name, client.socket?.id ?? client.sid))
    throw failure('FSK_ROOM_OF_ANOTHER', printable(name));
  if (client.socket) checkRoomLimit(client.runtime, client.socket, name);
  if (client.socket) return client.socket.join(name);
  runRemotely(client, (to) => ({ kind: 'join', to, rooms: [name] }));
}

function checkRoomLimit({ limits }: Runtime, socket: Socket, room: string): void {
  const most = limits.limits.roomsPerConnection;
  if (!isInTooManyRooms(socket, room, most)) return;
  const what = `Client ${socket.id} of ${printable(socket.nsp.name)} is in too many rooms: joinRoom() throws`;
  limits.reached('roomsPerConnection', { by: socket.conn, what });
  throw failure('FSK_TOO_MANY_ROOMS', printable(room), most);
}

/** Removes a client from a room. */
export function leaveRoomFor(client: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  if (client.socket) return client.socket.leave(name);
  runRemotely(client, (to) => ({ kind: 'leave', to, rooms: [name] }));
}

/** Disconnects a client from a namespace; its other namespaces stay connected. */
export function disconnectClient(client: Client): void {
  if (client.socket) disconnectSocket(client.socket);
  else runRemotely(client, (to) => ({ kind: 'disconnect', to, close: false }));
}

/** Disconnects a client of this process; one that is still connecting is refused. */
export function disconnectSocket(socket: Socket): void {
  const connection = connectionOf(socket);
  if (!connection || !refuseConnecting(connection)) socket.disconnect();
}

function runRemotely({ runtime, nsp, sid }: Client, action: (to: Audience) => ClientCommand): void {
  if (sid !== undefined) runCommand(runtime, action({ nsp, rooms: [sid], except: [] }));
}

/** Removes all clients from a room. */
export function closeRoomFor(
  runtime: Runtime,
  { room, namespace }: { room: Room; namespace?: string },
  sender?: Connection,
): void {
  const name = roomName(room);
  const nsp = namespaceOf({ namespace }, sender);
  runCommand(runtime, { kind: 'leave', to: { nsp, rooms: [name], except: [] }, rooms: [name] });
}

/** The rooms of a client, its own first. */
export function roomsOf({ socket }: Pick<Client, 'socket'>): string[] {
  return socket ? listRooms(socket.id, socket.rooms) : [];
}

/** A client's rooms, its own first, without the room of its user, which the library manages. */
export function listRooms(sid: string, rooms: ReadonlySet<string>): string[] {
  const others = [...rooms].filter((room) => room !== sid && !isUserRoom(room));
  return rooms.has(sid) ? [sid, ...others] : others;
}

function namespaceOf({ namespace }: ClientOptions, sender?: Connection): string {
  if (namespace !== undefined) return checkConcreteNamespace(namespace, 'a namespace option');
  return sender?.socket.nsp.name ?? DEFAULT_NAMESPACE;
}

/** A command for clients on any process that is not an emit. */
export type ClientCommand = Exclude<Command, { kind: 'emit' }>;

/** Runs a command on every process: through the adapter, or directly if the namespace does not exist here. */
export function runCommand(runtime: Runtime, action: ClientCommand): void {
  const { nsp, rooms } = action.to;
  const clients = existingNamespace(runtime.server, nsp)?.in([...rooms]);
  if (!clients) runtime.remoteClients?.send(action);
  else if (action.kind === 'join') clients.socketsJoin([...action.rooms]);
  else if (action.kind === 'leave') clients.socketsLeave([...action.rooms]);
  else if (action.kind === 'disconnect') clients.disconnectSockets(action.close);
}
