import type { Socket } from 'socket.io';
import type { Origin } from '../common/address.js';
import { failureFrom } from '../common/errors.js';
import type { Outgoing } from '../common/outgoing.js';
import { printable } from '../common/printable.js';
import { sendForAnswer } from '../socketio/acknowledgements.js';
import type { Connection } from '../context/connection.js';
import { siblingOf } from '../socketio/socket-internals.js';

/** An event's name, data and options, as `emit` and `call` take them. */
export interface Message<Options> {
  event: string;
  data?: unknown;
  options: Options;
}

/** Where a sender speaks from; its sid is the one that it has where it speaks to. */
export function originOf({ socket }: Connection, to = socket.nsp.name): Origin {
  const { id: sid } = siblingOf(socket, to) ?? socket;
  return { namespace: socket.nsp.name, sid };
}

/** Sends an event to one client, whose acknowledgement goes to `expected`; what it returns forgets it. */
export function askSocket(
  socket: Socket,
  outgoing: Outgoing,
  options: Parameters<typeof sendForAnswer>[2],
): () => void {
  try {
    return sendForAnswer(socket, outgoing, options);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', printable(outgoing[0]));
  }
}
