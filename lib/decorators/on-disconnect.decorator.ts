import { checkNamespace } from '../common/namespace.js';
import { addHandler, placeOf } from './handler.metadata.js';

/**
 * Runs once for every client that was connected to the namespace and leaves it, while its rooms still exist. The method
 * gets the reason, in Socket.IO's words (`'transport close'`, `'client namespace disconnect'` …).
 *
 * @see docs/reference/decorators.md#ondisconnect
 * @example
 * ```ts
 * import { emit, OnDisconnect, request, rooms, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnDisconnect()
 *   left(reason: string) {
 *     emit('left', { sid: request.sid, reason }, { to: rooms(), includeSelf: false });
 *   }
 * }
 * ```
 */
export function OnDisconnect(namespace?: string): MethodDecorator {
  return (prototype, method, descriptor) => {
    const place = `@OnDisconnect() on ${placeOf(prototype, method)}`;
    addHandler(
      { prototype, method, descriptor },
      {
        kind: 'disconnect',
        namespace: namespace === undefined ? undefined : checkNamespace(namespace, place),
      },
    );
  };
}
