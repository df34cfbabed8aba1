import { failure } from '../../common/errors.js';
import type { FlaskSocketLogger } from '../../common/logger.js';
import type { AdapterFactory, ResolvedOptions } from '../../common/options.js';
import type { Runtime } from '../../context/connection.js';
import type { Election } from '../../queue/election.js';
import { openQueue, type Queue } from '../../queue/open-queue.js';
import { Leadership } from './leadership.js';
import { OtherProcesses } from './other-processes.js';

/** The message queue of an application, if option `messageQueue` names one. */
export class MessageQueue {
  queue: Queue | undefined;
  elsewhere: OtherProcesses | undefined;
  readonly #leadership: Leadership;

  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly logger: FlaskSocketLogger,
  ) {
    this.#leadership = new Leadership(logger);
  }

  /** Opens it, without waiting for the broker. Rejects what the configuration got wrong. */
  async open(runtime: Runtime): Promise<void> {
    const { messageQueue, channel, queueSecret: secret } = this.options();
    if (messageQueue === undefined) return this.#leadership.among('nobody');
    if (typeof messageQueue === 'function') return;
    const address = typeof messageQueue === 'string' ? { url: messageQueue } : messageQueue;
    this.queue = await openQueue({ ...address, channel, secret, logger: this.logger });
    this.elsewhere = new OtherProcesses(this.queue, runtime);
    this.#leadership.among(this.queue.fleet);
  }

  /** Who of all processes leads under a name; `what` wants to know. Throws `FSK_NO_LEADER` if that cannot be known. */
  election(name: string, what: string): Election {
    if (typeof this.options().messageQueue === 'function') throw failure('FSK_NO_LEADER', what);
    return this.#leadership.of(name);
  }

  /** What Socket.IO's server is to have as its adapter. */
  get adapter(): AdapterFactory | undefined {
    const { messageQueue } = this.options();
    if (typeof messageQueue === 'function') return messageQueue;
    return this.queue?.adapter as AdapterFactory | undefined; // socket.io's type of a constructor
  }

  /** For the log. */
  describe(): string {
    if (typeof this.options().messageQueue === 'function') return ', with an adapter of the application';
    return this.queue ? `, message queue ${this.queue.name}` : '';
  }

  /** Ends within `timeout` milliseconds, whatever the broker does. */
  async close(timeout: number): Promise<void> {
    this.#leadership.close();
    await this.queue?.close(timeout);
  }
}
