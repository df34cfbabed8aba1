import cluster, { type Worker } from 'node:cluster';
import type { FlaskSocketLogger } from '../common/logger.js';
import { DEFAULTS } from '../common/options.js';
import type { Published } from '../queue/workers.js';
import { HEARTBEAT, isFromWorker } from './messages.js';
import { WorkerHandle } from './worker-handle.js';

/** A worker that ran this long is replaced at once; others after a pause that grows. In milliseconds. */
const STABLE_AFTER = 10_000;
const MIN_PAUSE = 100;
const MAX_PAUSE = 5_000;

/** Added to the workers' own shutdown timeout, in milliseconds. */
const GRACE = 1_000;

export interface PoolEvents {
  /** A worker accepts connections. */
  ready(): void;
  /** A worker could not start, and none ever did. */
  failed(code: number): void;
  /** The application wants all processes to end. */
  stop(): void;
}

/** The workers of an application. Replaces those that end or hang. */
export class WorkerPool {
  readonly #handles = new Map<number, WorkerHandle>();
  readonly #watch: NodeJS.Timeout;
  #env: NodeJS.ProcessEnv = {};
  #pause = 0;
  /** How long a worker may take to end, in milliseconds; the newest worker's value. */
  #shutdownTimeout: number = DEFAULTS.shutdownTimeout;
  #everReady = false;
  #closing = false;
  #isReplacing = false;
  /** The worker whose successor is starting: it does not count as staying. */
  #retiring: WorkerHandle | undefined;

  constructor(
    private readonly size: number,
    private readonly parts: { logger: FlaskSocketLogger; events: PoolEvents },
  ) {
    cluster.setupPrimary({ serialization: 'advanced' }); // JSON would not preserve bytes
    cluster.on('message', (worker, message: unknown) => this.#receive(worker, message));
    cluster.on('exit', (worker, code, signal) => this.#onExit(worker, signal || code));
    this.#watch = setInterval(() => this.#killHanging(), HEARTBEAT).unref();
  }

  /** Starts the workers; `env` is added to their environment. */
  start(env: NodeJS.ProcessEnv): void {
    this.#env = env;
    for (let count = 0; count < this.size; count++) this.#fork();
  }

  /** The worker for a connection: the one with this id, or the one with the fewest connections. */
  targetFor(id: number | undefined): WorkerHandle | undefined {
    const named = id === undefined ? undefined : this.#handles.get(id);
    if (named?.isConnected && named.state !== 'starting') return named;
    const ready = [...this.#handles.values()].filter(
      ({ state, isConnected: isReachable }) => state === 'ready' && isReachable,
    );
    const responsive = ready.filter(({ isSlow: hesitates }) => !hesitates);
    const candidates = responsive.length > 0 ? responsive : ready;
    return candidates.toSorted((a, b) => a.connections - b.connections)[0];
  }

  /** Replaces all workers one after the other; each new one is ready before the old one ends. */
  async replaceAll(): Promise<void> {
    if (this.#isReplacing) return;
    this.#isReplacing = true;
    this.parts.logger.log('The workers are replaced, one after the other.');
    await this.#replaceEach();
    this.#isReplacing = false;
    this.parts.logger.log('The workers have been replaced.');
  }

  async #replaceEach(): Promise<void> {
    const old = [...this.#handles.values()].filter(({ state }) => state === 'ready');
    for (const handle of old) {
      if (this.#closing) return;
      if (handle.state === 'gone') continue; // it has been replaced already
      this.#retiring = handle;
      const successor = this.#fork();
      await this.#waitFor(() => successor.state !== 'starting');
      if (successor.state !== 'gone') handle.retire();
      this.#retiring = undefined;
      if (handle.state === 'ready')
        return this.#logError(`Worker ${handle.id} stays: its successor did not start.`);
      await this.#waitFor(() => handle.state === 'gone');
    }
  }

  /** Ends all workers; kills those that take too long. Resolves with whether all ended by themselves. */
  async close(): Promise<boolean> {
    this.#closing = true;
    clearInterval(this.#watch);
    for (const handle of this.#handles.values()) handle.drain();
    const ended = await this.#waitFor(() => this.#handles.size === 0, this.#shutdownTimeout + GRACE);
    this.kill();
    return ended;
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const handle of this.#handles.values()) handle.kill();
  }

  #fork(): WorkerHandle {
    const handle = new WorkerHandle(cluster.fork(this.#env));
    this.#handles.set(handle.id, handle);
    return handle;
  }

  #receive(worker: Worker, message: unknown): void {
    const handle = this.#handles.get(worker.id);
    if (!handle || !isFromWorker(message)) return;
    handle.receive(message);
    if (message.fsk === 'publish') this.#relay(handle, message);
    else if (message.fsk === 'stop') this.parts.events.stop();
    else if (message.fsk === 'ready') {
      this.#everReady = true;
      this.#shutdownTimeout = message.shutdownTimeout;
      this.parts.events.ready();
    }
    this.#changed();
  }

  #relay(from: WorkerHandle, message: Published): void {
    for (const handle of this.#handles.values()) {
      if (handle.isSubscribed(message.topic, from)) handle.send(message);
    }
  }

  #onExit(worker: Worker, how: number | string): void {
    const handle = this.#handles.get(worker.id);
    if (!handle) return;
    const { state, startedAt } = handle;
    this.#handles.delete(worker.id);
    handle.ended();
    this.#changed();
    if (state === 'draining' || this.#closing) return;
    if (!this.#everReady) return this.parts.events.failed(typeof how === 'number' && how > 0 ? how : 1);
    this.#replace(
      Date.now() - startedAt > STABLE_AFTER,
      `Worker ${worker.id} (process ${worker.process.pid}) ended with ${how}`,
    );
  }

  #replace(livedLong: boolean, what: string): void {
    this.#pause = livedLong ? 0 : Math.min(MAX_PAUSE, this.#pause * 2 || MIN_PAUSE);
    this.parts.logger.error(`${what}. Another one is started${this.#pause ? ` in ${this.#pause} ms` : ''}.`);
    setTimeout(() => {
      if (!this.#closing && this.#stayingCount < this.size) this.#fork();
    }, this.#pause);
  }

  /** The number of workers without those that are ending or about to. */
  get #stayingCount(): number {
    const handles = [...this.#handles.values()];
    return handles.filter((handle) => handle.state !== 'draining' && handle !== this.#retiring).length;
  }

  #killHanging(): void {
    for (const handle of this.#handles.values()) {
      if (!handle.isHanging) continue;
      this.#logError(`Worker ${handle.id} (process ${handle.worker.process.pid}) hangs and is killed.`);
      handle.kill();
    }
  }

  #logError(line: string): void {
    this.parts.logger.error(line);
  }

  readonly #watchers = new Set<() => void>();

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves with true when a condition holds, with false after `timeout` milliseconds. */
  #waitFor(holds: () => boolean, timeout?: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean) => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(result);
      };
      const timer = timeout === undefined ? undefined : setTimeout(end, timeout, false);
      const watcher = () => holds() && end(true);
      this.#watchers.add(watcher);
    });
  }
}
