import { unnamedEvent } from '../common/outgoing.js';
import { currentRequest } from '../context/storage.js';
import type { SendOptions } from './emit-options.js';
import { speak } from './emit-event.js';

/**
 * Sends an unnamed message from inside a handler: a `message` event, or a `json` event with `{ json: true }`.
 * Everything else is as in `emit`.
 *
 * @see docs/getting-started.md#sending
 * @example
 * ```ts
 * import { OnEvent, send, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class EchoGateway {
 *   @OnEvent('message')
 *   message(text: string) {
 *     send(text);
 *   }
 *
 *   @OnEvent('json')
 *   json(data: object) {
 *     send(data, { json: true });
 *   }
 * }
 * ```
 */
export function send(data: unknown, options: SendOptions = {}): void {
  const { connection } = currentRequest('send()');
  speak(connection.runtime, { event: unnamedEvent(options), data, options }, connection);
}
