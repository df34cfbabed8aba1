import { Inject, Injectable } from '@nestjs/common';
import type { Server } from 'socket.io';
import type { Room, UserId } from '../common/address.js';
import { unnamedEvent } from '../common/args.js';
import { failure } from '../common/errors.js';
import type { ServerLimits } from '../common/limits.js';
import type { Members } from '../common/remote-clients.js';
import type { EmitParameters, EventAnswer, EventName, ServerEvents } from '../common/typed-events.js';
import type { AnyFunction } from '../context/connection.js';
import type { NamespaceAndOptions } from '../decorators/on-event.decorator.js';
import { callClient } from '../messaging/call.js';
import {
  closeRoomFor,
  disconnectClient,
  findClient,
  joinRoomFor,
  leaveRoomFor,
  roomsOf,
} from '../messaging/clients.js';
import type { CallOptions, EmitOptions, SendOptions } from '../messaging/deliver.js';
import { disconnectUser } from '../messaging/disconnect.js';
import { emitEvent } from '../messaging/emit-event.js';
import { membersOf } from '../messaging/members.js';
import { Background } from './background.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';
import { type Health, healthOf } from './health.js';
import { RuntimeHandlers } from './runtime-handlers.js';
import { Shutdown } from './shutdown.js';

const NO_RECIPIENTS =
  'SocketIO was called in a process without an HTTP server and without option messageQueue: there are no clients here, ' +
  'and no way to those of other processes, so the call has no effect. This is logged once.';

/** A client. It has to be named, since there is no current client outside a handler. */
interface NamedClient {
  /** The client's id in the namespace. */
  sid: string;
  /** Default: `/`. */
  namespace?: string;
}

/**
 * Emits from outside a handler: from routes, jobs and timers. Inject it. Without `to` it broadcasts; the default namespace
 * is `/`.
 *
 * @see docs/getting-started.md#speaking-first
 * @example
 * ```ts
 * import { Controller, Post } from '@nestjs/common';
 * import { SocketIO } from 'nestjs-flask-socket';
 *
 * @Controller()
 * export class NewsController {
 *   constructor(private readonly socketio: SocketIO) {}
 *
 *   @Post('news')
 *   publish() {
 *     this.socketio.emit('news', { title: 'It works' });
 *   }
 * }
 * ```
 */
@Injectable()
export class SocketIO extends Background {
  constructor(
    @Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime,
    @Inject(RuntimeHandlers) private readonly handlers: RuntimeHandlers,
    @Inject(Shutdown) private readonly shutdown: Shutdown,
  ) {
    super(runtime, shutdown);
  }

  /**
   * The raw socket.io `Server`.
   * @throws FSK_NOT_READY before the application is initialised
   * @throws FSK_NO_SERVER in a process without an HTTP server
   * @see docs/getting-started.md#beside-the-raw-server
   */
  get server(): Server {
    this.#requireHttpServer('socketio.server');
    return this.runtime.server;
  }

  /** The name of the WebSocket engine: `ws`, `eiows`, or `custom` for a class in option `server.wsEngine`. */
  get asyncMode(): string {
    return this.runtime.engine.name;
  }

  /**
   * The limits of this server, option `limits` with its defaults; `Infinity` is no limit. `reached` counts what each of
   * them did in this process.
   * @see docs/security.md#limits
   */
  get limits(): ServerLimits {
    const { limits, counts } = this.runtime.limits;
    return { ...limits, reached: { ...counts } };
  }

  /**
   * The state of this process, for health checks and dashboards. It asks no other process.
   * @see docs/deployment.md#health
   */
  health(): Health {
    return healthOf(this.runtime);
  }

