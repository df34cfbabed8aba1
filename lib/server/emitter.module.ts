import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import type { Room } from '../common/address.js';
import { unnamedEvent } from '../common/args.js';
import { failure } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import { oneLine } from '../common/printable.js';
import type { EmitParameters, EventName, ServerEvents } from '../common/typed-events.js';
import {
  type EmitterClient,
  type EmitterOptions,
  type EmitterQueue,
  resolveEmitter,
} from '../emitter/emitter-options.js';
import { Emitter } from '../emitter/emitter.js';
import type { EmitOptions, SendOptions } from '../messaging/deliver.js';
import { RateLimitedCounter } from '../queue/backlog.js';
import { sleep } from './background.js';
import { createLog } from './engine-options.js';
import { FlaskSocketAdapter } from './flask-socket.adapter.js';
import { SocketIO } from './socket-io.service.js';

/** The options of `FlaskSocketModule.forEmitter()`. They must be those of the servers on the same queue. */
export interface EmitterModuleOptions extends EmitterOptions {
  /** The message queue of the servers. */
  messageQueue: EmitterQueue;
  /** The logger to write to; `false` writes nothing. Default: Nest's Logger. */
  logger?: FlaskSocketLogger | false;
}

const OPTIONS = Symbol('EMITTER_OPTIONS');
const CALLER = 'FlaskSocketModule.forEmitter()';

const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE } = new ConfigurableModuleBuilder<EmitterModuleOptions>({
  optionsInjectionToken: OPTIONS,
})
  .setClassMethodName('forEmitter')
  .setFactoryMethodName('createEmitterOptions')
  .setExtras<{ isGlobal?: boolean }>({ isGlobal: true }, (definition, { isGlobal }) => ({
    ...definition,
    global: isGlobal,
  }))
  .build();

/** The options of `FlaskSocketModule.forEmitterAsync()`: `imports`, `inject`, and a `useFactory`, `useClass` or `useExisting`. */
export type EmitterModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/** `SocketIO` for a process that only emits. */
@Module({
  providers: [
    {
      provide: SocketIO,
      inject: [OPTIONS],
      useFactory: async ({ messageQueue, logger, ...options }: EmitterModuleOptions) => {
        const emitter = new Emitter(resolveEmitter(messageQueue, options, CALLER));
        await emitter.load();
        return new EmittingSocketIO(
          emitter,
          createLog(() => logger),
        );
      },
    },
  ],
  exports: [SocketIO],
})
export class EmitterModule extends ConfigurableModuleClass implements OnModuleInit {
  constructor(@Inject(ApplicationConfig) private readonly application: ApplicationConfig) {
    super();
  }

  /** Fails where the application also has a server: both modules provide `SocketIO`. */
  onModuleInit(): void {
    if (this.application.getIoAdapter() instanceof FlaskSocketAdapter)
      throw failure('FSK_EMITTER_BESIDE_SERVER');
  }
}

/** The public members of a class, without its private ones. */
type Public<T> = { [Name in keyof T]: T[Name] };

/**
 * `SocketIO` in a process that only emits. It publishes to the message queue, and throws `FSK_EMITTER_ONLY` for all that
 * needs a server. It logs what it could not send, because `emit()` returns nothing.
 */
export class EmittingSocketIO implements Public<SocketIO>, OnApplicationShutdown {
  readonly #unsent: RateLimitedCounter;
  #isClosed = false;

  constructor(
    private readonly emitter: Emitter,
    logger: FlaskSocketLogger,
  ) {
    this.#unsent = new RateLimitedCounter((count, why) => logger.error(`${count} not sent. ${why}`));
  }

  emit<E extends EventName<ServerEvents>>(
    event: E,
    ...[data, options]: EmitParameters<ServerEvents, E, EmitOptions>
  ): void {
    this.#emitEvent({ event, data, options: options ?? {} }, 'emit');
  }

  send(data: unknown, options: SendOptions = {}): void {
    this.#emitEvent({ event: unnamedEvent(options), data, options }, 'send');
  }

  joinRoom(room: Room, client: EmitterClient): Promise<void> {
    return this.#logFailure(() => this.emitter.joinRoom(room, client));
  }

  leaveRoom(room: Room, client: EmitterClient): Promise<void> {
    return this.#logFailure(() => this.emitter.leaveRoom(room, client));
  }

  closeRoom(room: Room, options: { namespace?: string } = {}): void {
    void this.#logFailure(() => this.emitter.closeRoom(room, options));
  }

  disconnect(client: EmitterClient): void {
    void this.#logFailure(() => this.emitter.disconnect(client));
  }

  sleep(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** Waits for pending messages, then closes the connection. */
  stop(): Promise<void> {
    return this.onApplicationShutdown();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isClosed = true;
    await this.emitter.close();
    this.#unsent.close();
  }

  get server(): never {
    throw failure('FSK_EMITTER_ONLY', 'SocketIO.server');
  }

  get asyncMode(): never {
    throw failure('FSK_EMITTER_ONLY', 'SocketIO.asyncMode');
  }

  get limits(): never {
    throw failure('FSK_EMITTER_ONLY', 'SocketIO.limits');
  }

  readonly health = needsServer('health');
  readonly call = needsServer('call');
  readonly rooms = needsServer('rooms');
  readonly members = needsServer('members');
  readonly disconnectUser = needsServer('disconnectUser');
  readonly onEvent = needsServer('onEvent');
  readonly onConnect = needsServer('onConnect');
  readonly onDisconnect = needsServer('onDisconnect');
  readonly onError = needsServer('onError');
  readonly onErrorDefault = needsServer('onErrorDefault');
  readonly isLeader = needsServer('isLeader');
  readonly startBackgroundTask = needsServer('startBackgroundTask');

  /** Drops an event with `ignoreQueue`, which is for the clients of this process alone: there are none. */
  #emitEvent(emitted: { event: string; data: unknown; options: EmitOptions }, method: string): void {
    if (emitted.options.ignoreQueue) return;
    void this.#logFailure(() => this.emitter.emitEvent(emitted, method));
  }

  /** Sends, and logs a failure. Does nothing after the application has stopped, like a server. */
  #logFailure(send: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const sent = send();
    sent.catch((error: Error) => this.#unsent.add(1, oneLine(error.message)));
    return sent;
  }
}

function needsServer(method: string): () => never {
  return () => {
    throw failure('FSK_EMITTER_ONLY', `SocketIO.${method}()`);
  };
}
