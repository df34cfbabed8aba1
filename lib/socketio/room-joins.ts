import type { Namespace, Socket } from 'socket.io';
import { isSid, isUserRoom } from '../common/address.js';
import type { Log } from '../common/logger.js';
import { counted, printable, printableValue } from '../common/printable.js';
import type { RuntimeLimits } from '../context/connection.js';
import { preConnectSocketsOf } from './adapter-internals.js';

/*
 * Adapter.addAll(sid, rooms), private in the types of socket.io 4.8: every join, whoever asks for it: `joinRoom()`,
 * `socket.join()`, `socketsJoin()`, another process. Adapter.sids: the rooms of each client.
 */
interface AdapterInternals {
  readonly sids: ReadonlyMap<string, ReadonlySet<unknown>>;
  addAll(sid: string, rooms: Set<unknown>): unknown;
}

const adapterOf = (namespace: Namespace) => namespace.adapter as unknown as AdapterInternals; // typed private

/**
 * Makes an adapter leave out what a client cannot join: rooms that are named as another client's sid, or neither by a
 * string nor a number, and those above `limits.roomsPerConnection`.
 */
export function checkJoins(
  namespace: Namespace,
  { limits, logger }: { limits: RuntimeLimits; logger: Log },
): void {
  const adapter = adapterOf(namespace);
  const addAll = adapter.addAll.bind(adapter);
  adapter.addAll = (sid, rooms) => {
    const named = [...rooms].filter((room) => {
      const problem = problemOf(namespace, room, sid);
      if (problem) logger.warn(`Client ${sid} does not join ${printableValue(room)}: ${problem}.`, 'rooms');
      return problem === undefined;
    });
    const joinable = withinLimit(namespace, { sid, rooms: named, limits });
    return addAll(sid, joinable.length === rooms.size ? rooms : new Set(joinable));
  };
}

/** Whether a room's name is the sid of another client, in this process or another. */
export function isSidOfAnother(namespace: Namespace | undefined, room: string, sid?: string): boolean {
  if (room === sid) return false;
  return isSid(room) || (namespace !== undefined && adapterOf(namespace).sids.has(room));
}

/** Whether a client is in so many rooms that it cannot join this one. */
export function isInTooManyRooms({ id, nsp }: Socket, room: string, most: number): boolean {
  const joined = adapterOf(nsp).sids.get(id);
  if (!joined || joined.size < most || joined.has(room) || isFree(room, id)) return false;
  return countRooms(joined, id) >= most;
}

/** Why a room cannot be joined by its name; a raw server of JavaScript is given anything. */
function problemOf(namespace: Namespace, room: unknown, sid: string): string | undefined {
  if (typeof room === 'number') return undefined; // socket.io's own rooms may be named so
  if (typeof room !== 'string') return 'rooms are named by a string or a number';
  return isSidOfAnother(namespace, room, sid) ? "rooms cannot be named as another client's sid" : undefined;
}

/** Those that a client may join, in their order; usually all of them. */
function withinLimit(
  namespace: Namespace,
  { sid, rooms, limits }: { sid: string; rooms: readonly unknown[]; limits: RuntimeLimits },
): readonly unknown[] {
  const most = limits.limits.roomsPerConnection;
  const joined = adapterOf(namespace).sids.get(sid);
  if ((joined?.size ?? 0) + rooms.length <= most) return rooms;
  let left = most - (joined ? countRooms(joined, sid) : 0);
  const joinable = rooms.filter((room) => isFree(room, sid) || joined?.has(room) === true || left-- > 0);
  if (joinable.length < rooms.length)
    report(namespace, sid, { limits, count: rooms.length - joinable.length });
  return joinable;
}

function report(
  namespace: Namespace,
  sid: string,
  { limits, count }: { limits: RuntimeLimits; count: number },
): void {
  const socket = namespace.sockets.get(sid) ?? preConnectSocketsOf(namespace).get(sid);
  const what = `Client ${sid} of ${printable(namespace.name)} is in too many rooms: ${counted(count, 'room')} not joined`;
  limits.reached('roomsPerConnection', { by: socket?.conn ?? sid, what });
}

/** The rooms that a client has joined, without its own and that of its user. */
function countRooms(joined: ReadonlySet<unknown>, sid: string): number {
  let count = 0;
  for (const room of joined) if (!isFree(room, sid)) count++;
  return count;
}

function isFree(room: unknown, sid: string): boolean {
  return room === sid || (typeof room === 'string' && isUserRoom(room));
}
