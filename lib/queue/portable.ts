import type { Server } from 'socket.io';
import { Encoder } from 'socket.io-parser';
import { PacketType } from '../common/constants.js';
import { checkPacket } from './cluster-message.js';
import { ABSENT, BYTES, FRAGILE, traitsOf } from './codec.js';

/** The part of a server that its types keep private: what its packets are read with. */
interface Reader {
  _parser: { Decoder: new () => Decoder };
}

interface Decoder {
  on(event: 'decoded', listener: (packet: { data: Values }) => void): void;
  add(part: unknown): void;
}

/** An event's name, then its arguments. */
type Values = readonly unknown[];

/** An event on its way to another process. */
export interface Portable {
  data: Values;
  /** The packet as it was encoded, where `data` cannot say all; it has the event's name alone then. */
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
 * What is sent, in a form in which it means to the clients of other processes what it means to those of this one. Each
 * serializer has its own idea of dates, NaN, holes, maps and the like: of JSON's it is what a client gets, of others,
 * which know more than a message queue may bring, the encoded packet. What all agree on stays as it is.
 */
export function portable(server: Server, data: Values): Portable {
  const isJson = server.encoder instanceof Encoder;
  if ((traitsOf(data) & ~(isJson ? BYTES | FRAGILE | ABSENT : BYTES)) === 0) return { data };
  const parts = server.encoder.encode({ type: PacketType.EVENT, nsp: '/', data });
  return isJson ? { data: read(server, parts) } : { data: data.slice(0, 1), parts };
}

/** What clients are to get. Throws for what is no event. */
export function opened(server: Server, { data, parts }: Portable): Values {
  if (!Array.isArray(parts)) return data;
  const values = read(server, parts);
  checkPacket({ type: PacketType.EVENT, data: values });
  return values;
}

function read(server: Server, parts: readonly unknown[]): Values {
  const { Decoder } = (server as unknown as Reader)._parser; // typed private
  const decoder = new Decoder();
  let values: Values = [];
  decoder.on('decoded', ({ data }) => (values = data));
  for (const part of parts) decoder.add(part);
  return values;
}

/** Does something to the packet of a broadcast, and nothing to what is none. */
const mapped =
  (map: (server: Server, packet: Packet) => Packet) =>
  <M>(server: Server, message: M): M => {
    if (!isBroadcast(message)) return message;
    const packet = map(server, message.packet);
    return packet === message.packet ? message : { ...message, packet };
  };

/** Of several kinds of messages the broadcasts alone have both: an acknowledgement has a packet, a join has recipients. */
function isBroadcast(message: unknown): message is Broadcast {
  return typeof message === 'object' && message !== null && 'packet' in message && 'opts' in message;
}

/** The data of a message with a broadcast, as it leaves. */
export const leaving = mapped((server, packet) => {
  const sent = portable(server, packet.data);
  return sent.data === packet.data ? packet : { ...packet, ...sent };
});

/** The same, as the adapters take it. */
export const arriving = mapped((server, { parts, ...packet }) =>
  parts === undefined ? packet : { ...packet, data: opened(server, { ...packet, parts }) },
);

/** A message of a cluster adapter, with its data as `leaving` makes them, or `arriving`. */
export function passing<M extends { data?: unknown }>(server: Server, message: M, as: typeof leaving): M {
  const data = as(server, message.data);
  return data === message.data ? message : { ...message, data };
}
