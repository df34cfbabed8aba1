import cluster, { type Worker } from 'node:cluster';
import type { FlaskSocketLogger } from '../common/logger.js';
import { DEFAULTS } from '../common/options.js';
import type { Published } from '../queue/workers.js';
import { BEAT, isFromWorker } from './messages.js';
import { WorkerHandle } from './worker-handle.js';

/** A worker that lived for so long died by accident: it is replaced at once. In milliseconds. */
const LONG_LIFE = 10_000;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

/** What ending the last ones may take longer than they have, in milliseconds. */
const GRACE = 1_000;

/** What the pool tells its owner. */
export interface PoolEvents {
  /** A worker takes connections. */
  ready(): void;
  /** A worker could not start, and none ever did. */
  failed(code: number): void;
  /** The application wants all to end. */
  stop(): void;
}

/** The workers of an application: as many as there are to be, replaced when they die or hang. */
export class WorkerPool {
  readonly #handles = new Map<number, WorkerHandle>();
  readonly #watch: NodeJS.Timeout;
  #env: NodeJS.ProcessEnv = {};
  #pause = 0;
  /** How long a worker may take to end, in milliseconds, as the last one has said that began. */
  #shutdownTimeout: number = DEFAULTS.shutdownTimeout;
  #everReady = false;
  #closing = false;
  #isReplacing = false;
  /** The worker whose successor is starting. */
  #leaving: WorkerHandle | undefined;

  constructor(
    private readonly size: number,
    private readonly parts: { logger: FlaskSocketLogger; events: PoolEvents },
  ) {
    cluster.setupPrimary({ serialization: 'advanced' }); // otherwise bytes would not stay bytes
    cluster.on('message', (worker, message: unknown) => this.#hear(worker, message));
    cluster.on('exit', (worker, code, signal) => this.#gone(worker, signal || code));
    this.#watch = setInterval(() => this.#killHanging(), BEAT).unref();
  }

  /** `env` is what they find in their environment. */
  start(env: NodeJS.ProcessEnv): void {
    this.#env = env;
    for (let count = 0; count < this.size; count++) this.#fork();
  }

  /** The worker that is to take a connection: the one that is named, or the one with the fewest. */
  takerFor(id: number | undefined): WorkerHandle | undefined {
    const named = id === undefined ? undefined : this.#handles.get(id);
    if (named?.isReachable && named.state !== 'starting') return named;
    const ready = [...this.#handles.values()].filter(
      ({ state, isReachable }) => state === 'ready' && isReachable,
    );
    const lively = ready.filter(({ hesitates }) => !hesitates);
    const candidates = lively.length > 0 ? lively : ready;
    return candidates.toSorted((a, b) => a.connections - b.connections)[0];
  }

  /** Replaces all workers, one after the other: a new one is ready before an old one ends. Once at a time. */
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
      this.#leaving = handle;
      const successor = this.#fork();
      await this.#until(() => successor.state !== 'starting');
      if (successor.state !== 'gone') handle.retire();
      this.#leaving = undefined;
      if (handle.state === 'ready')
        return this.#give(`Worker ${handle.id} stays: its successor did not start.`);
      await this.#until(() => handle.state === 'gone');
    }
  }

  /** Ends all workers, in the time that they may take. Resolves with whether all of them ended by themselves. */
  async close(): Promise<boolean> {
    this.#closing = true;
    clearInterval(this.#watch);
    for (const handle of this.#handles.values()) handle.drain();
    const ended = await this.#until(() => this.#handles.size === 0, this.#shutdownTimeout + GRACE);
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

  #hear(worker: Worker, message: unknown): void {
    const handle = this.#handles.get(worker.id);
    if (!handle || !isFromWorker(message)) return;
    handle.hear(message);
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
      if (handle.hears(message.topic, from)) handle.tell(message);
    }
  }

  #gone(worker: Worker, how: number | string): void {
    const handle = this.#handles.get(worker.id);
    if (!handle) return;
    const { state, startedAt } = handle;
    this.#handles.delete(worker.id);
    handle.gone();
    this.#changed();
    if (state === 'draining' || this.#closing) return;
    if (!this.#everReady) return this.parts.events.failed(typeof how === 'number' && how > 0 ? how : 1);
    this.#replace(
      Date.now() - startedAt > LONG_LIFE,
      `Worker ${worker.id} (process ${worker.process.pid}) ended with ${how}`,
    );
  }

  #replace(livedLong: boolean, what: string): void {
    this.#pause = livedLong ? 0 : Math.min(LONGEST_PAUSE, this.#pause * 2 || FIRST_PAUSE);
    this.parts.logger.error(`${what}. Another one is started${this.#pause ? ` in ${this.#pause} ms` : ''}.`);
    setTimeout(() => {
      if (!this.#closing && this.#staying < this.size) this.#fork();
    }, this.#pause);
  }

  /** How many there are, those left out that end or are about to. */
  get #staying(): number {
    const handles = [...this.#handles.values()];
    return handles.filter((handle) => handle.state !== 'draining' && handle !== this.#leaving).length;
  }

  #killHanging(): void {
    for (const handle of this.#handles.values()) {
      if (!handle.hangs) continue;
      this.#give(`Worker ${handle.id} (process ${handle.worker.process.pid}) hangs and is killed.`);
      handle.kill();
    }
  }

  #give(line: string): void {
    this.parts.logger.error(line);
  }

  readonly #watchers = new Set<() => void>();

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves with true when a condition holds, with false after `timeout` milliseconds. */
  #until(holds: () => boolean, timeout?: number): Promise<boolean> {
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
