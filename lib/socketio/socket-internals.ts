import { type EmitFlags, flagsOf } from '../common/address.js';
import { Socket, type Namespace, type Server } from 'socket.io';
import { PacketType } from '../common/constants.js';
import type { PayloadProblem } from '../common/payload.js';
import type { ClientState, Connection } from '../context/connection.js';

/*
 * Private members of socket.io 4.8 that are used here, all stable since 3.0:
 * - Namespace.run(socket, done): runs the middlewares, before a client is connected;
 * - Namespace._fns and Socket.fns: the middlewares of a namespace and of a socket;
 * - Socket.dispatch(event): called for each decoded event; runs the socket's middlewares and listeners;
 * - Socket.packet(packet, flags): sends a packet;
 * - Socket._onclose(reason): called whenever a connected socket ends, for any reason;
 * - Socket._cleanup(): removes a socket from its rooms and its namespace; Socket._onerror(error): emits `error`;
 * - Client.nsps: the client's sockets by namespace.
 */

/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: number;
  data?: unknown;
  id?: number;
  /** Added by `decoder-internals.ts`: the limit that the data exceeds. */
  problem?: PayloadProblem;
  /** Ours: the client is told of the problem by the acknowledgement alone. */
  isToldQuietly?: boolean;
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
  _onclose: OnClose;
}

/** `Socket._onclose`. */
type OnClose = (this: Socket, reason: string, description?: unknown) => void;

interface NamespaceInternals {
  readonly _fns: NamespaceMiddleware[];
  readonly _preConnectSockets: Map<string, Socket>;
  run(socket: Socket, done: (error?: Error) => void): void;
}

interface ServerInternals {
  readonly opts: { readonly connectionStateRecovery?: object };
}

const internalsOf = (socket: Socket) => socket as unknown as SocketInternals; // typed private by socket.io
const namespaceInternalsOf = (namespace: Namespace) => namespace as unknown as NamespaceInternals; // typed private
const socketPrototype = internalsOf(Socket.prototype);

const CONNECTION = Symbol('nestjs-flask-socket connection');
const CLIENT_STATE = Symbol('nestjs-flask-socket client');

/** The connection of a socket, if one was set by {@link attachConnection}. */
export function connectionOf(socket: Socket): Connection | undefined {
  return (socket as { [CONNECTION]?: Connection })[CONNECTION];
}

/** Sets the connection of a socket. */
export function attachConnection(socket: Socket, connection: Connection): void {
  (socket as { [CONNECTION]?: Connection })[CONNECTION] = connection;
}

/** What a client's sockets in all namespaces share. The first of them creates it. */
export function clientStateOf(client: Socket['client'], create: () => ClientState): ClientState {
  return ((client as { [CLIENT_STATE]?: ClientState })[CLIENT_STATE] ??= create());
}

/** The same client's socket in another namespace, connected or connecting. */
export function siblingOf(socket: Socket, namespace: string): Socket | undefined {
  if (namespace === socket.nsp.name) return socket;
  const connected = internalsOf(socket).client.nsps.get(namespace);
  if (connected) return connected;
  const connecting = connectionOf(socket)?.client.connectingSockets?.get(namespace);
  return connecting?.nsp.adapter.sids.has(connecting.id) ? connecting : undefined; // the middlewares accepted it
}

/** The sockets of a client, one for each namespace that it is connected to. */
export function socketsOf(client: Socket['client']): Socket[] {
  return [...(client as unknown as SocketInternals['client']).nsps.values()]; // typed private by socket.io
}

/** Whether a client is connected to a namespace, or one is deciding about it. */
export function hasNamespaces(client: Socket['client']): boolean {
  if (socketsOf(client).length > 0) return true;
  return ((client as { [CLIENT_STATE]?: ClientState })[CLIENT_STATE]?.connectingSockets?.size ?? 0) > 0;
}

/** A namespace, if it exists. `server.of()` would create it. */
export function existingNamespace(server: Server, name: string): Namespace | undefined {
  return server._nsps.get(name);
}

