import cluster from 'node:cluster';
import { failure } from '../common/errors.js';
import type { Backend } from './back-end.js';
import type { Driver, DriverEvents, Listener } from './queue.js';

/** The workers of `run({ workers })` among themselves: through their primary process, no broker needed. */
export const backend: Backend = {
  name: 'Workers',
  open({ url }) {
    if (!cluster.isWorker)
      throw failure('FSK_INVALID_QUEUE', url, 'it is for the workers of run({ workers })');
    return { driver: new WorkersDriver() };
  },
};

/** Bytes for the workers that listen to a topic. */
export interface Published {
  fsk: 'publish';
  topic: string;
  payload: Uint8Array;
}

/** What a worker tells the primary process for the queue. */
export type QueueMessage =
  /** It listens to a topic; `own`: also to what it publishes there itself. */
  | { fsk: 'subscribe'; topic: string; own?: boolean }
  /** It listens no longer. */
  | { fsk: 'unsubscribe'; topic: string }
  | Published;

/** The primary process passes on what the workers publish; see `workers/messages.ts`. */
class WorkersDriver implements Driver {
  readonly #listeners = new Map<string, Listener>();
  readonly #own = new Set<string>();

  open(events: DriverEvents): void {
    process.on('message', this.#hear);
    for (const topic of this.#listeners.keys()) this.#ask(topic);
    events.up();
  }

  publish(topic: string, payload: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = send({ fsk: 'publish', topic, payload }, (error) => (error ? reject(error) : resolve()));
      if (!sent) reject(new Error('the primary process is gone'));
    });
  }

  subscribe(topic: string, listener: Listener): void {
    this.#listeners.set(topic, listener);
    this.#ask(topic);
  }

  unsubscribe(topic: string): void {
    this.#listeners.delete(topic);
    send({ fsk: 'unsubscribe', topic });
  }

  hearOwn(topic: string): void {
    this.#own.add(topic);
    if (this.#listeners.has(topic)) this.#ask(topic);
  }

  close(): Promise<void> {
    process.off('message', this.#hear);
    return Promise.resolve();
  }

  #ask(topic: string): void {
    send({ fsk: 'subscribe', topic, own: this.#own.has(topic) });
  }

  readonly #hear = (message: unknown): void => {
    const { fsk, topic, payload } = (message ?? {}) as { fsk?: string; topic: string; payload: Uint8Array };
    if (fsk === 'publish') this.#listeners.get(topic)?.(Buffer.from(payload), topic);
  };
}

/** Whether there is somebody to tell. */
function send(message: QueueMessage, done: (error: Error | null) => void = () => {}): boolean {
  if (!process.connected) return false;
  process.send?.(message, undefined, undefined, done);
  return true;
}
