import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import type { ClientEvents, EmitParameters, EventAnswer, EventName } from '../common/typed-events.js';
import type { AnyFunction } from '../context/connection.js';
import { currentRequest } from '../context/storage.js';
import type { HeardEvent, ReceivedEvent } from './inbox.js';
import type { SentEvent } from './protocol-client.js';
import { withTimeout } from './real-timers.js';
import {
  type CallbackOptions,
  asRejection,
  TestConnection,
  type TestEmitOptions,
  type TestRunOptions,
  type TestSendOptions,
  type WaitOptions,
} from './test-connection.js';

/**
 * A client in the same process as the application, created by `createTestClient()`. What it sends and receives passes
 * through the real server: handshake, middlewares, encoder and decoder.
 * @see docs/testing.md
 */
export class TestClient extends TestConnection {
  /**
   * Sends an event. Resolves when its handler has ended and what it sent has arrived; with `{ callback: true }` when it
   * is acknowledged, with one value, an array of several, or `undefined`. Rejects with `FSK_TEST_DISCONNECTED`, with
   * `FSK_NOT_SERIALIZABLE` for data that cannot be sent, and with `FSK_TEST_TIMEOUT` if its handler takes too long.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * async function speaks(client: TestClient) {
   *   await client.emit('my event', { data: 'Hello' });
   *   return await client.emit('my event', { data: 'Hello' }, { callback: true }); // for example ['one', 2]
   * }
   * ```
   */
  emit<E extends EventName<ClientEvents>>(
    event: E,
    data: EmitParameters<ClientEvents, E, CallbackOptions>[0],
    options: CallbackOptions,
  ): Promise<EventAnswer<ClientEvents, E>>;
  emit<E extends EventName<ClientEvents>>(
    event: E,
    ...rest: EmitParameters<ClientEvents, E, TestEmitOptions>
  ): Promise<void>;
  emit(event: string, data?: unknown, options: TestEmitOptions = {}): Promise<unknown> {
    return this.#emitEvent({ event, data }, options);
  }

  /** Sends a `message` event, or a `json` event with `{ json: true }`. Otherwise the same as `emit()`. */
  send(data: unknown, { json, ...options }: TestSendOptions = {}): Promise<unknown> {
    return this.#emitEvent({ event: json ? 'json' : 'message', data }, options);
  }

  /**
   * Sends an event and resolves with its acknowledgement, like `emit()` with `{ callback: true }`. An event without a
   * handler is never acknowledged. Rejects with the same errors as `emit()`.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * async function asks(client: TestClient) {
   *   return await client.call('how many', { of: 'apples' }, { timeout: 500 });
   * }
   * ```
   */
  call<E extends EventName<ClientEvents>>(
    event: E,
    ...[data, options]: EmitParameters<ClientEvents, E, WaitOptions>
  ): Promise<EventAnswer<ClientEvents, E>> {
    const answer = this.#emitEvent({ event, data }, { ...options, callback: true });
    return answer as Promise<EventAnswer<ClientEvents, E>>;
  }

  /**
   * Acknowledges an event that the server sends with a callback or by `call()`. The acknowledgement is what `listener`
   * returns or resolves with. Without a listener such an event is never acknowledged. `getReceived()` has it as well.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * function answersQuestions(client: TestClient) {
   *   client.on('question', (text: string) => (text === 'Six times seven?' ? 42 : undefined));
   * }
   * ```
   */
  on(event: HeardEvent, listener: AnyFunction, namespace: string = this.defaults.namespace): void {
    this.client.connectionTo(namespace).listeners.set(event, listener);
  }

  /**
   * The events that were received in a namespace since the last call, oldest first.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * function lastMessage(client: TestClient) {
   *   const received = client.getReceived('/chat'); // [{ name: 'message', args: 'Hello', namespace: '/chat' }]
   *   return received.at(-1)?.args;
   * }
   * ```
   */
  getReceived(namespace: string = this.defaults.namespace): ReceivedEvent[] {
    const received: unknown[] = this.client.inbox.take(namespace);
    return received as ReceivedEvent[];
  }

  /**
   * Calls a function in the context of an event of this client, for example a method of a gateway without its
   * decorators, guards and pipes. Resolves with its result when what it sent has arrived. Rejects with what it throws,
   * without calling error handlers.
   *
   * @throws FSK_TEST_DISCONNECTED if the client is not connected
   * @throws FSK_TEST_TIMEOUT if the function does not end
   * @see docs/testing.md#calling-a-handler
   * @example
   * ```ts
   * import { emit, session } from 'nestjs-flask-socket';
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * const greet = () => emit('hello', session.username);
   *
   * async function greets(client: TestClient) {
   *   await client.run(() => greet(), { session: { username: 'Ann' } });
   *   return client.getReceived(); // [{ name: 'hello', args: ['Ann'], namespace: '/' }]
   * }
   * ```
   */
  run<Result>(fn: () => Result, options: TestRunOptions = {}): Promise<Awaited<Result>> {
    return this.#runInContext(fn, options) as Promise<Awaited<Result>>;
  }

