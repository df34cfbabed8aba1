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
  /** What it hears, and whether also what it publishes there itself. */
  readonly #topics = new Map<string, boolean>();
  #heardAt = Date.now();
  #open = 0;
  /** Given since it last said how many it has. */
  #given = 0;
  /** Given, and not taken yet. */
  readonly #underWay: { socket: Socket; again: () => void }[] = [];

  constructor(readonly worker: Worker) {}

  get id(): number {
    return this.worker.id;
  }

  /** How many connections it has, as far as is known. */
  get connections(): number {
    return this.#open + this.#given;
  }

  /** Whether it hears what it is told; it may not have been noticed yet that it has gone. */
  get isReachable(): boolean {
    return this.worker.isConnected();
  }

  get hesitates(): boolean {
    return Date.now() - this.#heardAt > HESITATES;
  }

  get hangs(): boolean {
    return this.state !== 'starting' && Date.now() - this.#heardAt > HANGS;
  }

  /** Whether it hears what a worker publishes on a topic. */
  hears(topic: string, from: WorkerHandle): boolean {
    const own = this.#topics.get(topic);
    return from === this ? own === true : own !== undefined;
  }

  hear(message: FromWorker): void {
    this.#heardAt = Date.now();
    if (message.fsk === 'ready') this.state = 'ready';
    else if (message.fsk === 'taken')
      this.#underWay.shift()?.socket.destroy(); // it is the worker's now
    else if (message.fsk === 'subscribe') this.#topics.set(message.topic, message.own === true);
    else if (message.fsk === 'unsubscribe') this.#topics.delete(message.topic);
    else if (message.fsk === 'beat') {
      this.#open = message.open;
      this.#given = 0;
    }
  }

  /**
   * Gives it a connection. `again` is called if it goes without having taken it: Node would keep the connection open,
   * with nobody to answer.
   */
  take(socket: Socket, { head, again }: { head: Buffer; again: () => void }): void {
    const message: FromPrimary = { fsk: 'connection', head };
    this.#given++;
    this.#underWay.push({ socket, again });
    this.worker.send(message, socket, { keepOpen: true }, () => {}); // who does not hear it has gone
  }

  /** Tells it something; it may have gone meanwhile. */
  tell(message: FromPrimary): void {
    if (this.worker.isConnected()) this.worker.send(message, () => {});
  }

  /** Ends it once those are in who are connecting now; nobody new is sent to it. */
  retire(): void {
    this.#end({ fsk: 'retire' });
  }

  drain(): void {
    this.#end({ fsk: 'drain' });
  }

  #end(message: FromPrimary): void {
    if (this.state === 'gone') return;
    this.state = 'draining';
    this.tell(message);
  }

  /** It has gone: others get what it did not take. */
  gone(): void {
    this.state = 'gone';
    for (const { again } of this.#underWay.splice(0)) again();
  }

  kill(): void {
    this.worker.process.kill('SIGKILL');
  }
}
