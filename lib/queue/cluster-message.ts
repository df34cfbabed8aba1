import type { Audience, Command } from './queue.js';

/** The messages of socket.io's cluster adapters that ask for no answer (`MessageType`). */
const TYPES = { emit: 3, join: 4, leave: 5, disconnect: 6 } as const;
const EVENT_PACKET = 2;

/** The sender's id in a message of a process that is no server: nobody waits for its heartbeats. */
const EMITTER = 'emitter';

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
  if (command.kind === 'emit') return { packet: eventPacket(command.to, command.values), opts };
  return command.kind === 'disconnect' ? { close: command.close, opts } : { rooms: command.rooms, opts };
}

/** A packet of the Socket.IO protocol that carries an event. */
export function eventPacket({ nsp }: Audience, values: readonly unknown[]): object {
  return { type: EVENT_PACKET, data: values, nsp };
}

/** Whom an adapter is to reach. */
export function adapterOptions({ rooms, except, flags = {} }: Audience): object {
  return { rooms, except, flags };
}

/** The same message, if it is one that an adapter survives; otherwise an error. */
export function checkClusterMessage(message: unknown): ClusterMessage {
  const { uid, nsp, type, data } = asObject(message, 'the message');
  demand(typeof uid === 'string' && typeof nsp === 'string' && Number.isInteger(type), 'uid, nsp and type');
  if (data !== undefined) checkData(asObject(data, 'data'));
  return message as ClusterMessage;
}

function checkData({ packet, opts, rooms, requestId, sockets }: Record<string, unknown>): void {
  if (opts !== undefined) checkAdapterOptions(opts);
  if (opts !== undefined && packet !== undefined) checkPacket(packet);
  demand(rooms === undefined || areStrings(rooms), 'rooms');
  demand(requestId === undefined || typeof requestId === 'string', 'requestId');
  demand(sockets === undefined || Array.isArray(sockets), 'sockets');
}

/** Throws unless these are recipients as adapters write them. */
export function checkAdapterOptions(opts: unknown): void {
  const { rooms, except, flags } = asObject(opts, 'opts');
  demand(areStrings(rooms) && (except === undefined || areStrings(except)), 'opts');
  demand(flags === undefined || (typeof flags === 'object' && flags !== null), 'flags');
}

/** Throws unless this is a packet with an event. */
export function checkPacket(packet: unknown): void {
  const { type, data } = asObject(packet, 'packet');
  demand(type === EVENT_PACKET || type === 5, 'the type of the packet');
  demand(Array.isArray(data) && typeof data[0] === 'string', 'the data of the packet');
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
