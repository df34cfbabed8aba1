import type { Server } from 'socket.io';
import { clearAnyTimer } from './real-time.js';

/*
 * The parts of socket.io 4.8 and engine.io 6.6 that their types keep private and that a client in the same process
 * needs: Server._parser, as the server was made with it; Socket.pingIntervalTimer of the engine.
 */

/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

/** Puts packets together from what arrives. */
export interface Decoder {
  on(event: 'decoded', listener: (packet: Packet) => void): unknown;
  add(data: unknown): void;
}

/** What turns packets into text and bytes, and back. */
export interface PacketParser {
  Decoder: new () => Decoder;
  Encoder: new () => { encode(packet: Packet): unknown[] };
}

interface Engine {
  clients?: Record<string, { pingIntervalTimer?: ReturnType<typeof setTimeout> | null } | undefined>;
}

/** The parser of a server: its clients speak the same. */
export function parserOf(server: Server): PacketParser {
  return (server as unknown as { _parser: PacketParser })._parser; // typed private
}

/**
 * Ends the heartbeat of a connection. Between two ends in one process nothing can get lost, and a test that moves a
 * fake clock by minutes, with no turn of the event loop in which to answer, would lose its clients.
 */
export function stopHeartbeat(server: Server, engineId: string): void {
  const { clients } = server.engine as unknown as Engine; // typed private
  clearAnyTimer(clients?.[engineId]?.pingIntervalTimer);
}
