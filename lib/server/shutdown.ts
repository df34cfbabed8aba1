import { setImmediate as nextTurn } from 'node:timers/promises';
import { Inject, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core';
import { counted, describeThrown } from '../common/printable.js';
import { disconnectAll } from '../connection/departure.js';
import { storage } from '../context/storage.js';
import { InFlight } from '../dispatch/in-flight.js';
import { type BackgroundTask, isInBackgroundTask } from './background-task.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** What is kept of `shutdownTimeout` for closing, when handlers have been waited for; in milliseconds. */
const CLOSING = 2_000;

/** What is kept of the time to wait for the disconnect handlers, whatever runs; in milliseconds, a quarter of it at most. */
const LEAVING = 1_000;

/** Ends what runs: background tasks, handlers, connections, in this order and in bounded time. */
@Injectable()
export class Shutdown {
  readonly #tasks = new Set<BackgroundTask>();
  readonly #running = new InFlight();
  readonly #afterwards: (() => void)[] = [];
  #drained: Promise<void> | undefined;
  /** Closes the application; set by `run()`. */
  closeApplication: (() => Promise<void>) | undefined;

  constructor(
    @Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime,
    @Inject(HttpAdapterHost) private readonly platform: HttpAdapterHost,
  ) {}

  /** Keeps a task until it has ended, to end it with the application. */
  keep<T>(task: BackgroundTask<T>): BackgroundTask<T> {
    const over = () => void this.#tasks.delete(task);
    this.#tasks.add(task);
    void this.#running.track(task.then(over, over));
    if (this.runtime.draining) task.cancel();
    return task;
  }

  /**
   * Stops the application, or as much of it as is known here: the Socket.IO and the HTTP server. Does not wait for
   * its caller: a handler, a task or an HTTP request whose end is part of the stop.
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

  /** Calls `listener` when all has ended. */
  whenDrained(listener: () => void): void {
    this.#afterwards.push(listener);
  }

  /** Ends tasks, handlers and connections; once. */
  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const { config, host, messageQueue, logger } = this.runtime;
    const { shutdownTimeout } = config.options;
    const started = Date.now();
    const left = () => Math.max(0, started + shutdownTimeout - Date.now());
    const toWait = () => Math.max(0, left() - Math.min(CLOSING, shutdownTimeout / 5));
    this.runtime.draining = true;
    for (const task of this.#tasks) task.cancel();
    const tasksEnded = this.#running.idle(toWait());
    await this.#endHandlers(toWait);
    if (!(await tasksEnded))
      logger.warn(`Stopping with ${counted(this.#running.size, 'background task')} still running.`);
    await host.close(Math.min(CLOSING, left() / 2));
    await messageQueue.close(left());
    this.#cutHttp(left());
    for (const listener of this.#afterwards) listener();
    config.logger.flush();
  }

  /** Handlers first, then the clients, whose disconnect handlers are handlers, too: one that never ends takes no time of theirs. */
  async #endHandlers(toWait: () => number): Promise<void> {
    const { executor, host, logger } = this.runtime;
    await nextTurn(); // a handler that has just started is counted by then
    await executor.inFlight.idle(toWait() - Math.min(LEAVING, toWait() / 4));
    if (host.existing) await disconnectAll(host.existing, toWait() / 2);
    const finished = await executor.inFlight.idle(toWait());
    if (!finished) logger.warn(`Stopping with ${counted(executor.inFlight.size, 'handler')} still running.`);
  }

  /** An HTTP response that never ends (server-sent events) would keep the server from closing. */
  #cutHttp(after: number): void {
    setTimeout(() => this.runtime.host.cut(), after).unref();
  }
}

/**
 * Ends handlers and connections before any other module's `onModuleDestroy()`: what they use (a database, Redis) is
 * still there. Nest calls these hooks in the order of a module's distance from the root; this one comes first.
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
