import { failure } from '../common/errors.js';
import { printable } from '../common/printable.js';
import type { ClientEvents, EmitParameters, EventAnswer, EventName } from '../common/typed-events.js';
import type { AnyFunction } from '../context/connection.js';
import { currentRequest } from '../context/storage.js';
import type { HeardEvent, ReceivedEvent } from './inbox.js';
import type { Sent } from './protocol-client.js';
import { within } from './real-time.js';
import {
  type AnsweredOptions,
  rejecting,
  TestConnection,
  type TestEmitOptions,
  type TestRunOptions,
  type TestSendOptions,
  type WaitOptions,
} from './test-connection.js';

/**
 * A client inside the test's process; made by `createTestClient()`. What it sends and receives goes through the real
 * server: handshake, middlewares, encoder and decoder.
 * @see docs/testing.md
 */
export class TestClient extends TestConnection {
  /**
   * Sends an event. Resolves when its handler has ended and what was sent meanwhile has arrived; with
   * `{ callback: true }` as soon as it is acknowledged, with the acknowledgement: one value, several as an array, none
   * as `undefined`. Rejects with `FSK_TEST_DISCONNECTED`, with `FSK_NOT_SERIALIZABLE` for data that cannot be sent, and
   * with `FSK_TEST_TIMEOUT` if the handler does not end or acknowledge.
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
    data: EmitParameters<ClientEvents, E, AnsweredOptions>[0],
    options: AnsweredOptions,
  ): Promise<EventAnswer<ClientEvents, E>>;
  emit<E extends EventName<ClientEvents>>(
    event: E,
    ...rest: EmitParameters<ClientEvents, E, TestEmitOptions>
  ): Promise<void>;
  emit(event: string, data?: unknown, options: TestEmitOptions = {}): Promise<unknown> {
    return this.#speak({ event, data }, options);
  }

  /** Sends a `message` event, or with `{ json: true }` a `json` event. Otherwise as `emit()`. */
  send(data: unknown, { json, ...options }: TestSendOptions = {}): Promise<unknown> {
    return this.#speak({ event: json ? 'json' : 'message', data }, options);
  }

  /**
   * Sends an event and resolves with its acknowledgement: `emit()` with `{ callback: true }`, in short. An event that
   * has no handler is never acknowledged. Errors as those of `emit()`.
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
    const answer = this.#speak({ event, data }, { ...options, callback: true });
    return answer as Promise<EventAnswer<ClientEvents, E>>;
  }

  /**
   * Answers an event that the server sends with a callback or by `call()`: with what `answer` returns, awaited.
   * The event is received as any other, too. Without an answer such an event is never acknowledged.
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
  on(event: HeardEvent, answer: AnyFunction, namespace: string = this.defaults.namespace): void {
    this.client.connectionTo(namespace).answers.set(event, answer);
  }

  /**
   * Everything that was received in a namespace since the last time, oldest first; it is then forgotten.
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
   * Calls a function in the context of an event of this client: a method of a gateway, made by hand or not, without its
   * decorators, guards and pipes. Resolves with what it returns when what it sent has arrived, and rejects with what it
   * throws: error handlers are not asked.
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
    return this.#inContext(fn, options) as Promise<Awaited<Result>>;
  }

  /**
   * The first event of a name, received already or in time; it is not among `getReceived()` then. Rejects with
   * `FSK_TEST_TIMEOUT`, which lists what was received instead, or with `FSK_TEST_DISCONNECTED`.
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
    return within<ReceivedEvent<E>>(
      timeout,
      (_, reject) =>
        reject(failure('FSK_TEST_TIMEOUT', `event ${printable(event)}`, timeout, inbox.describe(namespace))),
      (resolve, reject) => {
        const forget = inbox.next(namespace, event, (found) => resolve(found as ReceivedEvent<E>));
        const unwatch = connection.watch(() => {
          if (!connection.isConnected) reject(failure('FSK_TEST_DISCONNECTED', namespace));
        });
        return () => {
          forget();
          unwatch();
        };
      },
    );
  }

  /**
   * Rejects with `FSK_TEST_UNEXPECTED`, which lists it, if there is something in `getReceived()` or something comes
   * within `milliseconds` of the real clock. Default: 0, what is under way. What is there stays.
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
    await this.client.quiet();
    await within<void>(
      milliseconds,
      (resolve) => resolve(),
      (_, reject) =>
        inbox.any(namespace, () => reject(failure('FSK_TEST_UNEXPECTED', inbox.describe(namespace)))),
    );
  }

  async #inContext(fn: () => unknown, options: TestRunOptions): Promise<unknown> {
    const { namespace = this.defaults.namespace, timeout, event = 'test', args = [] } = options;
    const connection = this.client.connected(namespace);
    const before = new Set(this.client.handlers());
    const running = this.client.run(connection, { message: event, args }, () => inPrepared(options, fn));
    running.catch(() => {}); // who waits is told below
    await this.settled('the function given to run() to end', { before, namespace, timeout });
    return await running;
  }

  #speak(message: { event: string; data?: unknown }, options: TestEmitOptions): Promise<unknown> {
    const { namespace = this.defaults.namespace, callback = false } = options;
    return rejecting(() => {
      const connection = this.client.connected(namespace);
      const sent = this.client.say(connection, { data: undefined, ...message }, callback);
      const done = callback ? this.#answer(sent, options) : this.#handled(sent, options);
      done.catch(() => {}); // who does not wait is not told
      return done;
    });
  }

  async #handled({ event, before, connection }: Sent, { timeout }: TestEmitOptions): Promise<void> {
    const what = `the handler of ${printable(event)} to end`;
    await this.settled(what, { before, namespace: connection.namespace, timeout });
  }

  async #answer(sent: Sent, { timeout = this.defaults.timeout }: TestEmitOptions): Promise<unknown> {
    const what = `the acknowledgement of ${printable(sent.event)}`;
    const received = () => this.client.inbox.describe(sent.connection.namespace);
    const answer = await within(
      timeout,
      (_, reject) => reject(failure('FSK_TEST_TIMEOUT', what, timeout, received())),
      this.client.acknowledgement(sent),
    );
    await this.client.quiet();
    return answer;
  }
}

/** Calls a function when its context holds what the test wants it to hold. */
function inPrepared<Result>({ user, session, g }: TestRunOptions, fn: () => Result): Result {
  const request = currentRequest('run()');
  if (user !== undefined) request.user = user;
  if (session) Object.assign(request.session, session);
  if (g) Object.assign(request.globals, g);
  return fn();
}
