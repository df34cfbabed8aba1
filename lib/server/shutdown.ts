import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { closeForShutdown } from '../context/socket-internals.js';
import type { BackgroundTask } from './background-task.js';
import { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** Ends what runs: background tasks, handlers, connections, in this order and in bounded time. */
@Injectable()
export class Shutdown {
  readonly #tasks = new Set<BackgroundTask>();
  #drained: Promise<void> | undefined;
  /** Closes the application, where it is known; `run()` tells. */
  closeApplication: (() => Promise<void>) | undefined;

  constructor(
    @Inject(FlaskSocketRuntime) private readonly runtime: FlaskSocketRuntime,
    @Inject(HttpAdapterHost) private readonly platform: HttpAdapterHost,
  ) {}

  /** Keeps a task until it has ended, to end it with the application. */
  keep<T>(task: BackgroundTask<T>): BackgroundTask<T> {
    const over = () => this.#tasks.delete(task);
    this.#tasks.add(task);
    task.then(over, over);
    return task;
  }

  /** Stops the application, or as much of it as is known here: the Socket.IO and the HTTP server. */
  async stop(): Promise<void> {
    if (this.closeApplication) return this.closeApplication();
    await this.drain();
    await this.platform.httpAdapter?.close();
  }

  /** Ends tasks, handlers and connections; once. */
  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const { executor, config, host } = this.runtime;
    const deadline = Date.now() + config.options.shutdownTimeout;
    const left = () => Math.max(0, deadline - Date.now());
    this.runtime.draining = true;
    for (const task of this.#tasks) task.cancel();
    await executor.inFlight.idle(left());
    for (const namespace of host.existing?._nsps.values() ?? []) {
      for (const socket of namespace.sockets.values()) closeForShutdown(socket);
    }
    const finished = await executor.inFlight.idle(left());
    if (!finished)
      this.runtime.logger.warn(`Stopping with ${executor.inFlight.size} handlers still running.`);
    await host.close();
  }
}
