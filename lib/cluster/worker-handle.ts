import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { BEAT, type FromPrimary, type FromWorker } from './messages.js';

/** A worker that is silent for so long hangs; for a shorter time it gets no new connections. */
const HANGS = 10 * BEAT;
const HESITATES = 3 * BEAT;

/** A worker as the primary process sees it. */
export class WorkerHandle {
  /** `starting` until it takes connections; `draining` is told to end. */
  state: 'starting' | 'ready' | 'draining' | 'gone' = 'starting';
  readonly startedAt = Date.now();
  readonly topics = new Set<string>();
  #heardAt = Date.now();
  #open = 0;
  /** Given since it last said how many it has. */
  #given = 0;

  constructor(readonly worker: Worker) {}

  get id(): number {
    return this.worker.id;
  }

  /** How many connections it has, as far as is known. */
  get connections(): number {
    return this.#open + this.#given;
  }

  get hesitates(): boolean {
    return Date.now() - this.#heardAt > HESITATES;
  }

  get hangs(): boolean {
    return this.state !== 'starting' && Date.now() - this.#heardAt > HANGS;
  }

  hear(message: FromWorker): void {
    this.#heardAt = Date.now();
    if (message.fsk === 'ready') this.state = 'ready';
    else if (message.fsk === 'subscribe') this.topics.add(message.topic);
    else if (message.fsk === 'unsubscribe') this.topics.delete(message.topic);
    else if (message.fsk === 'beat') {
      this.#open = message.open;
      this.#given = 0;
    }
  }

  /** Gives it a connection. */
  take(socket: Socket, head: Buffer): void {
    this.#given++;
    const message: FromPrimary = { fsk: 'connection', head };
    this.worker.send(message, socket, (error) => error && socket.destroy());
  }

  /** Tells it something; it may have gone meanwhile. */
  tell(message: FromPrimary): void {
    if (this.worker.isConnected()) this.worker.send(message, () => {});
  }

  drain(): void {
    this.state = 'draining';
    this.tell({ fsk: 'drain' });
  }

  kill(): void {
    this.worker.process.kill('SIGKILL');
  }
}
