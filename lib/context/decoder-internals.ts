import type { Socket } from 'socket.io';
import type { Connection } from './connection.js';
import { connectionOf, type Packet } from './socket-internals.js';

/*
 * The parts of socket.io 4.8, private in its types, that lie between the decoder and a socket:
 * - Client.ondecoded(packet): what the decoder calls; gives each packet for a connected socket a tick of its own;
 * - Client.nsps: the client's sockets by namespace; Socket._onpacket(packet): handles a packet;
 * - and of ws, Receiver._bufferedBytes: what has been read from the network and is not decoded yet.
 */

type PacketListener = (packet: Packet & { nsp: string }) => void;

interface ClientInternals {
  readonly nsps: Map<string, Socket>;
  readonly decoder: {
    on(event: 'decoded', listener: PacketListener): void;
    removeListener(event: 'decoded', listener: PacketListener): void;
  };
  readonly conn: {
    readonly protocol: number;
    readonly transport: { readonly socket?: { readonly _receiver?: { readonly _bufferedBytes: number } } };
  };
  ondecoded: PacketListener;
}

/** CONNECT and CONNECT_ERROR. */
const HANDSHAKE_PACKETS: ReadonlySet<number> = new Set([0, 4]);

/** A packet for a connected client: decoded, and not handled yet. */
export interface Arrival {
  readonly connection: Connection;
  readonly packet: Packet;
  /** Nothing that was read together with it is left to decode. */
  readonly isLast: boolean;
}

/** Packets for a client's connections go to `take` when they are decoded; it has to have them handled. */
export function onArrivals(socket: Socket, take: (arrival: Arrival) => void): void {
  const client = socket.client as unknown as ClientInternals; // typed private
  const usual = client.ondecoded;
  client.decoder.removeListener('decoded', usual);
  client.ondecoded = function ondecoded(packet) {
    const receiver = client.nsps.get(packet.nsp);
    const connection = receiver && connectionOf(receiver);
    const isUsual = client.conn.protocol === 3 || HANDSHAKE_PACKETS.has(packet.type);
    if (!connection || isUsual) return usual(packet);
    const isLast = client.conn.transport.socket?._receiver?._bufferedBytes === 0;
    take({ connection, packet, isLast });
  };
  client.decoder.on('decoded', client.ondecoded);
}

/** Handles a packet as socket.io does. */
export function handlePacket({ connection, packet }: Arrival): void {
  (connection.socket as unknown as { _onpacket(packet: Packet): void })._onpacket(packet); // typed private
}
