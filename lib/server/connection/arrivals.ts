import { handlePacket, type Arrival } from '../../context/decoder-internals.js';
import { inOneTurn } from '../engine/outbox.js';

/**
 * Hands a packet to its socket. One that came alone is handled at once. Those that came together are handled when all
 * of them are decoded, in a tick each, as in socket.io.
 */
export function receive(arrival: Arrival): void {
  const { client } = arrival.connection;
  if (arrival.isLast && !client.undelivered) return inOneTurn(deliverNow, arrival);
  client.undelivered = (client.undelivered ?? 0) + 1;
  process.nextTick(deliverLater, arrival);
}

function deliverLater(arrival: Arrival): void {
  arrival.connection.client.undelivered!--;
  handlePacket(arrival);
}

/** What is thrown here is no error of the protocol, which socket.io would take it for. */
function deliverNow(arrival: Arrival): void {
  try {
    handlePacket(arrival);
  } catch (error) {
    process.nextTick(rethrow, error);
  }
}

function rethrow(error: unknown): never {
  throw error;
}
