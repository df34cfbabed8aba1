import type { Socket } from 'socket.io';
import { resolveAddress } from '../common/address.js';
import type { Connection, Runtime } from '../context/connection.js';
import { connectionOf } from '../context/socket-internals.js';
import { deliver, type Outgoing } from './deliver.js';
import type { EmitOptions } from './emit-options.js';
import { askSocket, originOf, outgoingOf, type Message } from './message.js';
import { singleClient } from './single-client.js';

const CALLBACK_FOR_MANY =
  'emit() with a callback asks one client: for a broadcast or a room the callback is never called. ' +
  'Use call() to ask one client, and members(room) to ask each.';

/** Emits; `sender` is the connection whose handler speaks. The one implementation of every `emit`. */
export function speak(runtime: Runtime, message: Message<EmitOptions>, sender?: Connection): void {
  const { server } = runtime;
  const { options } = message;
  const address = resolveAddress(options, sender && originOf(sender, options.namespace));
  const outgoing = outgoingOf(message, 'emit()');
  if (!options.callback) return deliver(server, { address, outgoing, options }, sender);

  const socket = singleClient(server, address, sender);
  if (socket) return speakForCallback(socket, { outgoing, options, sender });
  if (address.kind !== 'self') {
    runtime.warnOnce('callback', CALLBACK_FOR_MANY);
  }
  deliver(server, { address, outgoing, options }, sender);
}

function speakForCallback(
  socket: Socket,
  { outgoing, options, sender }: { outgoing: Outgoing; options: EmitOptions; sender: Connection | undefined },
): void {
  const { callback } = options;
  const owner = sender ?? connectionOf(socket);
  if (!callback || !owner) return;
  const answered = (...values: unknown[]) => owner.runtime.callBack(owner, values, callback);
  askSocket(socket, outgoing, { ...options, answered });
}
