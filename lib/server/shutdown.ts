import { setImmediate as nextTurn } from 'node:timers/promises';
import { Inject, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { counted, describeThrown } from '../common/printable.js';
import { disconnectAll } from '../connection/departure.js';
import { storage } from '../context/storage.js';
import { InFlight } from '../dispatch/in-flight.js';
import { type BackgroundTask, isInBackgroundTask } from './background.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** The part of `shutdownTimeout` that is reserved for closing the server, in milliseconds. */
const CLOSE_TIME = 2_000;

/** The part of the waiting time that is reserved for disconnect handlers, in milliseconds; at most a quarter of it. */
const DISCONNECT_TIME = 1_000;

/** Ends background tasks, handlers and connections, in this order, within `shutdownTimeout`. */
@Injectable()
export class Shutdown {
  readonly #tasks = new Set<BackgroundTask>();
  readonly #running = new InFlight();
  readonly #drainedListeners: (() => void)[] = [];
  #drained: Promise<void> | undefined;
  /** Closes the application. `run()` sets it. */
  closeApplication: (() => Promise<void>) | undefined;

  constructor(
    @Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime,
    @Inject(HttpAdapterHost) private readonly platform: HttpAdapterHost,
  ) {}

  /** Tracks a task until it has ended, and cancels it when the application stops. */
  trackTask<T>(task: BackgroundTask<T>): BackgroundTask<T> {
    const forget = () => void this.#tasks.delete(task);
    this.#tasks.add(task);
    void this.#running.track(task.then(forget, forget));
    if (this.runtime.draining) task.cancel();
    return task;
  }

  /**
   * Stops the application, or, where it was not started by `run()`, the Socket.IO and the HTTP server. In a handler or a
   * background task it resolves at once, because the stop waits for these to end.
   */
  async stop(): Promise<void> {
    void this.#close().catch((error: unknown) => {
      this.runtime.logger.error(`Error while stopping: ${describeThrown(error)}`);
    });
    if (!storage.getStore() && !isInBackgroundTask()) await this.drain();
  }

  async #close(): Promise<void> {
    const drained = this.drain();
    if (this.closeApplication) return this.closeApplication();
    await drained;
    await this.platform.httpAdapter?.close();
  }

  /** Calls `listener` when everything has ended. */
  whenDrained(listener: () => void): void {
    this.#drainedListeners.push(listener);
  }

  /** Ends tasks, handlers and connections. Further calls return the same promise. */
  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const { config, host, messageQueue, logger } = this.runtime;
    const { shutdownTimeout } = config.options;
    const started = Date.now();
    const timeLeft = () => Math.max(0, started + shutdownTimeout - Date.now());
    const timeToWait = () => Math.max(0, timeLeft() - Math.min(CLOSE_TIME, shutdownTimeout / 5));
    this.runtime.draining = true;
    for (const task of this.#tasks) task.cancel();
    const tasksEnded = this.#running.idle(timeToWait());
    await this.#endHandlers(timeToWait);
    if (!(await tasksEnded))
      logger.warn(`Stopping with ${counted(this.#running.size, 'background task')} still running.`);
    await host.close(Math.min(CLOSE_TIME, timeLeft() / 2));
    await messageQueue.close(timeLeft());
    this.#destroyTcpConnections(timeLeft());
    for (const listener of this.#drainedListeners) listener();
    config.logger.flush();
  }

  /**
   * Waits for handlers, then disconnects the clients, then waits for their disconnect handlers. The first wait is shorter:
   * a handler that never ends leaves time for the others.
   */
  async #endHandlers(timeToWait: () => number): Promise<void> {
    const { executor, host, logger } = this.runtime;
    await nextTurn(); // by then a handler that has just started is counted
    await executor.inFlight.idle(timeToWait() - Math.min(DISCONNECT_TIME, timeToWait() / 4));
    if (host.existing) await disconnectAll(host.existing, timeToWait() / 2);
    const finished = await executor.inFlight.idle(timeToWait());
    if (!finished) logger.warn(`Stopping with ${counted(executor.inFlight.size, 'handler')} still running.`);
  }

  /** Later, because an HTTP response that never ends (server-sent events) would keep the HTTP server open. */
  #destroyTcpConnections(after: number): void {
    setTimeout(() => this.runtime.host.destroyTcpConnections(), after).unref();
  }
}

/**
 * Ends handlers and connections before any other module's `onModuleDestroy()`, while their database is still open. Nest
 * calls these hooks in the order of the modules' distances from the root, and this module sets its own to the lowest.
 * Source: promise P7.
 */
@Module({})
export class DrainModule implements OnModuleDestroy {
  constructor(
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    for (const module of modules.values()) {
      if (module.metatype === DrainModule) module.distance = -Infinity;
    }
  }

  async onModuleDestroy(): Promise<void> {
    await this.moduleRef.get(Shutdown, { strict: false }).drain();
  }
}
