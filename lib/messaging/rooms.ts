import type { Room } from '../common/address.js';
import { currentRequest } from '../context/storage.js';
import { closeRoomFor, findClient, joinRoomFor, leaveRoomFor, listRooms, roomsOf } from './clients.js';
import type { ClientOptions } from './deliver.js';

/**
 * Adds the sender, or the client `sid`, to a room. It takes effect at once, except for a client of another process.
 * Rooms are named by strings or numbers.
 *
 * @see docs/getting-started.md#rooms
 * @example
 * ```ts
 * import { joinRoom, OnEvent, send, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class RoomGateway {
 *   @OnEvent('join')
 *   join({ room }: { room: string }) {
 *     joinRoom(room);
 *     send('Somebody has entered.', { to: room });
 *   }
 * }
 * ```
 */
export function joinRoom(room: Room, options: ClientOptions = {}): void | Promise<void> {
  const { connection } = currentRequest('joinRoom()');
  return joinRoomFor(findClient(connection.runtime, options, connection), room);
}

/**
 * Removes the sender, or the client `sid`, from a room; it does nothing if the client is not in it.
 *
 * @see docs/getting-started.md#rooms
 * @example
 * ```ts
 * import { leaveRoom } from 'nestjs-flask-socket';
 *
 * const goodbye = () => leaveRoom('lobby');
 * ```
 */
export function leaveRoom(room: Room, options: ClientOptions = {}): void | Promise<void> {
  const { connection } = currentRequest('leaveRoom()');
  return leaveRoomFor(findClient(connection.runtime, options, connection), room);
}

/**
 * Removes all clients from a room.
 *
 * @see docs/getting-started.md#rooms
 * @example
 * ```ts
 * import { closeRoom } from 'nestjs-flask-socket';
 *
 * const endGame = (game: number) => closeRoom(game, { namespace: '/games' });
 * ```
 */
export function closeRoom(room: Room, options: { namespace?: string } = {}): void {
  const { connection } = currentRequest('closeRoom()');
  closeRoomFor(connection.runtime, { room, ...options }, connection);
}

/**
 * The rooms of the sender, or of the client `sid`: its own first; empty for an unknown client.
 *
 * @see docs/getting-started.md#rooms
 * @example
 * ```ts
 * import { rooms } from 'nestjs-flask-socket';
 *
 * const isStaff = () => rooms().includes('staff');
 * ```
 */
export function rooms(options: ClientOptions = {}): string[] {
  const { connection, roomsAtDisconnect } = currentRequest('rooms()');
  const client = findClient(connection.runtime, options, connection);
  const { socket } = connection;
  return roomsAtDisconnect && client.socket === socket
    ? listRooms(socket.id, roomsAtDisconnect)
    : roomsOf(client);
}
