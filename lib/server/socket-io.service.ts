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

const UNHEARD =
  'SocketIO speaks in a process that has no HTTP server, and so no clients, and no option messageQueue, which would ' +
  'carry it to the processes that have some: nobody can hear it. Said once.';

/** A client; required, since outside a handler there is no default. */
interface NamedClient {
  /** The client's id in the namespace. */
  sid: string;
  /** Default: `/`. */
  namespace?: string;
}

/**
 * Speaks first, anywhere in the process: routes, jobs, timers. Without recipients it broadcasts, the namespace is `/`
 * unless named. Inject it.
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
    this.#demandClients('socketio.server');
    return this.runtime.server;
  }

  /** The name of the WebSocket engine: `ws`, `eiows`, or `custom` for a class in `server.wsEngine`. */
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
   * How this process is, for health checks and dashboards; asks nobody.
   * @see docs/deployment.md#health
   */
  health(): Health {
    return healthOf(this.runtime);
  }

  /** Sends an event to everybody in the namespace, or to a room, a sid, or several of them (`to`). */
  emit<E extends EventName<ServerEvents>>(
    event: E,
    ...rest: EmitParameters<ServerEvents, E, EmitOptions>
  ): void {
    const [data, options] = rest;
    if (this.#isHeard) emitEvent(this.runtime, { event, data, options: options ?? {} });
  }

  /** Sends a `message` event, or with `{ json: true }` a `json` event. Otherwise as `emit`. */
  send(data: unknown, options: SendOptions = {}): void {
    if (this.#isHeard) emitEvent(this.runtime, { event: unnamedEvent(options), data, options });
  }

  /** Asks one client (`to` a sid) and resolves with its acknowledgement; errors as those of the function `call`. */
  async call<E extends EventName<ServerEvents>>(
    event: E,
    ...[data, options]: EmitParameters<ServerEvents, E, CallOptions>
  ): Promise<EventAnswer<ServerEvents, E>> {
    this.#demandSomebody('socketio.call()');
    return (await callClient(this.#ready, { event, data, options: options ?? {} })) as EventAnswer<
      ServerEvents,
      E
    >;
  }

  /** Puts a client into a room. */
  joinRoom(room: Room, client: NamedClient): void | Promise<void> {
    if (!this.#isUnheard) return joinRoomFor(findClient(this.runtime, client), room);
  }

  /** Puts a client out of a room. */
  leaveRoom(room: Room, client: NamedClient): void | Promise<void> {
    if (!this.#isUnheard) return leaveRoomFor(findClient(this.runtime, client), room);
  }

  /** Puts everybody out of a room of a namespace. */
  closeRoom(room: Room, options: { namespace?: string } = {}): void {
    if (this.#isHeard) closeRoomFor(this.runtime, { room, ...options });
  }

  /** The rooms of a client, its own first; none for an unknown one. */
  rooms(client: NamedClient): string[] {
    this.#demandClients('socketio.rooms()');
    return roomsOf(findClient(this.runtime, client));
  }

  /**
   * The clients in a room, or without one all of the namespace, on every process. If a process does not answer in time,
   * the list has the others' clients, `partial` is true, and the log says so.
   * @see docs/getting-started.md#speaking-first
   */
  async members(room?: Room, options: { namespace?: string } = {}): Promise<Members> {
    this.#demandSomebody('socketio.members()');
    return await membersOf(this.runtime, { room, ...options });
  }

  /** Ends a client's connection to a namespace; its disconnect handler runs. */
  disconnect(client: NamedClient): void {
    if (!this.#isUnheard) disconnectClient(findClient(this.runtime, client));
  }

  /**
   * Ends all connections of a user, in every namespace and on every process: their disconnect handlers run. For a
   * logout over HTTP. The users are those of option `identify`.
   * @see docs/authentication.md#a-logout
   */
  disconnectUser(id: UserId): void {
    if (this.#isHeard) disconnectUser(this.runtime.server, id);
  }

  /** Adds an event handler at run time, also before the server exists; what it returns removes it. */
  onEvent(event: string, fn: AnyFunction, ...where: NamespaceAndOptions): () => void {
    return this.handlers.addEvent(event, fn, where);
  }

  /** Adds a connect handler at run time; what it returns removes it. */
  onConnect(fn: AnyFunction, namespace?: string): () => void {
    return this.handlers.add({ kind: 'connect', namespace }, fn);
  }

  /** Adds a disconnect handler at run time; what it returns removes it. */
  onDisconnect(fn: AnyFunction, namespace?: string): () => void {
    return this.handlers.add({ kind: 'disconnect', namespace }, fn);
  }

  /** Adds an error handler of a namespace at run time; what it returns removes it. */
  onError(fn: AnyFunction, namespace?: string): () => void {
    return this.handlers.add({ kind: 'error', namespace }, fn);
  }

  /** Adds the error handler of all namespaces without one, at run time; what it returns removes it. */
  onErrorDefault(fn: AnyFunction): () => void {
    return this.handlers.add({ kind: 'errorDefault' }, fn);
  }

  /**
   * Stops gracefully: refuses new clients, lets handlers and disconnect handlers end, closes. Resolves when no
   * client is connected any more; in a handler or a background task at once, because the stop waits for these.
   */
  async stop(): Promise<void> {
    await this.shutdown.stop();
  }

  /** Throws before the server exists. */
  get #ready(): FlaskSocketRuntime {
    return this.runtime.server && this.runtime;
  }

  /** `undefined` before the server exists: there are no clients yet. */
  get #isHeard(): boolean {
    return this.runtime.host.existing !== undefined && !this.#isUnheard;
  }

  /** A process without an HTTP server has no clients: it emits through the message queue, if there is one. */
  get #isUnheard(): boolean {
    const { host, messageQueue } = this.runtime;
    if (!host.existing || host.hasClients || messageQueue.adapter) return false;
    this.runtime.warnOnce('unheard', UNHEARD);
    return true;
  }

  #demandClients(name: string): void {
    if (this.runtime.host.existing && !this.runtime.host.hasClients) throw failure('FSK_NO_SERVER', name);
  }

  #demandSomebody(name: string): void {
    if (!this.runtime.messageQueue.adapter) this.#demandClients(name);
  }
}
