import { type EmitFlags, flagsOf } from '../common/address.js';
import { Socket, type Namespace, type Server } from 'socket.io';
import { PacketType } from '../common/constants.js';
import type { ClientState, Connection } from '../context/connection.js';

/*
 * The parts of socket.io 4.8 that its types keep private, in one place. Each is stable since 3.0:
 * - Namespace.run(socket, done): the middlewares, before a client is connected;
 * - Socket.dispatch(event): after the decoder, before the listeners; Socket.fns: its middlewares;
 * - Socket.packet(packet, flags): the one way out; Client.nsps: the client's sockets by namespace;
 * - Socket._onclose(reason): every way in which a socket that is connected ends.
 */

/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: number;
  data?: unknown;
  id?: number;
  /** Ours: why the data of a client's packet is not taken, if it is not. */
  problem?: string;
}

/** A packet with an event: its name, then its arguments. */
export interface EventPacket extends Packet {
  data: readonly unknown[];
}

/** A namespace middleware. */
export type NamespaceMiddleware = (socket: Socket, next: (error?: Error) => void) => unknown;

/** A middleware of one socket. */
export type SocketMiddleware = (event: unknown[], next: (error?: Error) => void) => unknown;

interface SocketInternals {
  readonly client: {
    readonly nsps: Map<string, Socket>;
  };
  dispatch(event: unknown[]): void;
  packet(packet: Packet, flags?: object): void;
  readonly fns: readonly SocketMiddleware[];
  _cleanup(): void;
  _onerror(error: unknown): void;
  _onclose: Close;
}

/** Ends a socket. */
type Close = (this: Socket, reason: string, description?: unknown) => void;

interface NamespaceInternals {
  readonly _fns: NamespaceMiddleware[];
  readonly _preConnectSockets: Map<string, Socket>;
  run(socket: Socket, done: (error?: Error) => void): void;
}

interface ServerInternals {
  readonly opts: { readonly connectionStateRecovery?: object };
}

const inner = (socket: Socket) => socket as unknown as SocketInternals; // typed private by socket.io
const innerNamespace = (namespace: Namespace) => namespace as unknown as NamespaceInternals; // likewise
const socketPrototype = inner(Socket.prototype);

const CONNECTION = Symbol('nestjs-flask-socket connection');
const CLIENT_STATE = Symbol('nestjs-flask-socket client');

/** The connection of a socket, if it is one of ours. */
export function connectionOf(socket: Socket): Connection | undefined {
  return (socket as { [CONNECTION]?: Connection })[CONNECTION];
}

/** Ties a connection to its socket. */
export function attachConnection(socket: Socket, connection: Connection): void {
  (socket as { [CONNECTION]?: Connection })[CONNECTION] = connection;
}

/** What the namespaces of a client's connection share; made by the first of them. */
export function clientStateOf(client: Socket['client'], create: () => ClientState): ClientState {
  return ((client as { [CLIENT_STATE]?: ClientState })[CLIENT_STATE] ??= create());
}

/** The socket of the same connection in another namespace, also while that decides about it. */
export function siblingOf(socket: Socket, namespace: string): Socket | undefined {
  if (namespace === socket.nsp.name) return socket;
  const connected = inner(socket).client.nsps.get(namespace);
  if (connected) return connected;
  const asking = connectionOf(socket)?.client.connectingSockets?.get(namespace);
  return asking?.nsp.adapter.sids.has(asking.id) ? asking : undefined; // the middlewares are done with it
}

/** The sockets of a client's connection, one for each namespace that it is connected to. */
export function socketsOf(client: Socket['client']): Socket[] {
  return [...(client as unknown as SocketInternals['client']).nsps.values()]; // typed private by socket.io
}

/** The namespace, if it exists: asking for it creates none. */
export function existingNamespace(server: Server, name: string): Namespace | undefined {
  return server._nsps.get(name);
}

/** Replaces what happens between a namespace's middlewares and the acceptance of a client. */
export function onAdmission(namespace: Namespace, admit: NamespaceInternals['run']): void {
  innerNamespace(namespace).run = admit;
}

/** The middlewares of a namespace, in their order. */
export function middlewaresOf(namespace: Namespace): readonly NamespaceMiddleware[] {
  return innerNamespace(namespace)._fns;
}

/** Every decoded event of the socket goes to `deliver`, after the socket's own middlewares. */
export function onEvents(socket: Socket, deliver: (this: Socket, event: unknown[]) => void): void {
  inner(socket).dispatch = deliver;
}

/** However the socket ends, it ends by `close`. */
export function onClose(socket: Socket, close: Close): void {
  inner(socket)._onclose = close;
}

/** Ends a socket as socket.io does. */
export function closeAsUsual(socket: Socket, reason: string, description: unknown): void {
  socketPrototype._onclose.call(socket, reason, description);
}

/** The socket's own middlewares (`socket.use`), in their order. */
export function socketMiddlewaresOf(socket: Socket): readonly SocketMiddleware[] {
  return inner(socket).fns;
}

/** Reports an error the way socket.io does: on the socket's `error` event. */
export function reportSocketError(socket: Socket, error: unknown): void {
  inner(socket)._onerror(error);
}

/** Sends a returning client what it missed: as soon as it is accepted, before anything else. */
export function sendMissed({ socket }: Connection, missed: readonly unknown[][]): void {
  for (const data of missed) inner(socket).packet({ type: PacketType.EVENT, data });
}

/** Sends an event to one socket, held or not. */
export function sendEvent(socket: Socket, data: readonly unknown[], flags: EmitFlags): void {
  const { opts } = socket.nsp.server as unknown as ServerInternals; // typed private by socket.io
  const mayBeKept = opts.connectionStateRecovery && socket.connected && socket.rooms.has(socket.id);
  if (!mayBeKept || !keepEvent(socket, data, flags))
    sendPacket(socket, { type: PacketType.EVENT, data }, flags);
}

/** Sends an event that is not kept for a client that comes back: it leaves at once, before what ends the connection. */
export function sendLast(socket: Socket, data: readonly unknown[]): void {
  sendPacket(socket, { type: PacketType.EVENT, data }, {});
}

/** Sends an event through the adapter, if that recovers connections: it is sent again to a client that comes back. */
export function keepEvent(socket: Socket, data: readonly unknown[], flags: EmitFlags): boolean {
  const { adapter, server } = socket.nsp;
  const { opts } = server as unknown as ServerInternals; // typed private by socket.io
  if (!opts.connectionStateRecovery) return false;
  adapter.broadcast(
    { type: PacketType.EVENT, data },
    { rooms: new Set([socket.id]), except: new Set(), flags },
  );
  return true;
}

/** Sends a packet to one socket, held or not, and calls its `onAnyOutgoing` listeners. */
export function sendPacket(socket: Socket, packet: EventPacket, flags: EmitFlags): void {
  for (const listener of socket.listenersAnyOutgoing().slice()) listener.apply(socket, [...packet.data]);
  inner(socket).packet(packet, flagsOf(flags));
}

/** Drops a socket that was never connected: no rooms, no answer to its client. */
export function forget(socket: Socket): void {
  inner(socket)._cleanup();
}

/** Ends the socket as `socket.disconnect()` does, for a reason of ours. */
export function disconnectFor(socket: Socket, reason: string): void {
  if (!socket.connected) return;
  inner(socket).packet({ type: PacketType.DISCONNECT });
  inner(socket)._onclose.call(socket, reason);
}

/** Ends the socket as a shutting down server does: handlers run, and the client will come back. */
export function closeForShutdown(socket: Socket): void {
  inner(socket)._onclose.call(socket, 'server shutting down');
}
