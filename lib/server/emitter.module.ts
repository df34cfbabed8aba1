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
import { sleep } from './background-task.js';
import { logTo } from './engine-options.js';
import { FlaskSocketAdapter } from './flask-socket.adapter.js';
import { SocketIO } from './socket-io.service.js';

/** The options of `FlaskSocketModule.forEmitter()`: the same as those of the servers on the queue. */
export interface EmitterModuleOptions extends EmitterOptions {
  /** The message queue of the servers. */
  messageQueue: EmitterQueue;
  /** Where log lines go; `false` is silence. Default: Nest's Logger. */
  logger?: FlaskSocketLogger | false;
}

const OPTIONS = Symbol('EMITTER_OPTIONS');
const OWNER = 'FlaskSocketModule.forEmitter()';

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
        const emitter = new Emitter(resolveEmitter(messageQueue, options, OWNER));
        await emitter.load();
        return new EmittingSocketIO(
          emitter,
          logTo(() => logger),
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

  /** Two providers of `SocketIO`, and chance would decide which one is injected. */
  onModuleInit(): void {
    if (this.application.getIoAdapter() instanceof FlaskSocketAdapter)
      throw failure('FSK_EMITTER_BESIDE_SERVER');
  }
}

/** All that is public of a class: what a stand-in has to have. */
type Public<T> = { [Name in keyof T]: T[Name] };

/**
 * What stands for `SocketIO` in a process that only emits: it speaks through the message queue, and says of all that
 * needs a server that there is none. What could not be sent is logged, since `emit` has nobody to tell.
 */
export class EmittingSocketIO implements Public<SocketIO>, OnApplicationShutdown {
  readonly #lost: RateLimitedCounter;
  #isClosed = false;

  constructor(
    private readonly emitter: Emitter,
    logger: FlaskSocketLogger,
  ) {
    this.#lost = new RateLimitedCounter((count, why) => logger.error(`${count} not sent. ${why}`));
  }

  emit<E extends EventName<ServerEvents>>(
    event: E,
    ...[data, options]: EmitParameters<ServerEvents, E, EmitOptions>
  ): void {
    this.#speak({ event, data, options: options ?? {} }, 'emit');
  }

  send(data: unknown, options: SendOptions = {}): void {
    this.#speak({ event: unnamedEvent(options), data, options }, 'send');
  }

  joinRoom(room: Room, client: EmitterClient): Promise<void> {
    return this.#followed(() => this.emitter.joinRoom(room, client));
  }

  leaveRoom(room: Room, client: EmitterClient): Promise<void> {
    return this.#followed(() => this.emitter.leaveRoom(room, client));
  }

  closeRoom(room: Room, options: { namespace?: string } = {}): void {
    void this.#followed(() => this.emitter.closeRoom(room, options));
  }

  disconnect(client: EmitterClient): void {
    void this.#followed(() => this.emitter.disconnect(client));
  }

  sleep(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** Sends what is under way, and closes the connection. */
  stop(): Promise<void> {
    return this.onApplicationShutdown();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isClosed = true;
    await this.emitter.close();
    this.#lost.close();
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

  /** `ignoreQueue` keeps an event in this process, which has no clients. */
  #speak(spoken: { event: string; data: unknown; options: EmitOptions }, method: string): void {
    if (spoken.options.ignoreQueue) return;
    void this.#followed(() => this.emitter.emitEvent(spoken, method));
  }

  /** After the application has stopped, an emit has no effect, as on a server. */
  #followed(post: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const sent = post();
    sent.catch((error: Error) => this.#lost.add(1, oneLine(error.message)));
    return sent;
  }
}

function needsServer(method: string): () => never {
  return () => {
    throw failure('FSK_EMITTER_ONLY', `SocketIO.${method}()`);
  };
}