/** Replaces the function that runs a namespace's middlewares before a client is connected. */
export function replaceRun(namespace: Namespace, admit: NamespaceInternals['run']): void {
  namespaceInternalsOf(namespace).run = admit;
}

/** The middlewares of a namespace, in their order. */
export function middlewaresOf(namespace: Namespace): readonly NamespaceMiddleware[] {
  return namespaceInternalsOf(namespace)._fns;
}

/** Replaces the function that gets every decoded event of a socket. */
export function replaceDispatch(socket: Socket, dispatch: (this: Socket, event: unknown[]) => void): void {
  internalsOf(socket).dispatch = dispatch;
}

/** Replaces the function that is called when a socket ends, for any reason. */
export function replaceOnclose(socket: Socket, close: OnClose): void {
  internalsOf(socket)._onclose = close;
}

/** Ends a socket with socket.io's own function, the one that {@link replaceOnclose} replaces. */
export function closeSocket(socket: Socket, reason: string, description: unknown): void {
  socketPrototype._onclose.call(socket, reason, description);
}

/** The socket's own middlewares (`socket.use`), in their order. */
export function socketMiddlewaresOf(socket: Socket): readonly SocketMiddleware[] {
  return internalsOf(socket).fns;
}

/** Emits the socket's `error` event, as socket.io does for an error. */
export function reportSocketError(socket: Socket, error: unknown): void {
  internalsOf(socket)._onerror(error);
}

/** Sends a recovered client the events that it missed. They are held, and are the first that it gets once accepted. */
export function sendMissedEvents({ socket }: Connection, missed: readonly unknown[][]): void {
  for (const data of missed) internalsOf(socket).packet({ type: PacketType.EVENT, data });
}

/** Sends an event to one socket. If connections are recovered, it is sent again to a client that missed it. */
export function sendEvent(socket: Socket, data: readonly unknown[], flags: EmitFlags): void {
  const { opts } = socket.nsp.server as unknown as ServerInternals; // typed private by socket.io
  const isRecoverable = opts.connectionStateRecovery && socket.connected && socket.rooms.has(socket.id);
  if (!isRecoverable || !sendRecoverable(socket, data, flags))
    sendPacket(socket, { type: PacketType.EVENT, data }, flags);
}

/** Sends an event that is not sent again after a recovery. It is written at once, before the connection is closed. */
export function sendUnrecoverable(socket: Socket, data: readonly unknown[]): void {
  sendPacket(socket, { type: PacketType.EVENT, data }, {});
}

/** Sends an event through an adapter that recovers connections. Returns `false` if recovery is off. */
export function sendRecoverable(socket: Socket, data: readonly unknown[], flags: EmitFlags): boolean {
  const { adapter, server } = socket.nsp;
  const { opts } = server as unknown as ServerInternals; // typed private by socket.io
  if (!opts.connectionStateRecovery) return false;
  adapter.broadcast(
    { type: PacketType.EVENT, data },
    { rooms: new Set([socket.id]), except: new Set(), flags },
  );
  return true;
}

/** Sends a packet to one socket, and calls its `onAnyOutgoing` listeners. */
export function sendPacket(socket: Socket, packet: EventPacket, flags: EmitFlags): void {
  for (const listener of socket.listenersAnyOutgoing().slice()) listener.apply(socket, [...packet.data]);
  internalsOf(socket).packet(packet, flagsOf(flags));
}

/** Removes a socket that was never connected from its rooms. Its client is sent nothing. */
export function cleanUp(socket: Socket): void {
  internalsOf(socket)._cleanup();
}

/** Ends a socket as `socket.disconnect()` does, but with another reason. */
export function disconnectFor(socket: Socket, reason: string): void {
  if (!socket.connected) return;
  internalsOf(socket).packet({ type: PacketType.DISCONNECT });
  internalsOf(socket)._onclose.call(socket, reason);
}

/** Ends a socket as `server.close()` does: its disconnect handlers run, and its client will reconnect. */
export function closeForShutdown(socket: Socket): void {
  internalsOf(socket)._onclose.call(socket, 'server shutting down');
}
