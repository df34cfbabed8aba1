import { addHandler } from './handler.metadata.js';

/**
 * Handles what is thrown in namespaces that have no `@OnError()`.
 *
 * @see docs/reference/decorators.md#onerrordefault
 * @example
 * ```ts
 * import { OnErrorDefault, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * export class ErrorGateway {
 *   @OnErrorDefault()
 *   failed(error: unknown) {
 *     return { error: 'something went wrong' };
 *   }
 * }
 * ```
 */
export function OnErrorDefault(): MethodDecorator {
  return (prototype, method, descriptor) =>
    addHandler({ prototype, method, descriptor }, { kind: 'errorDefault' });
}
