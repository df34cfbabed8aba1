import { failure } from '../common/errors.js';
import { checkNamespace } from '../common/namespace.js';
import type { Refusal, NamespaceConnection } from './namespace-connection.js';
import type { ProtocolClient } from './protocol-client.js';
import { withTimeout } from './real-timers.js';

/** A supertest (superagent) agent that has logged in, or the text of a `Cookie` header. */
export type HttpAgent = string | { jar: unknown };

/** How a test client connects. */
export interface TestClientOptions {
  /** The namespace that it connects to, and the default of its methods. Default: `/`. */
  namespace?: string;
  /** Query parameters of the handshake: an object (with a list for a repeated one), or the text of a URL's query. */
  query?: Readonly<Record<string, string | readonly string[]>> | string | URLSearchParams;
  /** Headers of the handshake. An `origin` is checked like that of a browser's page. */
  headers?: Record<string, string>;
  /** What the client passes as `auth`. */
  auth?: object;
  /** The client's cookies: a supertest agent that has them, or the text of a `Cookie` header. */
  http?: HttpAgent;
  /** How long its methods wait, in milliseconds of the real clock. Default: 2,000. */
  timeout?: number;
}

/** The namespace and the timeout of a test client's method. */
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
export type CallbackOptions = TestEmitOptions & { callback: true };

/** Options of `TestClient.run()`: the event, and the values of its context. */
export interface TestRunOptions extends WaitOptions {
  /** The value of `request.event.message`. Default: `test`. */
  event?: string;
  /** The value of `request.event.args`. Default: none. */
  args?: readonly unknown[];
  /** The value of `request.user`, also for later events. */
  user?: object | string | number;
  /** Values that are written to `session` first. */
  session?: object;
  /** Values that are written to `g` first. */
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

/** How a test client connects and disconnects: the base class of `TestClient`. */
export class TestConnection {
  /** @internal */
  constructor(
    /** @internal */
    protected readonly client: ProtocolClient,
    /** @internal */
    protected readonly defaults: Defaults,
  ) {}

  /**
   * Connects to a further namespace, or again after a disconnect. Resolves with `true` if the server accepts the
   * client, with `false` if it does not: `refusal()` says why. Rejects with `FSK_TEST_TIMEOUT` if the server does neither, with
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
    return asRejection(() => {
      const connection = this.client.connectionTo(checkNamespace(namespace, 'connect() of a test client'));
      if (!connection.isConnected && !connection.isConnecting) this.client.connect(connection, auth);
      return this.#accepted(connection, timeout);
    });
  }

  /** Whether the client is connected to a namespace. `false` after a disconnect by the server. */
  isConnected(namespace: string = this.defaults.namespace): boolean {
    return this.client.connectionTo(namespace).isConnected;
  }

  /** The client's id in a namespace (`request.sid` in its handlers); `undefined` while it is not connected. */
  sid(namespace: string = this.defaults.namespace): string | undefined {
    return this.client.connectionTo(namespace).sid;
  }

  /**
   * Why the server refused the client: message and data of its `connect_error`, or the response to the handshake.
   * `undefined` if the client was not refused.
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
   * Why the client is no longer connected. The reasons are those of Socket.IO's client: `io server disconnect`,
   * `io client disconnect` or `transport close`. `undefined` while it is connected, and if it never was.
   */
  disconnectReason(namespace: string = this.defaults.namespace): string | undefined {
    return this.client.connectionTo(namespace).disconnectReason;
  }

  /**
   * Disconnects from one namespace. Resolves when the disconnect handler has ended. Rejects with
   * `FSK_TEST_DISCONNECTED` if the client is not connected, and with `FSK_TEST_TIMEOUT` if the handler does not end.
   */
  disconnect(namespace: string = this.defaults.namespace): Promise<void> {
    return asRejection(() => {
      const before = new Set(this.client.runningHandlers());
      this.client.disconnect(this.client.connectedTo(namespace));
      return this.settled(`the disconnect handler of ${namespace}`, { before });
    });
  }

  /**
   * Closes the connection, as a closed browser tab does. Resolves when the disconnect handlers have ended. Does nothing
   * if the connection is closed already, for example because the application was closed.
   */
  async close(): Promise<void> {
    const before = new Set(this.client.runningHandlers());
    await this.client.close(this.defaults.timeout);
    await this.settled('the disconnect handlers', { before });
  }

  /** The same as `close()`, for `await using client = await createTestClient(app)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Resolves when the handlers that are not in `before` have ended and what they sent has arrived. */
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

  async #accepted(connection: NamespaceConnection, timeout: number): Promise<boolean> {
    const { namespace } = connection;
    const what = `the server to accept or refuse the client in ${namespace}`;
    await withTimeout<void>(
      timeout,
      (_, reject) =>
        reject(failure('FSK_TEST_TIMEOUT', what, timeout, this.client.inbox.describe(namespace))),
      (resolve) => {
        if (!connection.isConnecting) resolve();
        return connection.onChange(resolve);
      },
    );
    await this.settled(what, { namespace, timeout });
    return connection.isConnected;
  }
}

/** Calls a function at once, and returns what it throws as a rejected promise. */
export function asRejection<T>(act: () => Promise<T>): Promise<T> {
  try {
    return act();
  } catch (error) {
    return Promise.reject(error);
  }
}
