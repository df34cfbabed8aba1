import { PacketType, RESERVED_EVENTS } from '../common/constants.js';
import type { Audience, Command } from './queue.js';

/** The messages of socket.io's cluster adapters that need no response (its `MessageType`). */
export const MESSAGE_TYPES = { emit: 3, join: 4, leave: 5, disconnect: 6 } as const;
const SERVER_SIDE_EMIT = 9;

/** The events that socket.io's namespaces emit to their own server. */
const SERVER_EVENTS: ReadonlySet<string> = new Set(['connect', 'connection', 'new_namespace']);

/** The sender's id for a process without a server: adapters expect no heartbeats of it. */
export const EMITTER_UID = 'emitter';

/** The topic of a namespace, to which all processes subscribe. */
export const topicOf = (channel: string, namespace: string) => `${channel}#${namespace}#`;

/** A message of socket.io's cluster adapters. */
export interface ClusterMessage {
  uid: string;
  nsp: string;
  type: number;
  data?: unknown;
}

/** The message of a cluster adapter for a command. */
export function clusterMessage(command: Command): ClusterMessage {
  return { uid: EMITTER_UID, nsp: command.to.nsp, type: MESSAGE_TYPES[command.kind], data: dataOf(command) };
}

function dataOf(command: Command): object {
  const opts = adapterOptions(command.to);
  if (command.kind === 'emit') return { packet: eventPacket(command), opts };
  return command.kind === 'disconnect' ? { close: command.close, opts } : { rooms: command.rooms, opts };
}

export function eventPacket({ to, values, parts }: Extract<Command, { kind: 'emit' }>): object {
  return { type: PacketType.EVENT, data: values, nsp: to.nsp, ...(parts && { parts }) };
}

/** The recipients as adapters write them. */
export function adapterOptions({ rooms, except, flags = {} }: Audience): object {
  return { rooms, except, flags };
}

/** Returns the message; throws if an adapter could not handle it. */
export function checkClusterMessage(message: unknown): ClusterMessage {
  const { uid, nsp, type, data } = asObject(message, 'the message');
  check(isId(uid) && typeof nsp === 'string' && Number.isInteger(type), 'uid, nsp and type');
  if (data !== undefined) checkData(asObject(data, 'data'), type === SERVER_SIDE_EMIT);
  return message as ClusterMessage;
}

function checkData(data: Record<string, unknown>, isForServers: boolean): void {
  const { packet, opts, rooms, requestId, sockets } = data;
  if (opts !== undefined) checkAdapterOptions(opts);
  if (opts !== undefined && packet !== undefined) checkPacket(packet);
  if (isForServers) checkServerEvent(packet);
  check(rooms === undefined || areStrings(rooms), 'rooms');
  check(requestId === undefined || isId(requestId), 'requestId');
  check(sockets === undefined || Array.isArray(sockets), 'sockets');
}

/** Throws unless these are recipients as adapters write them. */
export function checkAdapterOptions(opts: unknown): void {
  const { rooms, except, flags } = asObject(opts, 'opts');
  check(areStrings(rooms) && (except === undefined || areStrings(except)), 'opts');
  check(flags === undefined || (typeof flags === 'object' && flags !== null), 'flags');
}

/** Throws unless this is a packet with a valid event: at any other, clients close the connection. */
export function checkPacket(packet: unknown): void {
  const { type, data, id } = asObject(packet, 'packet');
  check(type === PacketType.EVENT, 'the type of the packet');
  const event: unknown = Array.isArray(data) ? data[0] : undefined;
  check(typeof event === 'string' && !RESERVED_EVENTS.has(event), 'the data of the packet');
  check(id === undefined || (Number.isSafeInteger(id) && (id as number) >= 0), 'the id of the packet');
}

/** Throws unless this is an event for servers that is not reserved by socket.io. */
export function checkServerEvent(values: unknown): void {
  const event: unknown = Array.isArray(values) ? values[0] : undefined;
  check(typeof event === 'string' && !SERVER_EVENTS.has(event), 'an event for servers');
}

/** Whether a value is the id of a process or a request: it becomes part of a topic. */
export function isId(value: unknown): boolean {
  return typeof value === 'string' && /^[\w-]{1,64}$/.test(value);
}

function areStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), what);
  return value as Record<string, unknown>;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new TypeError(`${what} is malformed`);
}

/** The requests of socket.io's Redis adapter that need no response (its `RequestType`). */
export const REQUEST_TYPES = { join: 2, leave: 3, disconnect: 4 } as const;

/** A process sends a heartbeat (`hello` requests one of the others), or leaves. */
interface PeerPresence {
  is: 'hello' | 'here' | 'bye';
  from: string;
}

/** A request to the other processes. */
export interface PeerRequest {
  is: 'question';
  from: string;
  id: string;
  kind: string;
  question: unknown;
}

/** A response. `mine`: this process had something to say; `given` is what. */
export interface PeerResponse {
  is: 'answer';
  from: string;
  id: string;
  mine: boolean;
  given?: unknown;
}

/** The messages between the processes of one application. */
export type PeerMessage = PeerPresence | PeerRequest | PeerResponse;

const KINDS: ReadonlySet<unknown> = new Set(['hello', 'here', 'bye', 'question', 'answer']);

/** Returns the message; throws if it is malformed. */
export function checkPeerMessage(message: unknown): PeerMessage {
  const { is, from, id } = (message ?? {}) as Record<string, unknown>;
  const isRequest = is === 'question' || is === 'answer';
  const isOurs = KINDS.has(is) && isId(from) && (!isRequest || isId(id));
  if (!isOurs) throw new TypeError('a message between processes is malformed');
  return message as PeerMessage;
}
