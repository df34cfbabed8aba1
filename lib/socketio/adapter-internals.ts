import { randomBytes } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions } from 'socket.io-adapter';
import { CALL_TIMEOUT } from '../common/constants.js';
import { sidFrom } from '../common/address.js';
import type { Connection } from '../context/connection.js';
import { socketForAdapter } from './held-packets.js';
import { connectionOf } from './socket-internals.js';

/*
 * Private members of socket.io 4.8 and its adapters that are used here, all stable since 3.0:
 * - Adapter.apply(opts, callback): calls back with each socket of this process that `opts` address. Broadcasts, joins,
 *   leaves and disconnects of adapters all go through it. It finds connected sockets alone (Namespace.sockets);
 * - Namespace._preConnectSockets: the sockets that are neither accepted nor refused yet;
 * - Namespace._ids: the id of the next packet that asks for acknowledgements;
 * - Socket.acks: the callbacks of pending acknowledgements by that id.
 */
interface AdapterInternals {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>;
  apply(opts: BroadcastOptions, callback: (socket: Socket) => void): void;
}

const adapterOf = (namespace: Namespace) => namespace.adapter as unknown as AdapterInternals; // typed private

/** The sockets of a namespace that are neither accepted nor refused yet. */
export function preConnectSocketsOf(namespace: Namespace): Map<string, Socket> {
  return (namespace as unknown as { _preConnectSockets: Map<string, Socket> })._preConnectSockets; // typed private
}

/**
 * Gives a new client a sid that every process can tell from a room's name. A recovered client already has one. A client
 * of protocol 3 keeps the sid of engine.io, because it uses that as its own id.
 */
export function assignSid(socket: Socket): void {
  const connecting = preConnectSocketsOf(socket.nsp);
  const { protocol } = socket.conn as unknown as { protocol: number }; // typed private
  if (socket.recovered || protocol === 3 || !connecting.delete(socket.id)) return;
  (socket as { id: string }).id = sidFrom(socket.id);
  connecting.set(socket.id, socket);
}

/** Gives a client a new sid. No other code may have seen the first. */
export function replaceSid(socket: Socket): void {
  const connecting = preConnectSocketsOf(socket.nsp);
  if (connecting.get(socket.id) === socket) connecting.delete(socket.id);
  (socket as { id: string }).id = sidFrom(randomBytes(15).toString('base64url'));
  connecting.set(socket.id, socket);
}

/** The connecting or connected socket of a sid. `undefined` once it is refused or disconnecting. */
export function findSocket(namespace: Namespace | undefined, sid: string): Socket | undefined {
  const connected = namespace?.sockets.get(sid);
  if (connected) return connectionOf(connected)?.state === 'disconnecting' ? undefined : connected;
  const connecting = namespace && preConnectSocketsOf(namespace).get(sid);
  return connecting && admittedConnectionOf(namespace, connecting)?.socket;
}

/**
 * Makes any adapter address connecting clients as well: they are in their rooms, and every process reaches them, once
 * the middlewares have accepted them (promises M2, C1). Clients in `disconnecting` are sent nothing more (C9).
 */
export function includeConnecting(namespace: Namespace, disconnecting: ReadonlySet<Socket>): void {
  const adapter = adapterOf(namespace);
  const apply = adapter.apply.bind(adapter);
  const connecting = preConnectSocketsOf(namespace);
  const replaced = (socket: Socket) => {
    const connection = disconnecting.has(socket) ? connectionOf(socket) : undefined;
    return connection ? socketForAdapter(connection) : socket;
  };
  adapter.apply = (opts, callback) => {
    apply(opts, disconnecting.size === 0 ? callback : (socket) => callback(replaced(socket)));
    if (connecting.size === 0) return;
    for (const connection of addressedConnections(namespace, opts))
      callback(socketForAdapter(connection, isForRecoveredOnly(connection, opts)));
  };
}

/**
 * Makes an adapter drop acknowledgements that a broadcast of the application no longer waits for. socket.io 4.8.3 keeps
 * them until their clients disconnect; on other processes than the broadcasting one, every version does.
 */
export function dropLateAcks(namespace: Namespace): void {
  const adapter = adapterOf(namespace);
  const apply = adapter.apply.bind(adapter);
  adapter.apply = (opts, callback) => {
    const id = (namespace as unknown as { _ids: number })._ids - 1; // typed private
    let asked: Socket[] | undefined;
    let isFirst = true;
    apply(opts, (socket) => {
      callback(socket);
      if (isFirst && acksOf(socket)?.has(id)) asked = [];
      isFirst = false;
      asked?.push(socket);
    });
    // With the official Redis adapter, other processes do not learn the timeout.
    if (asked) setTimeout(dropAcks, opts.flags?.timeout ?? CALL_TIMEOUT, asked, id).unref();
  };
}

function dropAcks(asked: readonly Socket[], id: number): void {
  for (const socket of asked) acksOf(socket)?.delete(id);
}

function acksOf(socket: Socket): Map<number, unknown> | undefined {
  return (socket as unknown as { acks?: Map<number, unknown> }).acks; // typed private; a remote socket has none
}

/** The connecting clients that `opts` address. */
function* addressedConnections(namespace: Namespace, opts: BroadcastOptions): Iterable<Connection> {
  for (const socket of candidates(namespace, opts.rooms)) {
    const connection = admittedConnectionOf(namespace, socket);
    if (!connection) continue;
    const isIn = (room: string) => socket.rooms.has(room) || connection.roomsToRestore?.has(room) === true;
    if (isAddressed(opts, isIn)) yield connection;
  }
}

/** Whether `opts` address a client, given which rooms it is in. */
export function isAddressed({ rooms, except }: BroadcastOptions, isIn: (room: string) => boolean): boolean {
  if (rooms.size > 0 && ![...rooms].some(isIn)) return false;
  return !except || ![...except].some(isIn);
}

/** Whether `opts` address a client only by rooms that it gets back once it has proved to be the same client. */
function isForRecoveredOnly({ socket, roomsToRestore }: Connection, { rooms }: BroadcastOptions): boolean {
  if (!roomsToRestore || rooms.size === 0) return false;
  return ![...rooms].some((room) => room !== socket.id && socket.rooms.has(room));
}

/** The sockets that may be addressed. Small rooms are looked up: thousands of clients may be reconnecting at once. */
function candidates(namespace: Namespace, rooms: ReadonlySet<string>): Iterable<Socket> {
  const connecting = preConnectSocketsOf(namespace);
  const { server, adapter } = namespace;
  const { opts } = server as unknown as { opts: { connectionStateRecovery?: object } }; // typed private
  if (rooms.size === 0 || opts.connectionStateRecovery) return connecting.values(); // some are not in their rooms yet
  const members = [...rooms].map((room) => adapter.rooms.get(room) ?? new Set<string>());
  const count = members.reduce((sum, { size }) => sum + size, 0);
  if (count >= connecting.size) return connecting.values();
  const sids = new Set(members.flatMap((member) => [...member]));
  return [...sids].map((sid) => connecting.get(sid)).filter((socket) => socket !== undefined);
}

/** The connection of a connecting client, once the middlewares have accepted it. */
function admittedConnectionOf(namespace: Namespace, socket: Socket): Connection | undefined {
  const connection = connectionOf(socket);
  const isHere =
    connection?.state === 'connecting' && connection.heldPackets && adapterOf(namespace).sids.has(socket.id);
  return isHere ? connection : undefined;
}
