import type { Socket } from 'socket.io';
import { isUserRoom, type Room, roomName } from '../common/address.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import { printable } from '../common/printable.js';
import type { Audience, Command } from '../common/remote-clients.js';
import type { Connection, Runtime } from '../context/connection.js';
import { clientIn, isSidOfAnother } from '../socketio/adapter-internals.js';
import { endConnecting } from '../socketio/held-packets.js';
import { connectionOf, existingNamespace, siblingOf } from '../socketio/socket-internals.js';
import type { ClientOptions } from './deliver.js';

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
  runRemotely(client, (to) => ({ kind: 'join', to, rooms: [name] }));
}

/** Puts a client out of a room. */
export function leave(client: Client, room: Room): void | Promise<void> {
  const name = roomName(room);
  if (client.socket) return client.socket.leave(name);
  runRemotely(client, (to) => ({ kind: 'leave', to, rooms: [name] }));
}

/** Ends a client's connection to a namespace; its other namespaces stay. */
export function end(client: Client): void {
  if (client.socket) endHere(client.socket);
  else runRemotely(client, (to) => ({ kind: 'disconnect', to, close: false }));
}

/** Ends the connection of a client of this process; one that is still being decided about is refused. */
export function endHere(socket: Socket): void {
  const connection = connectionOf(socket);
  if (!connection || !endConnecting(connection)) socket.disconnect();
}

function runRemotely({ runtime, nsp, sid }: Client, action: (to: Audience) => Action): void {
  if (sid !== undefined) runCommand(runtime, action({ nsp, rooms: [sid], except: [] }));
}

/** Puts everybody out of a room. */
export function close(
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
  return socket ? listed(socket.id, socket.rooms) : [];
}

/** A client's rooms in order. That of its user is not the application's to list and leave. */
export function listed(sid: string, rooms: ReadonlySet<string>): string[] {
  const others = [...rooms].filter((room) => room !== sid && !isUserRoom(room));
  return rooms.has(sid) ? [sid, ...others] : others;
}

function namespaceOf({ namespace }: ClientOptions, sender?: Connection): string {
  if (namespace !== undefined) return checkConcreteNamespace(namespace, 'a namespace option');
  return sender?.socket.nsp.name ?? DEFAULT_NAMESPACE;
}

/** What may be done to clients wherever they are, other than to speak to them. */
export type Action = Exclude<Command, { kind: 'emit' }>;

/** Does something to clients on every process: through the adapter, or where the namespace has nobody here, past it. */
export function runCommand(runtime: Runtime, action: Action): void {
  const { nsp, rooms } = action.to;
  const clients = existingNamespace(runtime.server, nsp)?.in([...rooms]);
  if (!clients) runtime.remoteClients?.send(action);
  else if (action.kind === 'join') clients.socketsJoin([...action.rooms]);
  else if (action.kind === 'leave') clients.socketsLeave([...action.rooms]);
  else if (action.kind === 'disconnect') clients.disconnectSockets(action.close);
}
