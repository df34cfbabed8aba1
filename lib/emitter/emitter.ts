import type { Room } from '../common/address.js';
import { unnamedEvent } from '../common/args.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { printable } from '../common/printable.js';
import type { EmitParameters, EventName, ServerEvents } from '../common/typed-events.js';
import { checkScheme } from '../queue/back-ends.js';
import { closeCommand, disconnectCommand, emitCommand, roomCommand, type Spoken } from './commands.js';
import {
  type EmitterClient,
  type EmitterEmitOptions,
  type EmitterOptions,
  type EmitterQueue,
  type EmitterSendOptions,
  type EmitterSetup,
  setUp,
} from './emitter-options.js';
import { Outbox } from './outbox.js';

/**
 * Speaks to the clients of Socket.IO servers from a process that is none, through the servers' message queue; made by
 * {@link createEmitter}. A call with a mistake in it throws at once. Otherwise it returns a promise, which resolves
 * when the broker has taken the message and rejects with `FSK_NOT_SENT` if it has not in time (option `timeout`); who
 * does not wait for it is not disturbed by an outage. The order of the calls is kept.
 *
 * @see docs/message-queues.md#in-plain-node
 * @example
 * ```ts
 * import { createEmitter } from 'nestjs-flask-socket/emitter';
 *
 * const emitter = createEmitter('redis://localhost');
 * await emitter.emit('my event', { data: 'foo' }, { namespace: '/test' });
 * await emitter.send('Hello', { to: 'lobby' });
 * await emitter.close();
 * ```
 */
export class Emitter {
  readonly #outbox: Outbox;
  readonly #namespace: string;

  /** @internal */
  constructor({ namespace = DEFAULT_NAMESPACE, ...setup }: EmitterSetup) {
    this.#outbox = new Outbox(setup);
    this.#namespace = namespace;
  }

  /** Sends an event to everybody in the namespace, or to a room, a sid, or several of them (`to`). */
  emit<E extends EventName<ServerEvents>>(
    event: E,
    ...rest: EmitParameters<ServerEvents, E, EmitterEmitOptions>
  ): Promise<void> {
    const [data, options] = rest;
    return this.speak({ event, data, options: options ?? {} }, 'emit');
  }

  /** Sends a `message` event, or with `{ json: true }` a `json` event. Otherwise as `emit`. */
  send(data: unknown, options: EmitterSendOptions = {}): Promise<void> {
    return this.speak({ event: unnamedEvent(options), data, options }, 'send');
  }

  /** Puts a client into a room. */
  joinRoom(room: Room, client: EmitterClient): Promise<void> {
    const command = roomCommand('join', room, { namespace: this.#namespace, ...client });
    return this.#outbox.publish(command, `joinRoom(${printable(room)})`);
  }

  /** Puts a client out of a room. */
  leaveRoom(room: Room, client: EmitterClient): Promise<void> {
    const command = roomCommand('leave', room, { namespace: this.#namespace, ...client });
    return this.#outbox.publish(command, `leaveRoom(${printable(room)})`);
  }

  /** Puts everybody out of a room of a namespace. */
  closeRoom(room: Room, { namespace = this.#namespace }: { namespace?: string } = {}): Promise<void> {
    return this.#outbox.publish(closeCommand(room, namespace), `closeRoom(${printable(room)})`);
  }

  /** Ends a client's connection to a namespace; its disconnect handler runs. */
  disconnect({ sid, namespace = this.#namespace }: EmitterClient): Promise<void> {
    return this.#outbox.publish(disconnectCommand(sid, namespace), `disconnect(${printable(sid)})`);
  }

  /**
   * Waits for what is under way and ends the connection, in bounded time; later calls throw `FSK_EMITTER_CLOSED`. A
   * process that forgets it is kept alive for 10 seconds after its last call.
   */
  close(): Promise<void> {
    return this.#outbox.close();
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Loads the back end, without connecting. Rejects what the configuration got wrong. */
  async load(): Promise<void> {
    await this.#outbox.load();
  }

  /** @internal `emit`, with what its types would not let pass. */
  speak(spoken: Spoken, method: string): Promise<void> {
    const command = emitCommand(spoken, method, this.#namespace);
    return command
      ? this.#outbox.publish(command, `${method}(${printable(spoken.event)})`)
      : Promise.resolve();
  }
}

/**
 * An emitter to the clients of the servers on a message queue, in plain Node: it loads neither Nest nor Socket.IO.
 * `queue` and `channel` are those of the servers. Connects with the first call. Throws what the configuration got
 * wrong.
 *
 * @see docs/message-queues.md#in-plain-node
 * @example
 * ```ts
 * import { args, createEmitter } from 'nestjs-flask-socket/emitter';
 *
 * const emitter = createEmitter('redis://localhost', { channel: 'shop', namespace: '/orders' });
 * await emitter.emit('shipped', args(7, 'Main Street'), { to: 'customer 7' });
 * await emitter.close();
 * ```
 */
export function createEmitter(queue: EmitterQueue, options: EmitterOptions = {}): Emitter {
  const setup = setUp(queue, options, 'createEmitter()');
  checkScheme(setup.queue);
  return new Emitter(setup);
}
