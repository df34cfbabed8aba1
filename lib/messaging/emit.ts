import { unnamedEvent } from '../common/args.js';
import type { EmitParameters, EventName, ServerEvents } from '../common/typed-events.js';
import { currentRequest } from '../context/storage.js';
import type { EmitOptions, SendOptions } from './deliver.js';
import { emitEvent } from './emit-event.js';

/**
 * Sends an event from inside a handler: to the sender, unless `to`, `room` or `broadcast` say otherwise; in the event's
 * namespace, unless `namespace` says otherwise. `args(…)` sends several arguments, an array is one, `undefined` none.
 *
 * @throws FSK_NO_CONTEXT outside of a handler; use `SocketIO` there
 * @throws FSK_NOT_SERIALIZABLE for data that cannot be serialized
 * @see docs/getting-started.md#sending
 * @see docs/getting-started.md#broadcasting
 * @example
 * ```ts
 * import { emit, OnEvent, request, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnEvent('my event')
 *   handle(data: string) {
 *     emit('my response', { data }); // to the sender
 *     emit('news', { data }, { broadcast: true, includeSelf: false });
 *     emit('note', { data }, { to: ['staff', request.sid] });
 *   }
 * }
 * ```
 */
export function emit<E extends EventName<ServerEvents>>(
  event: E,
  ...[data, options]: EmitParameters<ServerEvents, E, EmitOptions>
): void {
  const { connection } = currentRequest('emit()');
  emitEvent(connection.runtime, { event, data, options: options ?? {} }, connection);
}

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
  emitEvent(connection.runtime, { event: unnamedEvent(options), data, options }, connection);
}
