import type { EmitParameters, EventAnswer, EventName, ServerEvents } from '../common/typed-events.js';
import { currentRequest } from '../context/storage.js';
import { ask } from './call-client.js';
import type { CallOptions } from './emit-options.js';

/**
 * Sends an event and resolves with the client's acknowledgement: its value, or an array of several. Asks the sender, or
 * `to` one sid.
 *
 * @throws FSK_CALL_TIMEOUT after `timeout` (60 s)
 * @throws FSK_CALL_DISCONNECTED when the client leaves
 * @throws FSK_CALL_NO_RECIPIENT where there is none
 * @throws FSK_CALL_MANY_RECIPIENTS for a broadcast or a room
 * @see docs/getting-started.md#asking-the-client
 * @example
 * ```ts
 * import { call, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class QuizGateway {
 *   @OnEvent('ready')
 *   async ready() {
 *     return { answer: await call('question', 'Six times seven?', { timeout: 5_000 }) };
 *   }
 * }
 * ```
 */
export async function call<E extends EventName<ServerEvents>>(
  event: E,
  ...[data, options]: EmitParameters<ServerEvents, E, CallOptions>
): Promise<EventAnswer<ServerEvents, E>> {
  const { connection } = currentRequest('call()');
  const answer = await ask(connection.runtime, { event, data, options: options ?? {} }, connection);
  return answer as EventAnswer<ServerEvents, E>;
}
