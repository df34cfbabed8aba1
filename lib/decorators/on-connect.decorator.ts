import { checkNamespace } from '../common/namespace.js';
import { addHandler, placeOf } from './handler.metadata.js';

/**
 * Runs before a client is connected to the namespace, once per namespace. The method gets the client's `auth`
 * (`undefined` if none). Returning `false` refuses the client, as does throwing (`ConnectionRefusedError` with a
 * message of yours) and a guard that says no; its `connect_error` says why. It may emit and join rooms: what it sends
 * to the client follows the acceptance.
 *
 * @see docs/reference/decorators.md#onconnect
 * @example
 * ```ts
 * import { emit, OnConnect, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnConnect()
 *   connect(auth?: { token?: string }) {
 *     if (!auth?.token) return false;
 *     emit('my response', { data: 'Connected' });
 *   }
 * }
 * ```
 */
export function OnConnect(namespace?: string): MethodDecorator {
  return (prototype, method, descriptor) => {
    const place = `@OnConnect() on ${placeOf(prototype, method)}`;
    addHandler(
      { prototype, method, descriptor },
      {
        kind: 'connect',
        namespace: namespace === undefined ? undefined : checkNamespace(namespace, place),
      },
    );
  };
}

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
