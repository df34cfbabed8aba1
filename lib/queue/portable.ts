import type { Server } from 'socket.io';
import { Encoder } from 'socket.io-parser';
import { PacketType } from '../common/constants.js';
import { checkPacket } from './cluster-message.js';
import { ABSENT, BYTES, BEYOND_MSGPACK, traitsOf } from './codec.js';

/** The part of a server that its types keep private: the decoder of its packets. */
interface Reader {
  _parser: { Decoder: new () => Decoder };
}

interface Decoder {
  on(event: 'decoded', listener: (packet: { data: Values }) => void): void;
  add(part: unknown): void;
}

/** An event's name, then its arguments. */
type Values = readonly unknown[];

/** The data of an event, in the form in which it is sent to other processes. */
export interface Portable {
  data: Values;
  /** The encoded packet, if a message queue could not preserve `data`; `data` then holds only the event's name. */
  parts?: readonly unknown[];
}

/** A packet with an event. */
type Packet = Portable & object;

/** The data of a message with an event for clients. */
interface Broadcast {
  packet: Packet;
  opts: unknown;
}

/**
 * Converts data so that clients of other processes receive the same as those of this one. Serializers differ in dates,
 * NaN, holes, maps and the like. Data that all encode alike is returned as it is; else JSON's result is sent, or the
 * encoded packet of another serializer, which may preserve more than the message queue.
 */
export function portable(server: Server, data: Values): Portable {
  const isJson = server.encoder instanceof Encoder;
  if ((traitsOf(data) & ~(isJson ? BYTES | BEYOND_MSGPACK | ABSENT : BYTES)) === 0) return { data };
  const parts = server.encoder.encode({ type: PacketType.EVENT, nsp: '/', data });
  return isJson ? { data: decodeParts(server, parts) } : { data: data.slice(0, 1), parts };
}

/** The event that clients receive. Throws if it is invalid. */
export function unpack(server: Server, { data, parts }: Portable): Values {
  if (!Array.isArray(parts)) return data;
  const values = decodeParts(server, parts);
  checkPacket({ type: PacketType.EVENT, data: values });
  return values;
}

function decodeParts(server: Server, parts: readonly unknown[]): Values {
  const { Decoder } = (server as unknown as Reader)._parser; // typed private
  const decoder = new Decoder();
  let values: Values = [];
  decoder.on('decoded', ({ data }) => (values = data));
  for (const part of parts) decoder.add(part);
  return values;
}

/** Applies `map` to the packet of a broadcast; other messages are returned as they are. */
const mapPacket =
  (map: (server: Server, packet: Packet) => Packet) =>
  <M>(server: Server, message: M): M => {
    if (!isBroadcast(message)) return message;
    const packet = map(server, message.packet);
    return packet === message.packet ? message : { ...message, packet };
  };

/** Only a broadcast has both: an acknowledgement has a packet, a join has recipients. */
function isBroadcast(message: unknown): message is Broadcast {
  return typeof message === 'object' && message !== null && 'packet' in message && 'opts' in message;
}

/** Converts the data of a message before it is published. */
export const toPortable = mapPacket((server, packet) => {
  const sent = portable(server, packet.data);
  return sent.data === packet.data ? packet : { ...packet, ...sent };
});

/** The reverse, before an adapter gets the message. */
export const fromPortable = mapPacket((server, { parts, ...packet }) =>
  parts === undefined ? packet : { ...packet, data: unpack(server, { ...packet, parts }) },
);

/** Applies `toPortable` or `fromPortable` to the data of a cluster adapter's message. */
export function mapData<M extends { data?: unknown }>(server: Server, message: M, as: typeof toPortable): M {
  const data = as(server, message.data);
  return data === message.data ? message : { ...message, data };
}
