import { ConfigurableModuleBuilder, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { failure } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import { setUp, type EmitterOptions, type EmitterQueue } from '../emitter/emitter-options.js';
import { Emitter } from '../emitter/emitter.js';
import { EmittingSocketIO } from './emitting-socket-io.js';
import { FlaskSocketAdapter } from './flask-socket.adapter.js';
import { logTo } from './flask-socket.config.js';
import { SocketIO } from './socket-io.service.js';

/** The options of `FlaskSocketModule.forEmitter()`: those of the servers on the same queue. */
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
        const emitter = new Emitter(setUp(messageQueue, options, OWNER));
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
