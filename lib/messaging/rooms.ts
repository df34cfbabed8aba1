import type { Room } from '../common/address.js';
import { currentRequest } from '../context/storage.js';
import { close, findClient, join, leave, listed, roomsOf } from './clients.js';
import type { ClientOptions } from './deliver.js';

/**
 * Puts the sender, or the client `sid`, into a room. In force at once; for a client on another process, await what it
 * returns. Rooms are named by strings or numbers.
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
  return join(findClient(connection.runtime, options, connection), room);
}

/**
 * Puts the sender, or the client `sid`, out of a room; not being in it is fine.
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
  return leave(findClient(connection.runtime, options, connection), room);
}

/**
 * Puts everybody out of a room.
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
  close(connection.runtime, { room, ...options }, connection);
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
  const { connection, roomsLeft } = currentRequest('rooms()');
  const client = findClient(connection.runtime, options, connection);
  const { socket } = connection;
  return roomsLeft && client.socket === socket ? listed(socket.id, roomsLeft) : roomsOf(client);
}
