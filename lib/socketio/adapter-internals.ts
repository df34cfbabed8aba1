import { randomBytes } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions } from 'socket.io-adapter';
import { CALL_TIMEOUT } from '../common/constants.js';
import { isSid, sidFrom } from '../common/address.js';
import { printable } from '../common/printable.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import type { Connection } from '../context/connection.js';
import { standIn } from './held-packets.js';
import { connectionOf } from './socket-internals.js';

/*
 * What the adapter of a namespace knows of clients. The parts of socket.io 4.8 and its adapters that their types keep
 * private, each stable since 3.0:
 * - Adapter.apply(opts, callback): all that an adapter does to clients of its process goes through it; it finds those
 *   that are connected, in Namespace.sockets;
 * - Adapter.addAll(sid, rooms): every join; Namespace._preConnectSockets: who is being decided about;
 * - Namespace._ids: the id of the next packet that asks for acknowledgements; Socket.acks: those that are awaited.
 */
interface AdapterInternals {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>;
  apply(opts: BroadcastOptions, callback: (socket: Socket) => void): void;
  addAll(sid: string, rooms: Set<string>): unknown;
}

const inner = (namespace: Namespace) => namespace.adapter as unknown as AdapterInternals; // typed private

/** The clients that are connecting. */
export function arrivingIn(namespace: Namespace): Map<string, Socket> {
  return (namespace as unknown as { _preConnectSockets: Map<string, Socket> })._preConnectSockets; // typed private
}

/**
 * Gives a new client a sid that every process can tell from other names. Who is back has one, and in protocol 3 the
 * client knows itself by that of the engine.
 */
export function giveSid(socket: Socket): void {
  const arriving = arrivingIn(socket.nsp);
  const { protocol } = socket.conn as unknown as { protocol: number }; // typed private
  if (socket.recovered || protocol === 3 || !arriving.delete(socket.id)) return;
  (socket as { id: string }).id = sidFrom(socket.id);
  arriving.set(socket.id, socket);
}

/** Gives a client another sid, before any other code has seen the first. */
export function renewSid(socket: Socket): void {
  const arriving = arrivingIn(socket.nsp);
  if (arriving.get(socket.id) === socket) arriving.delete(socket.id);
  (socket as { id: string }).id = sidFrom(randomBytes(15).toString('base64url'));
  arriving.set(socket.id, socket);
}

/** The client of a sid, connected or connecting; `undefined` once it is refused or disconnecting. */
export function clientIn(namespace: Namespace | undefined, sid: string): Socket | undefined {
  const connected = namespace?.sockets.get(sid);
  if (connected) return connectionOf(connected)?.state === 'disconnecting' ? undefined : connected;
  const arriving = namespace && arrivingIn(namespace).get(sid);
  return arriving && connectingOf(namespace, arriving)?.socket;
}

/**
 * Makes an adapter, whichever it is, see the clients that are connecting: they have their rooms and are reached from
 * everywhere as soon as the middlewares are done with them (promises M2, C1). Clients in `leaving` have been told that
 * they are disconnected, and hear no more (C9).
 */
export function seeConnecting(namespace: Namespace, leaving: ReadonlySet<Socket>): void {
  const adapter = inner(namespace);
  const apply = adapter.apply.bind(adapter);
  const arriving = arrivingIn(namespace);
  const seen = (socket: Socket) => {
    const connection = leaving.has(socket) ? connectionOf(socket) : undefined;
    return connection ? standIn(connection) : socket;
  };
  adapter.apply = (opts, callback) => {
    apply(opts, leaving.size === 0 ? callback : (socket) => callback(seen(socket)));
    if (arriving.size === 0) return;
    for (const connection of addressed(namespace, opts))
      callback(standIn(connection, isForReturn(connection, opts)));
  };
}

/**
 * Makes an adapter forget the acknowledgements that a raw broadcast no longer waits for: socket.io 4.8.3 keeps them as
 * long as their clients are here, and every version on the processes other than the one that asks.
 */
