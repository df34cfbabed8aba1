import { failure } from '../common/errors.js';
import { checkNamespace } from '../common/namespace.js';
import type { Refusal, NamespaceConnection } from './namespace-connection.js';
import type { ProtocolClient } from './protocol-client.js';
import { within } from './real-time.js';
import type { HttpAgent } from './web-socket.js';

/** How a test client connects. */
export interface TestClientOptions {
  /** The namespace that it connects to, and that its methods mean where none is named. Default: `/`. */
  namespace?: string;
  /** Query parameters of the handshake: by name, a list for one that is repeated; or as they stand in a URL. */
  query?: Readonly<Record<string, string | readonly string[]>> | string | URLSearchParams;
  /** Headers of the handshake; an `origin` is checked as that of a browser page is. */
  headers?: Record<string, string>;
  /** What the client passes as `auth`. */
  auth?: object;
  /** Who the client is over HTTP: a supertest agent whose cookies are sent along, or the text of a Cookie header. */
  http?: HttpAgent;
  /** How long its methods wait, in milliseconds of the real clock. Default: 2,000. */
  timeout?: number;
}

/** Where a test client listens, and how long. */
export interface WaitOptions {
  /** Default: the namespace that the client was created for. */
  namespace?: string;
  /** Milliseconds of the real clock. Default: what the client was created with, 2,000. */
  timeout?: number;
}

/** Options of `TestClient.connect()`. */
export interface ConnectOptions {
  /** What the client passes as `auth`. Default: what it was created with. */
  auth?: object;
  /** Milliseconds of the real clock. Default: what the client was created with, 2,000. */
  timeout?: number;
}

/** Options of `TestClient.emit()`. */
export interface TestEmitOptions extends WaitOptions {
  /** Wait for the acknowledgement, and resolve with it. Default: false. */
  callback?: boolean;
}

/** Options of `TestClient.emit()` that wait for the acknowledgement. */
export type AnsweredOptions = TestEmitOptions & { callback: true };

/** Options of `TestClient.run()`: which event it is, and what its context holds. */
export interface TestRunOptions extends WaitOptions {
  /** What `request.event.message` says. Default: `test`. */
  event?: string;
  /** What `request.event.args` says. Default: none. */
  args?: readonly unknown[];
  /** Who `request.user` is, from then on. */
  user?: object | string | number;
  /** What is written to `session` before. */
  session?: object;
  /** What is written to `g` before. */
  g?: object;
}

/** Options of `TestClient.send()`. */
export interface TestSendOptions extends TestEmitOptions {
  /** Send a `json` event instead of a `message` event. Default: false. */
  json?: boolean;
}

/** How a test client was created. */
export interface Defaults {
  namespace: string;
  auth: object | undefined;
  timeout: number;
}

/** How a test client comes and goes; the base of `TestClient`. */
export class TestConnection {
  /** @internal */
  constructor(
    /** @internal */
    protected readonly client: ProtocolClient,
    /** @internal */
    protected readonly defaults: Defaults,
  ) {}

  /**
   * Connects to a namespace: a further one, or again after a disconnect. Resolves with whether the server lets the
   * client in; `refusal()` says why not. Rejects with `FSK_TEST_TIMEOUT` if the server does not decide, with
   * `FSK_NOT_SERIALIZABLE` for an `auth` that cannot be sent.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * async function entersChat(client: TestClient) {
   *   return await client.connect('/chat', { auth: { token: 'secret' } }); // true
   * }
   * ```
   */
  connect(
    namespace: string = this.defaults.namespace,
    { auth = this.defaults.auth, timeout = this.defaults.timeout }: ConnectOptions = {},
  ): Promise<boolean> {
    return rejecting(() => {
      const connection = this.client.connectionTo(checkNamespace(namespace, 'connect() of a test client'));
      if (!connection.isConnected && !connection.isAsking) this.client.join(connection, auth);
      return this.#decision(connection, timeout);
    });
  }

  /** Whether the client is connected to a namespace. A disconnect by the server is noticed. */
  isConnected(namespace: string = this.defaults.namespace): boolean {
    return this.client.connectionTo(namespace).isConnected;
  }

  /** The client's id in a namespace (`request.sid` in its handlers); `undefined` while it is not connected. */
  sid(namespace: string = this.defaults.namespace): string | undefined {
    return this.client.connectionTo(namespace).sid;
  }

  /**
   * Why the server refused the client: message and data of its `connect_error`, or what the server answered to the
   * handshake. `undefined` if it did not.
   *
   * @example
   * ```ts
   * import type { INestApplication } from '@nestjs/common';
   * import { createTestClient } from 'nestjs-flask-socket/testing';
   *
   * async function isRefused(app: INestApplication) {
   *   const client = await createTestClient(app, { namespace: '/chat', auth: { token: 'wrong' } });
   *   return client.refusal(); // { message: 'Connection rejected by server' }
   * }
   * ```
   */
  refusal(namespace: string = this.defaults.namespace): Refusal | undefined {
    return this.client.connectionTo(namespace).refusal;
  }

  /**
   * Why the client is no longer connected, in the words of Socket.IO's client: `io server disconnect`,
   * `io client disconnect` or `transport close`. `undefined` while it is connected, and before it ever was.
   */
  disconnectReason(namespace: string = this.defaults.namespace): string | undefined {
    return this.client.connectionTo(namespace).disconnectReason;
  }

  /**
   * Leaves a namespace; the client's others stay. Resolves when the disconnect handler has ended. Rejects with
   * `FSK_TEST_DISCONNECTED` if the client is not connected, with `FSK_TEST_TIMEOUT` if the handler does not end.
   */
  disconnect(namespace: string = this.defaults.namespace): Promise<void> {
    return rejecting(() => {
      const before = new Set(this.client.handlers());
      this.client.leave(this.client.connected(namespace));
      return this.settled(`the disconnect handler of ${namespace}`, { before });
    });
  }

  /**
   * Ends the connection, as a closed browser tab does. Resolves when the disconnect handlers have ended. Nothing
   * happens if the connection has ended already, with the application for example.
   */
  async close(): Promise<void> {
    const before = new Set(this.client.handlers());
    await this.client.close(this.defaults.timeout);
    await this.settled('the disconnect handlers', { before });
  }

  /** The same as `close()`, for `await using client = await createTestClient(app)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Resolves when the handlers that were started have ended, and what they sent has arrived. */
  protected async settled(
    what: string,
    {
      before,
      namespace = this.defaults.namespace,
      timeout = this.defaults.timeout,
    }: { before?: ReadonlySet<Promise<void>>; namespace?: string; timeout?: number } = {},
  ): Promise<void> {
    if (await this.client.settled(timeout, before)) return;
    throw failure('FSK_TEST_TIMEOUT', what, timeout, this.client.inbox.describe(namespace));
  }

  async #decision(connection: NamespaceConnection, timeout: number): Promise<boolean> {
    const { namespace } = connection;
    const what = `a decision about ${namespace}`;
    await within<void>(
      timeout,
      (_, reject) =>
        reject(failure('FSK_TEST_TIMEOUT', what, timeout, this.client.inbox.describe(namespace))),
      (resolve) => {
        if (!connection.isAsking) resolve();
        return connection.watch(resolve);
      },
    );
    await this.settled(what, { namespace, timeout });
    return connection.isConnected;
  }
}

/** A method that returns a promise throws nothing; what it does at once, it still does at once. */
export function rejecting<T>(act: () => Promise<T>): Promise<T> {
  try {
    return act();
  } catch (error) {
    return Promise.reject(error);
  }
}
