import type { Socket } from 'socket.io';
import type { Origin } from '../common/address.js';
import { toArguments } from '../common/args.js';
import { failure, failureFrom } from '../common/errors.js';
import { checkEventName } from '../common/event-name.js';
import { printable } from '../common/printable.js';
import type { Connection } from '../context/connection.js';
import { sendForAnswer, siblingOf } from '../context/socket-internals.js';
import type { Outgoing } from './deliver.js';

/** An event's name, data and options, as `emit` and `call` take them. */
export interface Message<Options> {
  event: string;
  data?: unknown;
  options: Options;
}

/** A function among the values is refused: socket.io would take it for the callback of a broadcast. */
export function outgoingOf({ event, data }: Message<unknown>, place: string): Outgoing {
  const values = toArguments(data);
  if (values.some((value) => typeof value === 'function'))
    throw failure('FSK_NOT_SERIALIZABLE', printable(event));
  return [checkEventName(event, place), ...values];
}

/** Where a sender speaks from; its sid is the one that it has where it speaks to. */
export function originOf({ socket }: Connection, to = socket.nsp.name): Origin {
  const { id: sid } = siblingOf(socket, to) ?? socket;
  return { namespace: socket.nsp.name, sid };
}

/** Sends an event to one client and calls `answered` with its acknowledgement; what it returns forgets it. */
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
