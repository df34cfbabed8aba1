import type { Server } from 'socket.io';
import { resolveAddress } from '../common/address.js';
import { fromArguments } from '../common/args.js';
import { CALL_TIMEOUT, LONGEST_TIMER } from '../common/constants.js';
import { failure, type FlaskSocketError } from '../common/errors.js';
import { printable } from '../common/printable.js';
import type { Connection } from '../context/connection.js';
import { connectionOf } from '../context/socket-internals.js';
import type { Outgoing } from './deliver.js';
import type { CallOptions } from './emit-options.js';
import { askSocket, originOf, outgoingOf, type Message } from './message.js';
import { isRoom, singleClient } from './single-client.js';

/** Asks one client and waits for its acknowledgement. The one implementation of every `call`. */
export async function ask(
  server: Server,
  message: Message<CallOptions>,
  sender?: Connection,
): Promise<unknown> {
  const { options } = message;
  const shown = printable(message.event);
  const address = resolveAddress(options, sender && originOf(sender, options.namespace));
  const outgoing = outgoingOf(message, 'call()');
  if (address.kind === 'everybody' || address.rooms.length > 1)
    throw failure('FSK_CALL_MANY_RECIPIENTS', shown);
  const socket = singleClient(server, address, sender);
  const connection = socket && connectionOf(socket);
  if (!connection)
    throw failure(isRoom(server, address) ? 'FSK_CALL_MANY_RECIPIENTS' : 'FSK_CALL_NO_RECIPIENT', shown);
  if (connection.held) throw failure('FSK_CALL_BEFORE_CONNECT', shown);
  return await answerOf(connection, outgoing, options);
}

function answerOf(connection: Connection, outgoing: Outgoing, options: CallOptions): Promise<unknown> {
  const { timeout = CALL_TIMEOUT } = options;
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      connection.calls.delete(left);
      forget();
    };
    const give = (error: FlaskSocketError) => {
      end();
      reject(error);
    };
    const left = () => give(failure('FSK_CALL_DISCONNECTED', printable(outgoing[0])));
    const late = () => give(failure('FSK_CALL_TIMEOUT', printable(outgoing[0]), timeout));
    const answered = (...values: unknown[]) => {
      end();
      resolve(fromArguments(values));
    };
    const forget = askSocket(connection.socket, outgoing, { ...options, answered });
    const timer = setTimeout(late, Math.min(timeout, LONGEST_TIMER));
    connection.calls.add(left);
  });
}
