import { setImmediate as nextTurn } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { describeThrown } from '../common/printable.js';
import { closeForShutdown } from '../context/socket-internals.js';
import { storage } from '../context/storage.js';
import { isInBackgroundTask, type BackgroundTask } from './background-task.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';
import { InFlight } from './in-flight.js';

/** Ends what runs: background tasks, handlers, connections, in this order and in bounded time. */
@Injectable()
export class Shutdown {
  readonly #tasks = new Set<BackgroundTask>();
  readonly #running = new InFlight();
  #drained: Promise<void> | undefined;
  /** Closes the application, where it is known; `run()` tells. */
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

  /** Ends tasks, handlers and connections; once. */
  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const { executor, config, host, messageQueue } = this.runtime;
    const deadline = Date.now() + config.options.shutdownTimeout;
    const left = () => Math.max(0, deadline - Date.now());
    this.runtime.draining = true;
    for (const task of this.#tasks) task.cancel();
    const tasksEnded = this.#running.idle(left());
    await nextTurn(); // a handler that has just started is counted by then
    await executor.inFlight.idle(left());
    for (const namespace of host.existing?._nsps.values() ?? []) {
      for (const socket of namespace.sockets.values()) closeForShutdown(socket);
    }
    const finished = await executor.inFlight.idle(left());
    if (!finished)
      this.runtime.logger.warn(`Stopping with ${executor.inFlight.size} handlers still running.`);
    if (!(await tasksEnded))
      this.runtime.logger.warn(`Stopping with ${this.#running.size} background tasks still running.`);
    await host.close();
    await messageQueue.close();
  }
}
