import { Socket } from 'socket.io';
import { PacketType } from '../common/constants.js';
import { printable } from '../common/printable.js';
import type { Connection, HeldPacket } from '../context/connection.js';
import type { EmitFlags } from '../common/address.js';
import type { Packet } from './socket-internals.js';

/*
 * Packets for a connecting client are held until it has got its CONNECT packet. Private members of socket.io 4.8 that
 * are used here, all stable since 3.0:
 * - Socket.packet(packet, flags): sends what the socket itself emits;
 * - Client.writeToEngine(packets, flags): sends what adapters broadcast.
 */
interface SocketInternals {
  readonly client: { writeToEngine(packets: unknown, flags: EmitFlags): void };
  packet(packet: Packet, flags?: EmitFlags): void;
}

/** Packets that are never held: they accept or refuse the client. */
const HANDSHAKE_PACKETS: ReadonlySet<number> = new Set([PacketType.CONNECT, PacketType.CONNECT_ERROR]);

/** The most that broadcasts may add to the held packets of one client. */
const MAX_PACKETS = 1_000;
const MAX_BYTES = 1_048_576;

const internalsOf = (socket: Socket) => socket as unknown as SocketInternals; // typed private by socket.io
const socketPrototype = internalsOf(Socket.prototype);

/** From now on the socket's packets are encoded and held in `connection.heldPackets`. */
export function holdPackets(connection: Connection): void {
  const { socket, runtime } = connection;
  const held = (connection.heldPackets = [] as HeldPacket[]);
  internalsOf(socket).packet = function hold(packet, flags = {}) {
    if (HANDSHAKE_PACKETS.has(packet.type)) return socketPrototype.packet.call(this, packet, flags);
    const encoded = runtime.server.encoder.encode({ ...packet, nsp: socket.nsp.name });
    held.push(() => internalsOf(socket).client.writeToEngine(encoded, flags));
  };
}

/** Sends the held packets in their order, or drops them. */
export function releasePackets(connection: Connection, { send }: { send: boolean }): void {
  const { heldPackets: held } = connection;
  if (!held) return;
  connection.heldPackets = undefined;
  connection.heldBroadcasts = undefined;
  connection.heldForRecovery = undefined;
  Reflect.deleteProperty(connection.socket, 'packet');
  if (send) for (const sendPacket of held) sendPacket();
}

/** Drops the packets held for a recovered client that did not prove to be the same client. */
export function dropHeldForRecovery(connection: Connection): void {
  const { heldPackets: held = [], heldForRecovery } = connection;
  if (!heldForRecovery) return;
  const left = held.filter((packet) => !heldForRecovery.has(packet));
  held.splice(0, Infinity, ...left);
  connection.heldForRecovery = undefined;
}

/**
 * What adapters get in place of a connecting or disconnecting socket. What they write to it is held if it is
 * connecting, or else dropped. It has no `server`, so that `fetchSockets()` lists it like a socket of another process.
 */
export function socketForAdapter(connection: Connection, isForRecoveredOnly = false): Socket {
  const { socket } = connection;
  const writeToEngine = (packets: unknown, flags: EmitFlags) => {
    const packet = holdBroadcast(connection, packets, flags);
    if (isForRecoveredOnly && packet) connection.heldForRecovery?.add(packet);
  };
  const client = Object.create(socket.client, { writeToEngine: { value: writeToEngine } }) as object;
  const disconnect = () => refuseConnecting(connection);
  return Object.create(socket, {
    client: { value: client },
    disconnect: { value: disconnect },
    server: { value: undefined },
  }) as Socket;
}

/** Refuses a client once its connect handler has ended. Returns `false` if it is not connecting. */
export function refuseConnecting(connection: Connection): boolean {
  if (connection.state !== 'connecting' || !connection.heldPackets) return false;
  connection.state = 'refused';
  connection.heldPackets.length = 0;
  connection.pendingCalls.drain((reject) => reject());
  return true;
}

/** Holds a packet of an adapter for a connecting client, unless it is volatile. Sends it if the client is connected. */
function holdBroadcast(connection: Connection, packets: unknown, flags: EmitFlags): HeldPacket | undefined {
  const { heldPackets: held, socket, state } = connection;
  const packet = () => internalsOf(socket).client.writeToEngine(packets, flags);
  if (state === 'connected') packet();
  if (state !== 'connecting' || !held || flags.volatile) return;
  const total = (connection.heldBroadcasts ??= { packets: 0, bytes: 0 });
  total.packets++;
  total.bytes += sizeOf(packets);
  if (total.packets > MAX_PACKETS || total.bytes > MAX_BYTES) refuseOverflow(connection);
  else held.push(packet);
  return packet;
}

function refuseOverflow(connection: Connection): void {
  const { socket, runtime } = connection;
  const where = `${printable(socket.nsp.name)}, sid ${socket.id}`;
  runtime.logger.warn(
    `A client that is connecting to ${where} is refused: more than ${MAX_PACKETS} packets or ${MAX_BYTES} bytes ` +
      'wait for its @OnConnect() to end. Let that end sooner, or send less to clients that have just arrived.',
  );
  refuseConnecting(connection);
}

function sizeOf(packets: unknown): number {
  const parts = Array.isArray(packets) ? (packets as (string | Buffer)[]) : [packets as string | Buffer];
  return parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
}
