import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { HEARTBEAT, type FromPrimary, type FromWorker } from './messages.js';

/** After this long without a heartbeat a worker counts as slow (it gets no new connections), then as hanging. */
const HANG_TIMEOUT = 10 * HEARTBEAT;
const SLOW_TIMEOUT = 3 * HEARTBEAT;

/** A worker, in the primary process. */
export class WorkerHandle {
  /** `starting` until it accepts connections; `draining` when it is ending. */
  state: 'starting' | 'ready' | 'draining' | 'gone' = 'starting';
  readonly startedAt = Date.now();
  /** The topics it has subscribed to; true: it receives its own messages, too. */
  readonly #topics = new Map<string, boolean>();
  #lastMessageAt = Date.now();
  #open = 0;
  /** Connections assigned since its last heartbeat. */
  #assigned = 0;
  /** Connections assigned, but not confirmed yet. */
  readonly #unconfirmed: { socket: Socket; reassign: () => void }[] = [];

  constructor(readonly worker: Worker) {}

  get id(): number {
    return this.worker.id;
  }

  /** The number of its connections, as far as known. */
  get connections(): number {
    return this.#open + this.#assigned;
  }

  /** False for a process that has ended before `exit` is emitted. */
  get isConnected(): boolean {
    return this.worker.isConnected();
  }

  get isSlow(): boolean {
    return Date.now() - this.#lastMessageAt > SLOW_TIMEOUT;
  }

  get isHanging(): boolean {
    return this.state !== 'starting' && Date.now() - this.#lastMessageAt > HANG_TIMEOUT;
  }

  /** Whether it receives the messages of a worker on a topic. */
  isSubscribed(topic: string, from: WorkerHandle): boolean {
    const own = this.#topics.get(topic);
    return from === this ? own === true : own !== undefined;
  }

  receive(message: FromWorker): void {
    this.#lastMessageAt = Date.now();
    if (message.fsk === 'ready') this.state = 'ready';
    else if (message.fsk === 'taken')
      this.#unconfirmed.shift()?.socket.destroy(); // the worker has its own handle of it
    else if (message.fsk === 'subscribe') this.#topics.set(message.topic, message.own === true);
    else if (message.fsk === 'unsubscribe') this.#topics.delete(message.topic);
    else if (message.fsk === 'beat') {
      this.#open = message.open;
      this.#assigned = 0;
    }
  }

  /**
   * Sends it a connection. `reassign` is called if the worker ends before it has confirmed it: Node would keep the
   * connection open without a process that answers.
   */
  assign(socket: Socket, { head, reassign }: { head: Buffer; reassign: () => void }): void {
    const message: FromPrimary = { fsk: 'connection', head };
    this.#assigned++;
    this.#unconfirmed.push({ socket, reassign });
    this.worker.send(message, socket, { keepOpen: true }, () => {}); // fails only if the worker has ended
  }

  /** Does nothing if the worker has ended. */
  send(message: FromPrimary): void {
    if (this.worker.isConnected()) this.worker.send(message, () => {});
  }

  /** Ends it after the clients that are connecting; it gets no new ones. */
  retire(): void {
    this.#end({ fsk: 'retire' });
  }

  drain(): void {
    this.#end({ fsk: 'drain' });
  }

  #end(message: FromPrimary): void {
    if (this.state === 'gone') return;
    this.state = 'draining';
    this.send(message);
  }

  /** The process has ended: reassigns its unconfirmed connections. */
  ended(): void {
    this.state = 'gone';
    for (const { reassign } of this.#unconfirmed.splice(0)) reassign();
  }

  kill(): void {
    this.worker.process.kill('SIGKILL');
  }
}
