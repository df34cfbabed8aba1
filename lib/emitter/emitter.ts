import type { Room } from '../common/address.js';
import { unnamedEvent } from '../common/args.js';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { printable } from '../common/printable.js';
import type { EmitParameters, EventName, ServerEvents } from '../common/typed-events.js';
import { checkScheme } from '../queue/back-ends.js';
import { closeCommand, disconnectCommand, emitCommand, roomCommand, type OutgoingEvent } from './commands.js';
import {
  type EmitterClient,
  type EmitterEmitOptions,
  type EmitterOptions,
  type EmitterQueue,
  type EmitterSendOptions,
  type EmitterSetup,
  resolveEmitter,
} from './emitter-options.js';
import { Outbox } from './outbox.js';

/**
 * Emits to the clients of Socket.IO servers from a process without a server, through the servers' message queue; made
 * by {@link createEmitter}. Invalid arguments throw at once. Otherwise a call returns a promise, which resolves when the
 * broker has accepted the message and rejects with `FSK_NOT_SENT` if it has not in time (option `timeout`). A rejection
 * that is not awaited is never unhandled. The order of the calls is kept.
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
    return this.emitEvent({ event, data, options: options ?? {} }, 'emit');
  }

  /** Sends a `message` event, or with `{ json: true }` a `json` event. Otherwise as `emit`. */
  send(data: unknown, options: EmitterSendOptions = {}): Promise<void> {
    return this.emitEvent({ event: unnamedEvent(options), data, options }, 'send');
  }

  /** Puts a client into a room. */
  joinRoom(room: Room, client: EmitterClient): Promise<void> {
    const command = roomCommand('join', room, { namespace: this.#namespace, ...client });
    return this.#outbox.publish(command, `joinRoom(${printable(room)})`);
  }

  /** Removes a client from a room. */
  leaveRoom(room: Room, client: EmitterClient): Promise<void> {
    const command = roomCommand('leave', room, { namespace: this.#namespace, ...client });
    return this.#outbox.publish(command, `leaveRoom(${printable(room)})`);
  }

  /** Removes all clients from a room of a namespace. */
  closeRoom(room: Room, { namespace = this.#namespace }: { namespace?: string } = {}): Promise<void> {
    return this.#outbox.publish(closeCommand(room, namespace), `closeRoom(${printable(room)})`);
  }

  /** Ends a client's connection to a namespace; its disconnect handler runs. */
  disconnect({ sid, namespace = this.#namespace }: EmitterClient): Promise<void> {
    return this.#outbox.publish(disconnectCommand(sid, namespace), `disconnect(${printable(sid)})`);
  }

  /**
   * Waits for pending messages and closes the connection, in bounded time; later calls throw `FSK_EMITTER_CLOSED`.
   * Without it, the process stays alive for 10 seconds after the last call.
   */
  close(): Promise<void> {
    return this.#outbox.close();
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Loads the back end without connecting. Rejects for a wrong configuration. */
  async load(): Promise<void> {
    await this.#outbox.load();
  }

  /** @internal `emit` without the checks of its types. */
  emitEvent(spoken: OutgoingEvent, method: string): Promise<void> {
    const command = emitCommand(spoken, method, this.#namespace);
    return command
      ? this.#outbox.publish(command, `${method}(${printable(spoken.event)})`)
      : Promise.resolve();
  }
}

/**
 * An emitter to the clients of the servers on a message queue, in plain Node: it loads neither Nest nor Socket.IO.
 * `queue` and `channel` are those of the servers. Connects with the first call. Throws for a wrong configuration.
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
  const setup = resolveEmitter(queue, options, 'createEmitter()');
  checkScheme(setup.queue);
  return new Emitter(setup);
}
