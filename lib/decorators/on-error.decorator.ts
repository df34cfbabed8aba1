import { checkNamespace } from '../common/namespace.js';
import { addHandler, placeOf } from './handler.metadata.js';

/**
 * Handles what the handlers of a namespace throw, as well as its guards, pipes, interceptors and callbacks. The method
 * gets what was thrown; what it returns becomes the client's acknowledgement. `request.event` is still the failed
 * event.
 *
 * @see docs/reference/decorators.md#onerror
 * @example
 * ```ts
 * import { OnError, request, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnError()
 *   failed(error: unknown) {
 *     return { error: `${request.event.message} failed` };
 *   }
 * }
 * ```
 */
export function OnError(namespace?: string): MethodDecorator {
  return (prototype, method, descriptor) => {
    const place = `@OnError() on ${placeOf(prototype, method)}`;
    addHandler(
      { prototype, method, descriptor },
      {
        kind: 'error',
        namespace: namespace === undefined ? undefined : checkNamespace(namespace, place),
      },
    );
  };
}

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
