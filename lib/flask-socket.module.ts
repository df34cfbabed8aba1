import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type NestModule,
  Scope,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { failure } from './common/errors.js';
import type { FlaskSocketOptions } from './common/options.js';
import { SocketRequest } from './context/socket-request.js';
import { SocketSession } from './context/socket-session.js';
import { EnhancerClasses } from './handlers/gateways.js';
import { HandlerCompiler } from './handlers/handler.compiler.js';
import { HandlerExplorer, LazyModules } from './handlers/handler.explorer.js';
import { ScopedInstances } from './handlers/scoped-instances.js';
import {
  EmitterModule,
  type EmitterModuleAsyncOptions,
  type EmitterModuleOptions,
} from './server/emitter.module.js';
import { FLASK_SOCKET_OPTIONS, FlaskSocketConfig } from './server/engine-options.js';
import { FlaskSocketLifecycle } from './server/flask-socket.lifecycle.js';
import { FlaskSocketRuntime } from './server/flask-socket.runtime.js';
import { RuntimeHandlers } from './server/runtime-handlers.js';
import { DrainModule, Shutdown } from './server/shutdown.js';
import { SocketIO } from './server/socket-io.service.js';

/** What belongs to the module rather than to Socket.IO. */
export interface ModuleExtras {
  /** Whether the providers are visible in every module. Default: true. */
  isGlobal?: boolean;
}

const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE } = new ConfigurableModuleBuilder<FlaskSocketOptions>({
  optionsInjectionToken: FLASK_SOCKET_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createFlaskSocketOptions')
  .setExtras<ModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
    ...definition,
    global: isGlobal,
  }))
  .build();

/** The options of `FlaskSocketModule.forRootAsync()`: `imports`, `inject`, and a `useFactory`, `useClass` or `useExisting`. */
export type FlaskSocketAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/** A class for `forRootAsync({ useClass })` and `useExisting`. */
export interface FlaskSocketOptionsFactory {
  createFlaskSocketOptions(): FlaskSocketOptions | Promise<FlaskSocketOptions>;
}

const ofTheEvent = (name: string, request: unknown): SocketRequest => {
  if (request instanceof SocketRequest) return request;
  throw failure('FSK_NO_SOCKET_REQUEST', name);
};

/**
 * Brings Flask-SocketIO's programming model into an application: import it once, in the root module.
 *
 * @see docs/getting-started.md
 * @see docs/reference/options.md
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { FlaskSocketModule, OnEvent, SocketGateway } from 'nestjs-flask-socket';
 *
 * @SocketGateway()
 * class EchoGateway {
 *   @OnEvent('echo')
 *   echo(data: unknown) {
 *     return data;
 *   }
 * }
 *
 * @Module({ imports: [FlaskSocketModule.forRoot()], providers: [EchoGateway] })
 * export class AppModule {}
 * ```
 */
@Module({
  imports: [DrainModule],
  providers: [
    FlaskSocketConfig,
    ScopedInstances,
    HandlerCompiler,
    EnhancerClasses,
    LazyModules,
    HandlerExplorer,
    FlaskSocketRuntime,
    RuntimeHandlers,
    Shutdown,
    FlaskSocketLifecycle,
    SocketIO,
    {
      provide: SocketRequest,
      scope: Scope.REQUEST,
      inject: [REQUEST],
      useFactory: (request: unknown) => ofTheEvent('SocketRequest', request),
    },
    {
      provide: SocketSession,
      scope: Scope.REQUEST,
      inject: [REQUEST],
      useFactory: (request: unknown) => ofTheEvent('SocketSession', request).session,
    },
  ],
  exports: [SocketIO, SocketRequest, SocketSession],
})
export class FlaskSocketModule extends ConfigurableModuleClass implements NestModule {
  constructor(@Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime) {
    super();
  }

  /** Before every other middleware that a module configures; Nest calls it. */
  configure(): void {
    this.runtime.sessions.installForHttp();
  }

  /** With options at hand; all of them have defaults. */
  static override forRoot(options: FlaskSocketOptions & ModuleExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** With options that other providers know: `useFactory` (with `inject`), `useClass` or `useExisting`. */
  static override forRootAsync(options: FlaskSocketAsyncOptions): DynamicModule {
    return super.forRootAsync(options);
  }

  /**
   * For a process that only emits (a worker, a job): provides a `SocketIO` that speaks through the message queue to the
   * clients of the servers on it. Waits for no broker; what it did not take in time (`timeout`) is logged.
   *
   * @throws FSK_EMITTER_ONLY from what needs a Socket.IO server: here is none
   * @see docs/message-queues.md#in-nest
   * @example
   * ```ts
   * import { Module } from '@nestjs/common';
   * import { FlaskSocketModule } from 'nestjs-flask-socket';
   *
   * @Module({ imports: [FlaskSocketModule.forEmitter({ messageQueue: 'redis://localhost' })] })
   * export class WorkerModule {}
   * ```
   */
  static forEmitter(options: EmitterModuleOptions & ModuleExtras): DynamicModule {
    return EmitterModule.forEmitter(options);
  }

  /** The same with options that other providers know; the method of a class is `createEmitterOptions()`. */
  static forEmitterAsync(options: EmitterModuleAsyncOptions): DynamicModule {
    return EmitterModule.forEmitterAsync(options);
  }
}
