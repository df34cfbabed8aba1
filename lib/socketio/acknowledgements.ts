import type { Socket } from 'socket.io';
import { EXCEPTION_EVENT, PacketType } from '../common/constants.js';
import type { EmitFlags } from '../common/address.js';
import { sendPacket, type Packet } from './socket-internals.js';

/*
 * The parts of socket.io 4.8, private in its types, that acknowledgements go through:
 * - Socket.acks: those that are awaited, by the ids that Namespace._ids counts; socket.io calls them with a client's
 *   values as arguments, which overflows the stack where a client has sent 120,000;
 * - Socket.packet(packet, flags): the one way out.
 */

interface SocketInternals {
  readonly acks: Map<number, Acknowledged>;
  packet(packet: Packet, flags?: object): void;
}

/** What socket.io calls with the values of an acknowledgement; ours take them as they are. */
interface Acknowledged {
  (...values: unknown[]): void;
  readonly expected?: Expected;
}

/** An acknowledgement that is awaited: it comes, or comes as one that is not taken. */
export interface Expected {
  answered(values: readonly unknown[]): void;
  refused(): void;
}

const inner = (socket: Socket) => socket as unknown as SocketInternals; // typed private by socket.io

/** Sends an event that asks for an acknowledgement; the function that it returns forgets it. */
export function sendForAnswer(
  socket: Socket,
  data: readonly unknown[],
  { expected, ...flags }: EmitFlags & { expected: Expected },
): () => void {
  const id = (socket.nsp as unknown as { _ids: number })._ids++; // typed private
  sendPacket(socket, { type: PacketType.EVENT, data, id }, flags);
  const acknowledged = (...values: unknown[]) => expected.answered(values);
  inner(socket).acks.set(id, Object.assign(acknowledged, { expected }));
  return () => inner(socket).acks.delete(id);
}

/** Calls the function that awaits an acknowledgement, once; `false` if it is socket.io's to handle. */
export function takeAnswer(socket: Socket, { id = -1, data, problem }: Packet): boolean {
  const { acks } = inner(socket);
  const expected = acks.get(id)?.expected;
  if (!expected && problem === undefined) return false;
  acks.delete(id);
  if (problem === undefined) expected?.answered((data ?? []) as readonly unknown[]);
  else expected?.refused();
  return true;
}

/** Reports to a client that its event was refused, as an exception and as the acknowledgement. */
export function answerRefused(socket: Socket, { id }: Packet, told: object): void {
  sendPacket(socket, { type: PacketType.EVENT, data: [EXCEPTION_EVENT, told] }, {});
  if (id !== undefined) inner(socket).packet({ type: PacketType.ACK, id, data: [told] });
}

/** Drops the acknowledgements awaited from a disconnecting client: code that keeps the socket must not keep them. */
export function forgetAnswers(socket: Socket): void {
  inner(socket).acks.clear();
}
