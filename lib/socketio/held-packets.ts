import { Socket } from 'socket.io';
import { PacketType } from '../common/constants.js';
import { printable } from '../common/printable.js';
import type { Connection, HeldPacket } from '../context/connection.js';
import type { EmitFlags } from '../common/address.js';
import type { Packet } from './socket-internals.js';

/*
 * What is for a client that is connecting waits until it has been told that it is connected. The parts of socket.io
 * 4.8 that its types keep private for this, each stable since 3.0:
 * - Socket.packet(packet, flags): the socket's own way out; Client.writeToEngine(packets, flags): that of adapters.
 */
interface SocketInternals {
  readonly client: { writeToEngine(packets: unknown, flags: EmitFlags): void };
  packet(packet: Packet, flags?: EmitFlags): void;
}

/** What goes out before the client is connected. */
const HANDSHAKE_PACKETS: ReadonlySet<number> = new Set([PacketType.CONNECT, PacketType.CONNECT_ERROR]);

/** How much of others may wait for one client: packets, and bytes. */
const MOST_PACKETS = 1_000;
const MOST_BYTES = 1_048_576;

const inner = (socket: Socket) => socket as unknown as SocketInternals; // typed private by socket.io
const socketPrototype = inner(Socket.prototype);

/** From now on the socket's packets wait in `connection.held`, encoded as they are now. */
export function holdPackets(connection: Connection): void {
  const { socket, runtime } = connection;
  const held = (connection.heldPackets = [] as HeldPacket[]);
  inner(socket).packet = function hold(packet, flags = {}) {
    if (HANDSHAKE_PACKETS.has(packet.type)) return socketPrototype.packet.call(this, packet, flags);
    const encoded = runtime.server.encoder.encode({ ...packet, nsp: socket.nsp.name });
    held.push(() => inner(socket).client.writeToEngine(encoded, flags));
  };
}

/** Lets the held packets go, in their order, or drops them. */
export function releasePackets(connection: Connection, { send }: { send: boolean }): void {
  const { heldPackets: held } = connection;
  if (!held) return;
  connection.heldPackets = undefined;
  connection.heldBroadcasts = undefined;
  connection.heldForRecovery = undefined;
  Reflect.deleteProperty(connection.socket, 'packet');
  if (send) for (const go of held) go();
}

/** Drops the packets held for a recovered client that turned out to be another one. */
export function dropReturned(connection: Connection): void {
  const { heldPackets: held = [], heldForRecovery: heldForReturn } = connection;
  if (!heldForReturn) return;
  const left = held.filter((packet) => !heldForReturn.has(packet));
  held.splice(0, Infinity, ...left);
  connection.heldForRecovery = undefined;
}

/**
 * A client that is connecting or leaving, as adapters are to see it: what they write to it waits for the acceptance,
 * or is dropped. It has no `server`, so that `fetchSockets()` lists it like a client of another process.
 */
export function standIn(connection: Connection, isForReturn = false): Socket {
  const { socket } = connection;
  const writeToEngine = (packets: unknown, flags: EmitFlags) => {
    const packet = take(connection, packets, flags);
    if (isForReturn && packet) connection.heldForRecovery?.add(packet);
  };
  const client = Object.create(socket.client, { writeToEngine: { value: writeToEngine } }) as object;
  const disconnect = () => endConnecting(connection);
  return Object.create(socket, {
    client: { value: client },
    disconnect: { value: disconnect },
    server: { value: undefined },
  }) as Socket;
}

/** Refuses a connecting client as soon as its connect handler has ended; `false` if it is not connecting. */
export function endConnecting(connection: Connection): boolean {
  if (connection.state !== 'connecting' || !connection.heldPackets) return false;
  connection.state = 'refused';
  connection.heldPackets.length = 0;
  connection.pendingCalls.drain((left) => left());
  return true;
}

/** Holds a packet of an adapter for a connecting client, unless it is volatile. */
function take(connection: Connection, packets: unknown, flags: EmitFlags): HeldPacket | undefined {
  const { heldPackets: held, socket, state } = connection;
  const packet = () => inner(socket).client.writeToEngine(packets, flags);
  if (state === 'connected') packet();
  if (state !== 'connecting' || !held || flags.volatile) return;
  const all = (connection.heldBroadcasts ??= { packets: 0, bytes: 0 });
  all.packets++;
  all.bytes += sizeOf(packets);
  if (all.packets > MOST_PACKETS || all.bytes > MOST_BYTES) overflow(connection);
  else held.push(packet);
  return packet;
}

function overflow(connection: Connection): void {
  const { socket, runtime } = connection;
  const where = `${printable(socket.nsp.name)}, sid ${socket.id}`;
  runtime.logger.warn(
    `A client that is connecting to ${where} is refused: more than ${MOST_PACKETS} packets or ${MOST_BYTES} bytes ` +
      'wait for its @OnConnect() to end. Let that end sooner, or send less to clients that have just arrived.',
  );
  endConnecting(connection);
}

function sizeOf(packets: unknown): number {
  const parts = Array.isArray(packets) ? (packets as (string | Buffer)[]) : [packets as string | Buffer];
  return parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
}
