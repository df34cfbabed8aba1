import type { Server, Socket } from 'socket.io';
import type { Address } from '../common/address.js';
import { clientIn } from '../socketio/adapter-internals.js';
import type { Connection } from '../context/connection.js';
import { existingNamespace } from '../socketio/socket-internals.js';
import { recipient } from './deliver.js';

/** The client that an address names, if it names one that is here. */
export function singleClient(server: Server, address: Address, sender?: Connection): Socket | undefined {
  const socket = namedClient(server, address, sender);
  return socket && !address.except.includes(socket.id) ? socket : undefined;
}

function namedClient(server: Server, address: Address, sender?: Connection): Socket | undefined {
  if (address.kind === 'self') return sender && recipient(sender, address.namespace);
  const [sid, ...more] = address.rooms;
  if (sid === undefined || more.length > 0) return undefined;
  const { namespace } = address;
  if (sender && sid === sender.socket.id && namespace === sender.socket.nsp.name)
    return recipient(sender, namespace);
  return clientIn(existingNamespace(server, namespace), sid);
}

/** Whether an address names a room that has clients. */
export function isRoom(server: Server, { kind, namespace, rooms: [room = ''] }: Address): boolean {
  const { adapter } = existingNamespace(server, namespace) ?? {};
  return kind === 'rooms' && adapter?.rooms.has(room) === true && !adapter.sids.has(room);
}
