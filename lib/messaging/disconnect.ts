import { currentRequest } from '../context/storage.js';
import { end, findClient } from './clients.js';
import type { ClientOptions } from './emit-options.js';

/**
 * Ends the sender's connection to this namespace, or that of the client `sid`: the client is told, its disconnect
 * handler runs, and the calling handler goes on. In `@OnConnect()` it refuses the client.
 *
 * @see docs/getting-started.md#connection-events
 * @example
 * ```ts
 * import { disconnect, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class ExitGateway {
 *   @OnEvent('disconnect request')
 *   leave() {
 *     disconnect();
 *   }
 * }
 * ```
 */
export function disconnect(options: ClientOptions = {}): void {
  const { connection } = currentRequest('disconnect()');
  end(findClient(connection.runtime, options, connection));
}
