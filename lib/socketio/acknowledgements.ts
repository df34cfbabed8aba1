import type { Socket } from 'socket.io';
import { EXCEPTION_EVENT, PacketType } from '../common/constants.js';
import type { EmitFlags } from '../common/address.js';
import { sendPacket, type Packet } from './socket-internals.js';

/*
 * Private members of socket.io 4.8 that are used here for acknowledgements:
 * - Namespace._ids: the id of the next packet that asks for an acknowledgement;
 * - Socket.acks: the callbacks of pending acknowledgements by that id. socket.io passes the client's values as
 *   arguments, which overflows the stack if a client sends 120,000 of them;
 * - Socket.packet(packet, flags): sends a packet.
 */

interface SocketInternals {
  acks: Map<number, AckCallback>;
  packet(packet: Packet, flags?: object): void;
}

/** A callback in `Socket.acks`. Those of this file have a `pending`, which gets the values as one array. */
interface AckCallback {
  (...values: unknown[]): void;
  readonly pending?: PendingAck;
}

/** Waits for the acknowledgement of one emitted event. */
export interface PendingAck {
  acknowledged(values: readonly unknown[]): void;
  /** The acknowledgement has come, and exceeds a limit. */
  refused(): void;
  /** Too many are awaited from the client, and this one is the oldest. */
  evicted(): void;
}

const internalsOf = (socket: Socket) => socket as unknown as SocketInternals; // typed private by socket.io

/**
 * At most `limit` acknowledgements are awaited from a socket, whoever asked for them: the oldest one gives way to a new
 * one, and `exceeded` is called.
 */
export function limitPendingAcks(socket: Socket, limit: number, exceeded: (socket: Socket) => void): void {
  if (limit < Infinity) internalsOf(socket).acks = new LimitedAcks(socket, limit, exceeded);
}

/** Stands for `Socket.acks`: a Map keeps its keys in the order in which they were added. */
class LimitedAcks extends Map<number, AckCallback> {
  constructor(
    private readonly socket: Socket,
    private readonly limit: number,
    private readonly exceeded: (socket: Socket) => void,
  ) {
    super();
  }

  override set(id: number, callback: AckCallback): this {
    if (this.size >= this.limit) this.#evictOldest();
    return super.set(id, callback);
  }

  #evictOldest(): void {
    const [oldest] = this;
    if (!oldest) return;
    const [id, { pending }] = oldest;
    this.delete(id);
    this.exceeded(this.socket);
    if (pending) setImmediate(() => pending.evicted()); // who emits again then, does not evict within an eviction
  }
}

/** Sends an event that asks for an acknowledgement. The function returned stops waiting for it. */
export function sendWithAck(
  socket: Socket,
  data: readonly unknown[],
  { pending, ...flags }: EmitFlags & { pending: PendingAck },
): () => void {
  const id = (socket.nsp as unknown as { _ids: number })._ids++; // typed private
  sendPacket(socket, { type: PacketType.EVENT, data, id }, flags);
  const acknowledged = (...values: unknown[]) => pending.acknowledged(values);
  internalsOf(socket).acks.set(id, Object.assign(acknowledged, { pending }));
  return () => internalsOf(socket).acks.delete(id);
}

/** Passes an acknowledgement to its {@link PendingAck}. Returns `false` if socket.io has to handle it. */
export function handleAck(socket: Socket, { id = -1, data, problem }: Packet): boolean {
  const { acks } = internalsOf(socket);
  const pending = acks.get(id)?.pending;
  if (!pending && problem === undefined) return false;
  acks.delete(id);
  if (problem === undefined) pending?.acknowledged((data ?? []) as readonly unknown[]);
  else pending?.refused();
  return true;
}

/** Whether the server waits for this acknowledgement. */
export function isAckPending(socket: Socket | undefined, { id = -1 }: Packet): boolean {
  return socket !== undefined && internalsOf(socket).acks.has(id);
}

/** Tells a client that its event was refused: by the exception event, and by the acknowledgement if it wants one. */
export function refuseEvent(socket: Socket, { id, isToldQuietly }: Packet, error: object): void {
  if (!isToldQuietly) sendPacket(socket, { type: PacketType.EVENT, data: [EXCEPTION_EVENT, error] }, {});
  if (id !== undefined) internalsOf(socket).packet({ type: PacketType.ACK, id, data: [error] });
}

/** Drops a disconnecting client's pending acknowledgements, in case code of the application keeps the socket. */
export function dropPendingAcks(socket: Socket): void {
  internalsOf(socket).acks.clear();
}