  /** Sends an event to all clients of the namespace, or to a room, a sid, or several of them (`to`). */
  emit<E extends EventName<ServerEvents>>(
    event: E,
    ...rest: EmitParameters<ServerEvents, E, EmitOptions>
  ): void {
    const [data, options] = rest;
    if (this.#canEmit) emitEvent(this.runtime, { event, data, options: options ?? {} });
  }

  /** Sends a `message` event, or with `{ json: true }` a `json` event. Otherwise as `emit`. */
  send(data: unknown, options: SendOptions = {}): void {
    if (this.#canEmit) emitEvent(this.runtime, { event: unnamedEvent(options), data, options });
  }

  /** Sends an event to one client (`to` a sid) and resolves with its acknowledgement. Errors: see the function `call`. */
  async call<E extends EventName<ServerEvents>>(
    event: E,
    ...[data, options]: EmitParameters<ServerEvents, E, CallOptions>
  ): Promise<EventAnswer<ServerEvents, E>> {
    this.#requireRecipients('socketio.call()');
    return (await callClient(this.#readyRuntime, { event, data, options: options ?? {} })) as EventAnswer<
      ServerEvents,
      E
    >;
  }

  /** Puts a client into a room. */
  joinRoom(room: Room, client: NamedClient): void | Promise<void> {
    if (!this.#hasNoRecipients) return joinRoomFor(findClient(this.runtime, client), room);
  }

  /** Removes a client from a room. */
  leaveRoom(room: Room, client: NamedClient): void | Promise<void> {
    if (!this.#hasNoRecipients) return leaveRoomFor(findClient(this.runtime, client), room);
  }

  /** Removes all clients from a room of a namespace. */
  closeRoom(room: Room, options: { namespace?: string } = {}): void {
    if (this.#canEmit) closeRoomFor(this.runtime, { room, ...options });
  }

  /** The rooms of a client, with that of its sid first. An unknown client has none. */
  rooms(client: NamedClient): string[] {
    this.#requireHttpServer('socketio.rooms()');
    return roomsOf(findClient(this.runtime, client));
  }

  /**
   * The clients in a room, or without one all of the namespace, on every process. If a process does not answer in time,
   * its clients are missing from the list, `partial` is true, and a warning is logged.
   * @see docs/getting-started.md#speaking-first
   */
  async members(room?: Room, options: { namespace?: string } = {}): Promise<Members> {
    this.#requireRecipients('socketio.members()');
    return await membersOf(this.runtime, { room, ...options });
  }

  /** Disconnects a client from a namespace; its disconnect handler runs. */
  disconnect(client: NamedClient): void {
    if (!this.#hasNoRecipients) disconnectClient(findClient(this.runtime, client));
  }

  /**
   * Disconnects all clients of a user, in every namespace and on every process; their disconnect handlers run. Use it for
   * a logout over HTTP. Option `identify` says who the users are.
   * @see docs/authentication.md#a-logout
   */
  disconnectUser(id: UserId): void {
    if (this.#canEmit) disconnectUser(this.runtime.server, id);
  }

  /** Adds an event handler at run time. It may be called before the server exists. Returns a function that removes it. */
  onEvent(event: string, fn: AnyFunction, ...where: NamespaceAndOptions): () => void {
    return this.handlers.addEvent(event, fn, where);
  }

  /** Adds a connect handler at run time. Returns a function that removes it. */
  onConnect(fn: AnyFunction, namespace?: string): () => void {
    return this.handlers.add({ kind: 'connect', namespace }, fn);
  }

  /** Adds a disconnect handler at run time. Returns a function that removes it. */
  onDisconnect(fn: AnyFunction, namespace?: string): () => void {
    return this.handlers.add({ kind: 'disconnect', namespace }, fn);
  }

  /** Adds an error handler of a namespace at run time. Returns a function that removes it. */
  onError(fn: AnyFunction, namespace?: string): () => void {
    return this.handlers.add({ kind: 'error', namespace }, fn);
  }

  /** Adds the error handler of all namespaces without one, at run time. Returns a function that removes it. */
  onErrorDefault(fn: AnyFunction): () => void {
    return this.handlers.add({ kind: 'errorDefault' }, fn);
  }

  /**
   * Stops gracefully: refuses new clients, waits for handlers, disconnects the clients, and closes. Resolves when no client
   * is connected any more. In a handler or a background task it resolves at once, because the stop waits for these.
   */
  async stop(): Promise<void> {
    await this.shutdown.stop();
  }

  /** The runtime. Throws before the server exists. */
  get #readyRuntime(): FlaskSocketRuntime {
    return this.runtime.server && this.runtime;
  }

  /** Whether an emit can reach a client. Before the server exists it cannot. */
  get #canEmit(): boolean {
    return this.runtime.host.existing !== undefined && !this.#hasNoRecipients;
  }

  /** Whether there are neither clients in this process nor a message queue to those of others. Warns once. */
  get #hasNoRecipients(): boolean {
    const { host, messageQueue } = this.runtime;
    if (!host.existing || host.hasHttpServer || messageQueue.adapter) return false;
    this.runtime.warnOnce('no recipients', NO_RECIPIENTS);
    return true;
  }

  #requireHttpServer(name: string): void {
    if (this.runtime.host.existing && !this.runtime.host.hasHttpServer) throw failure('FSK_NO_SERVER', name);
  }

  #requireRecipients(name: string): void {
    if (!this.runtime.messageQueue.adapter) this.#requireHttpServer(name);
  }
}
