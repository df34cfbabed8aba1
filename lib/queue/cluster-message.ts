import { PacketType, RESERVED_EVENTS } from '../common/constants.js';
import type { Audience, Command } from './queue.js';

/** The messages of socket.io's cluster adapters that ask for no answer (`MessageType`). */
export const TYPES = { emit: 3, join: 4, leave: 5, disconnect: 6 } as const;
const SERVER_SIDE_EMIT = 9;

/** What socket.io's namespaces emit for their own server. */
const OF_THE_SERVER: ReadonlySet<string> = new Set(['connect', 'connection', 'new_namespace']);

/** The sender's id in a message of a process that is no server: nobody waits for its heartbeats. */
export const EMITTER = 'emitter';

/** The topic of a namespace: what all processes hear. */
export const topicOf = (channel: string, namespace: string) => `${channel}#${namespace}#`;

/** A message of socket.io's cluster adapters. */
export interface ClusterMessage {
  uid: string;
  nsp: string;
  type: number;
  data?: unknown;
}

/** A command as a cluster adapter understands it. */
export function clusterMessage(command: Command): ClusterMessage {
  return { uid: EMITTER, nsp: command.to.nsp, type: TYPES[command.kind], data: dataOf(command) };
}

function dataOf(command: Command): object {
  const opts = adapterOptions(command.to);
  if (command.kind === 'emit') return { packet: eventPacket(command), opts };
  return command.kind === 'disconnect' ? { close: command.close, opts } : { rooms: command.rooms, opts };
}

/** A packet of the Socket.IO protocol that carries an event. */
export function eventPacket({ to, values, parts }: Extract<Command, { kind: 'emit' }>): object {
  return { type: PacketType.EVENT, data: values, nsp: to.nsp, ...(parts && { parts }) };
}

/** Whom an adapter is to reach. */
export function adapterOptions({ rooms, except, flags = {} }: Audience): object {
  return { rooms, except, flags };
}

/** The same message, if it is one that an adapter survives; otherwise an error. */
export function checkClusterMessage(message: unknown): ClusterMessage {
  const { uid, nsp, type, data } = asObject(message, 'the message');
  demand(isId(uid) && typeof nsp === 'string' && Number.isInteger(type), 'uid, nsp and type');
  if (data !== undefined) checkData(asObject(data, 'data'), type === SERVER_SIDE_EMIT);
  return message as ClusterMessage;
}

function checkData(data: Record<string, unknown>, isForServers: boolean): void {
  const { packet, opts, rooms, requestId, sockets } = data;
  if (opts !== undefined) checkAdapterOptions(opts);
  if (opts !== undefined && packet !== undefined) checkPacket(packet);
  if (isForServers) checkServerEvent(packet);
  demand(rooms === undefined || areStrings(rooms), 'rooms');
  demand(requestId === undefined || isId(requestId), 'requestId');
  demand(sockets === undefined || Array.isArray(sockets), 'sockets');
}

/** Throws unless these are recipients as adapters write them. */
export function checkAdapterOptions(opts: unknown): void {
  const { rooms, except, flags } = asObject(opts, 'opts');
  demand(areStrings(rooms) && (except === undefined || areStrings(except)), 'opts');
  demand(flags === undefined || (typeof flags === 'object' && flags !== null), 'flags');
}

/** Throws unless this is a packet with an event that clients take: at any other they end the connection. */
export function checkPacket(packet: unknown): void {
  const { type, data, id } = asObject(packet, 'packet');
  demand(type === PacketType.EVENT, 'the type of the packet');
  const event: unknown = Array.isArray(data) ? data[0] : undefined;
  demand(typeof event === 'string' && !RESERVED_EVENTS.has(event), 'the data of the packet');
  demand(id === undefined || (Number.isSafeInteger(id) && (id as number) >= 0), 'the id of the packet');
}

/** Throws unless this is an event for servers, and none of those with which socket.io itself speaks to them. */
export function checkServerEvent(values: unknown): void {
  const event: unknown = Array.isArray(values) ? values[0] : undefined;
  demand(typeof event === 'string' && !OF_THE_SERVER.has(event), 'an event for servers');
}

/** A name that a process may have, or give to a question: it becomes part of a topic. */
export function isId(value: unknown): boolean {
  return typeof value === 'string' && /^[\w-]{1,64}$/.test(value);
}

function areStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  demand(typeof value === 'object' && value !== null && !Array.isArray(value), what);
  return value as Record<string, unknown>;
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new TypeError(`${what} is malformed`);
}

/** The requests of socket.io's Redis adapter that ask for no answer (its `RequestType`). */
export const REQUESTS = { join: 2, leave: 3, disconnect: 4 } as const;

/** A process shows itself (`hello` asks the others to do so, too), or leaves. */
interface PeerSign {
  is: 'hello' | 'here' | 'bye';
  from: string;
}

/** One process asks the others. */
export interface PeerQuestion {
  is: 'question';
  from: string;
  id: string;
  kind: string;
  question: unknown;
}

/** One of them answers. `mine`: it was for this one to answer. */
export interface PeerAnswer {
  is: 'answer';
  from: string;
  id: string;
  mine: boolean;
  given?: unknown;
}

/** What processes of one application say to each other. */
export type PeerMessage = PeerSign | PeerQuestion | PeerAnswer;

const KINDS: ReadonlySet<unknown> = new Set(['hello', 'here', 'bye', 'question', 'answer']);

/** The same message, or an error if it is none. */
export function checkPeerMessage(message: unknown): PeerMessage {
  const { is, from, id } = (message ?? {}) as Record<string, unknown>;
  const isRequest = is === 'question' || is === 'answer';
  const isOurs = KINDS.has(is) && isId(from) && (!isRequest || isId(id));
  if (!isOurs) throw new TypeError('a message between processes is malformed');
  return message as PeerMessage;
}