export function forgetLateAnswers(namespace: Namespace): void {
  const adapter = inner(namespace);
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
    // The official adapter for Redis does not say how long the process that asks is going to wait.
    if (asked) setTimeout(forget, opts.flags?.timeout ?? CALL_TIMEOUT, asked, id).unref();
  };
}

function forget(asked: readonly Socket[], id: number): void {
  for (const socket of asked) acksOf(socket)?.delete(id);
}

function acksOf(socket: Socket): Map<number, unknown> | undefined {
  return (socket as unknown as { acks?: Map<number, unknown> }).acks; // typed private; a stand-in may have none
}

/** Makes an adapter refuse every join of a room that is named as another client's sid. */
export function refuseSidsAsRooms(namespace: Namespace, logger: FlaskSocketLogger): void {
  const adapter = inner(namespace);
  const addAll = adapter.addAll.bind(adapter);
  adapter.addAll = (sid, rooms) => {
    const refused = [...rooms].filter((room) => isSidOfAnother(namespace, room, sid));
    if (refused.length === 0) return addAll(sid, rooms);
    const names = refused.map((room) => printable(room)).join(', ');
    logger.warn(`Client ${sid} does not join ${names}: rooms cannot be named as another client's sid.`);
    return addAll(sid, new Set([...rooms].filter((room) => !refused.includes(room))));
  };
}

/** Whether a room is named as the sid of a client other than this one, here or on another process. */
export function isSidOfAnother(namespace: Namespace | undefined, room: string, sid?: string): boolean {
  if (room === sid) return false;
  return isSid(room) || (namespace !== undefined && inner(namespace).sids.has(room));
}

/** The connecting clients that something is for. */
function* addressed(namespace: Namespace, opts: BroadcastOptions): Iterable<Connection> {
  for (const socket of candidates(namespace, opts.rooms)) {
    const connection = connectingOf(namespace, socket);
    if (!connection) continue;
    const isIn = (room: string) => socket.rooms.has(room) || connection.roomsToRestore?.has(room) === true;
    if (isAddressed(opts, isIn)) yield connection;
  }
}

/** Whether something is for a client, of which is known what rooms it is in. */
export function isAddressed({ rooms, except }: BroadcastOptions, isIn: (room: string) => boolean): boolean {
  if (rooms.size > 0 && ![...rooms].some(isIn)) return false;
  return !except || ![...except].some(isIn);
}

/** Whether something is for a returning client as the one that it was, which it has not proved to be yet. */
function isForReturn({ socket, roomsToRestore }: Connection, { rooms }: BroadcastOptions): boolean {
  if (!roomsToRestore || rooms.size === 0) return false;
  return ![...rooms].some((room) => room !== socket.id && socket.rooms.has(room));
}

/** A small room is looked up, so that its messages cost the same while thousands of clients come back at once. */
function candidates(namespace: Namespace, rooms: ReadonlySet<string>): Iterable<Socket> {
  const arriving = arrivingIn(namespace);
  const { server, adapter } = namespace;
  const { opts } = server as unknown as { opts: { connectionStateRecovery?: object } }; // typed private
  if (rooms.size === 0 || opts.connectionStateRecovery) return arriving.values(); // who is back has rooms withheld
  const members = [...rooms].map((room) => adapter.rooms.get(room) ?? new Set<string>());
  const count = members.reduce((sum, { size }) => sum + size, 0);
  if (count >= arriving.size) return arriving.values();
  const sids = new Set(members.flatMap((member) => [...member]));
  return [...sids].map((sid) => arriving.get(sid)).filter((socket) => socket !== undefined);
}

/** The connection of a client that is being decided about, once it has a place: the middlewares are done with it. */
function connectingOf(namespace: Namespace, socket: Socket): Connection | undefined {
  const connection = connectionOf(socket);
  const isHere =
    connection?.state === 'connecting' && connection.heldPackets && inner(namespace).sids.has(socket.id);
  return isHere ? connection : undefined;
}
