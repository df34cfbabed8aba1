import { CONNECTION_REJECTED } from './constants.js';

/**
 * Thrown in `@OnConnect()`, refuses the connection: the client's `connect_error` gets `message` and `data`. It passes
 * the error handlers by.
 *
 * @see docs/getting-started.md#connection-events
 * @example
 * ```ts
 * import { Auth, ConnectionRefusedError, OnConnect, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway('/chat')
 * export class ChatGateway {
 *   @OnConnect()
 *   connect(@Auth() auth?: { token?: string }) {
 *     if (!auth?.token) throw new ConnectionRefusedError('no token', { retry: false });
 *   }
 * }
 * ```
 */
export class ConnectionRefusedError extends Error {
  override readonly name = 'ConnectionRefusedError';

  constructor(
    /** The text of the client's `connect_error`. Default: "Connection rejected by server". */
    message: string = CONNECTION_REJECTED,
    /** The `data` of the client's `connect_error`: anything JSON knows. */
    readonly data?: unknown,
  ) {
    super(message || CONNECTION_REJECTED);
  }
}