  /**
   * Resolves with the first event of a name, received already or before the timeout, and takes it out of
   * `getReceived()`. Rejects with `FSK_TEST_DISCONNECTED`, or with `FSK_TEST_TIMEOUT`, which lists what was received.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * async function hearsNews(client: TestClient) {
   *   const { args } = await client.waitFor('news', { timeout: 500 });
   *   return args; // [{ title: 'It works' }]
   * }
   * ```
   */
  waitFor<E extends HeardEvent>(
    event: E,
    { namespace = this.defaults.namespace, timeout = this.defaults.timeout }: WaitOptions = {},
  ): Promise<ReceivedEvent<E>> {
    const { inbox } = this.client;
    const connection = this.client.connectionTo(namespace);
    return withTimeout<ReceivedEvent<E>>(
      timeout,
      (_, reject) =>
        reject(failure('FSK_TEST_TIMEOUT', `event ${printable(event)}`, timeout, inbox.describe(namespace))),
      (resolve, reject) => {
        const stopWaiting = inbox.waitFor(namespace, event, (found) => resolve(found as ReceivedEvent<E>));
        const stopListening = connection.onChange(() => {
          if (!connection.isConnected) reject(failure('FSK_TEST_DISCONNECTED', namespace));
        });
        return () => {
          stopWaiting();
          stopListening();
        };
      },
    );
  }

  /**
   * Rejects with `FSK_TEST_UNEXPECTED`, which lists the events of `getReceived()`, if there are any or one is received
   * within `milliseconds` of the real clock. They stay there. Default: 0, which waits for what was already sent.
   *
   * @example
   * ```ts
   * import type { TestClient } from 'nestjs-flask-socket/testing';
   *
   * async function staysSilent(client: TestClient, other: TestClient) {
   *   await client.emit('whisper', { to: client.sid() });
   *   await other.expectNothing();
   * }
   * ```
   */
  async expectNothing(milliseconds = 0, namespace: string = this.defaults.namespace): Promise<void> {
    const { inbox } = this.client;
    await this.client.idle();
    await withTimeout<void>(
      milliseconds,
      (resolve) => resolve(),
      (_, reject) =>
        inbox.waitForAny(namespace, () => reject(failure('FSK_TEST_UNEXPECTED', inbox.describe(namespace)))),
    );
  }

  async #runInContext(fn: () => unknown, options: TestRunOptions): Promise<unknown> {
    const { namespace = this.defaults.namespace, timeout, event = 'test', args = [] } = options;
    const connection = this.client.connectedTo(namespace);
    const before = new Set(this.client.runningHandlers());
    const running = this.client.run(connection, { message: event, args }, () => withValues(options, fn));
    running.catch(() => {}); // awaited below
    await this.settled('the function given to run() to end', { before, namespace, timeout });
    return await running;
  }

  #emitEvent(message: { event: string; data?: unknown }, options: TestEmitOptions): Promise<unknown> {
    const { namespace = this.defaults.namespace, callback = false } = options;
    return asRejection(() => {
      const connection = this.client.connectedTo(namespace);
      const sent = this.client.emit(connection, { data: undefined, ...message }, callback);
      const done = callback ? this.#ackOf(sent, options) : this.#handlerEnded(sent, options);
      done.catch(() => {}); // no unhandled rejection if the test does not wait for it
      return done;
    });
  }

  async #handlerEnded({ event, before, connection }: SentEvent, { timeout }: TestEmitOptions): Promise<void> {
    const what = `the handler of ${printable(event)} to end`;
    await this.settled(what, { before, namespace: connection.namespace, timeout });
  }

  async #ackOf(sent: SentEvent, { timeout = this.defaults.timeout }: TestEmitOptions): Promise<unknown> {
    const what = `the acknowledgement of ${printable(sent.event)}`;
    const received = () => this.client.inbox.describe(sent.connection.namespace);
    const answer = await withTimeout(
      timeout,
      (_, reject) => reject(failure('FSK_TEST_TIMEOUT', what, timeout, received())),
      this.client.acknowledgement(sent),
    );
    await this.client.idle();
    return answer;
  }
}

/** Sets the values that the test gives to the context, and calls a function. */
function withValues<Result>({ user, session, g }: TestRunOptions, fn: () => Result): Result {
  const request = currentRequest('run()');
  if (user !== undefined) request.user = user;
  if (session) Object.assign(request.session, session);
  if (g) Object.assign(request.globals, g);
  return fn();
}
