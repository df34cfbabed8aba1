import { setAuthenticatedOnly } from './handler.metadata.js';

/**
 * Disconnects a client without `request.user` instead of calling the handler; at `@OnConnect()` it refuses the client.
 * It looks after the guards, which may set the user.
 *
 * @see docs/reference/decorators.md#authenticatedonly
 * @example
 * ```ts
 * import { AuthenticatedOnly, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class AccountGateway {
 *   @OnEvent('withdraw')
 *   @AuthenticatedOnly()
 *   withdraw(amount: number) {
 *     return amount;
 *   }
 * }
 * ```
 */
export function AuthenticatedOnly(): MethodDecorator {
  return (prototype, method) => setAuthenticatedOnly(prototype, method);
}
