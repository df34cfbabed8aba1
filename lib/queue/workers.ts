import cluster from 'node:cluster';
import { failure } from '../common/errors.js';
import type { Backend } from './back-end.js';
import type { Driver, DriverEvents, Listener } from './queue.js';

/** The queue between the workers of `run({ workers })`: their primary process relays the messages. */
export const backend: Backend = {
  name: 'Workers',
  open({ url }) {
    if (!cluster.isWorker)
      throw failure('FSK_INVALID_QUEUE', url, 'it is for the workers of run({ workers })');
    return { driver: new WorkersDriver() };
  },
};

/** A message for the workers that have subscribed to a topic. */
export interface Published {
  fsk: 'publish';
  topic: string;
  payload: Uint8Array;
}

/** The queue's messages from a worker to the primary process. */
export type QueueMessage =
  /** `own`: it receives its own messages on the topic, too. */
  { fsk: 'subscribe'; topic: string; own?: boolean } | { fsk: 'unsubscribe'; topic: string } | Published;

/** The primary process relays what the workers publish; see `workers/messages.ts`. */
class WorkersDriver implements Driver {
  readonly #listeners = new Map<string, Listener>();
  readonly #ownTopics = new Set<string>();

  connect(events: DriverEvents): void {
    process.on('message', this.#onMessage);
    for (const topic of this.#listeners.keys()) this.#subscribe(topic);
    events.connected();
  }

  publish(topic: string, payload: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = send({ fsk: 'publish', topic, payload }, (error) => (error ? reject(error) : resolve()));
      if (!sent) reject(new Error('the primary process is gone'));
    });
  }

  subscribe(topic: string, listener: Listener): void {
    this.#listeners.set(topic, listener);
    this.#subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#listeners.delete(topic);
    send({ fsk: 'unsubscribe', topic });
  }

  receiveOwn(topic: string): void {
    this.#ownTopics.add(topic);
    if (this.#listeners.has(topic)) this.#subscribe(topic);
  }

  close(): Promise<void> {
    process.off('message', this.#onMessage);
    return Promise.resolve();
  }

  #subscribe(topic: string): void {
    send({ fsk: 'subscribe', topic, own: this.#ownTopics.has(topic) });
  }

  readonly #onMessage = (message: unknown): void => {
    const { fsk, topic, payload } = (message ?? {}) as { fsk?: string; topic: string; payload: Uint8Array };
    if (fsk === 'publish') this.#listeners.get(topic)?.(Buffer.from(payload), topic);
  };
}

/** Sends to the primary process; returns whether it is connected. */
function send(message: QueueMessage, done: (error: Error | null) => void = () => {}): boolean {
  if (!process.connected) return false;
  process.send?.(message, undefined, undefined, done);
  return true;
}
