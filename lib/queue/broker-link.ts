import { failure } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import { counted, oneLine, printableValue, summarizeThrown } from '../common/printable.js';
import { waitFor } from '../common/thenable.js';
import { Backlog, RateLimitedCounter } from './backlog.js';
import { sign, verify, withoutProto } from './codec.js';
import { howToLogIn, isRefusedLogin } from './queue-url.js';
import type { Driver, Listener, QueueOptions, QueueState, TopicMessage } from './queue.js';

/** The largest message that is published or received, in bytes. */
export const MAX_MESSAGE = 8 * 1024 * 1024;

/** If the first connection takes longer, the log says so; in milliseconds. */
const FIRST_ATTEMPT = 5_000;

const CLOSE_TIMEOUT = 2_000;

/** How many bytes may be sent without the broker's confirmation, and what each message counts beside its payload. */
const MAX_UNCONFIRMED = 16 * 1024 * 1024;
const MESSAGE_OVERHEAD = 100;

/**
 * Everything that is sent to or received from a broker passes here. No failure of the broker and no message makes it
 * throw or reject, except `publishNow`. During an outage messages wait in a bounded backlog. Each change of state is
 * logged once. Source: promises P4 to P6.
 */
export class BrokerLink {
  #state: QueueState = 'connecting';
  #reason: unknown;
  #isOutageLogged = false;
  #firstAttemptTimer: NodeJS.Timeout | undefined;
  #connectedListener: (() => void | Promise<void>) | undefined;
  /** Connected, but messages still wait until the other processes have reconnected. */
  #isBuffering = false;
  #unconfirmed = 0;
  readonly #backlog = new Backlog();
  /** Resolves when the first attempt to connect has succeeded or failed. */
  readonly #firstAttempt: Promise<void>;
  #endFirstAttempt: () => void = () => {};
  readonly #lost: RateLimitedCounter;
  readonly #refused: RateLimitedCounter;

  constructor(
    private readonly driver: Driver,
    private readonly options: QueueOptions & { name: string },
  ) {
    const { logger } = options;
    this.#firstAttempt = new Promise((resolve) => (this.#endFirstAttempt = resolve));
    this.#lost = new RateLimitedCounter((count, why) => logger.warn(`${this.#label}: ${count} not published (${why}). Clients of this process got them.`)); // prettier-ignore
    this.#refused = new RateLimitedCounter((count, why) => logger.warn(`${this.#label}: ${count} that arrived refused (${why}).`)); // prettier-ignore
  }

  get state(): QueueState {
    return this.#state;
  }

  /** The reason of the last outage. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Whether the broker can be reached, but refuses the login. */
  get isLoginRefused(): boolean {
    return this.#state !== 'up' && isRefusedLogin(this.#reason);
  }

  get logger(): FlaskSocketLogger {
    return this.options.logger;
  }

  /** The prefix of all topics. */
  get channel(): string {
    return this.options.channel;
  }

  /** How many messages were not published, or were refused when they arrived. */
  get counts(): { lost: number; refused: number } {
    return { lost: this.#lost.total, refused: this.#refused.total };
  }

  /** Starts to connect. Does not wait for the broker. */
  connect(): void {
    this.#firstAttemptTimer = setTimeout(() => this.#disconnected('no answer yet'), FIRST_ATTEMPT).unref();
    this.driver.connect({
      connected: () => this.#connected(),
      disconnected: (reason) => this.#disconnected(reason),
    });
  }

  /** Calls `listener` after each (re)connection. The backlog is sent when the promise it returns resolves. */
  onConnected(listener: () => void | Promise<void>): void {
    this.#connectedListener = listener;
  }

  /** Publishes now, or when the broker is connected. */
  publish(topic: string, payload: Buffer): void {
    void this.publishForReply(topic, payload);
  }

  /** The same. Resolves with the broker's reply, or with `undefined` if the message is queued or dropped. */
  publishForReply(topic: string, payload: Buffer): Promise<unknown> {
    const message = this.#signed(topic, payload);
    if (!message || this.#state === 'closed') return Promise.resolve();
    if (this.#state === 'up' && !this.#isBuffering) return this.#send(message);
    this.#lost.add(this.#backlog.add(message), 'the broker was away for too long');
    return Promise.resolve();
  }

  /** Publishes now; rejects if that fails. */
  async publishNow(topic: string, payload: Buffer): Promise<void> {
    const signed = sign(this.options.secret, topic, payload);
    if (signed.length > MAX_MESSAGE) throw failure('FSK_MESSAGE_TOO_LARGE', signed.length, MAX_MESSAGE);
    await this.driver.publish(topic, signed);
  }

  /** `listener` gets the messages of a topic that are not too large and signed with our secret. */
  subscribe(topic: string, listener: Listener): void {
    this.driver.subscribe(topic, this.guarded(listener));
  }

  /** Lets this process receive its own messages on a topic, too. */
  receiveOwn(topic: string): void {
    this.driver.receiveOwn?.(topic);
  }

  unsubscribe(topic: string): void {
    this.driver.unsubscribe(topic);
  }

  /** A listener that refuses messages that are too large or not signed, and those for which `listener` throws. */
  guarded(listener: Listener): Listener {
    return (signed, topic) => {
      if (signed.length > MAX_MESSAGE) return this.#refused.add(1, `over ${MAX_MESSAGE} bytes`);
      const payload = verify(this.options.secret, topic, signed);
      if (!payload) return this.#refused.add(1, 'not signed with queueSecret');
      try {
        listener(withoutProto(payload), topic);
      } catch (error) {
        this.countRefused(error);
      }
    };
  }

  /** Counts a received message that is malformed. */
  countRefused(error: unknown): void {
    this.#refused.add(1, summarizeThrown(error));
  }

  /** Counts a message that could not be published. */
  countLost(error: unknown): void {
    this.#lost.add(1, summarizeThrown(error));
  }

  /** Ends within `timeout` milliseconds. */
  async close(timeout = CLOSE_TIMEOUT): Promise<void> {
    const deadline = Date.now() + timeout;
    await this.#waitForFirstAttempt(timeout);
    if (this.#state === 'closed') return;
    this.#flush();
    this.#state = 'closed';
    clearTimeout(this.#firstAttemptTimer);
    this.#lost.close();
    this.#refused.close();
    await this.driver
      .close(Math.max(0, deadline - Date.now()))
      .catch((error: unknown) => this.logger.debug?.(summarizeThrown(error)));
  }

  /** A process that ends right after it started may have published: gives the first connection time to send it. */
  async #waitForFirstAttempt(timeout: number): Promise<void> {
    if (this.#state !== 'connecting' || this.#isOutageLogged || this.#backlog.size === 0) return;
    await waitFor(this.#firstAttempt, timeout);
  }

  #signed(topic: string, payload: Buffer): TopicMessage | undefined {
    const signed = sign(this.options.secret, topic, payload);
    if (signed.length <= MAX_MESSAGE) return { topic, payload: signed };
    this.#lost.add(1, `over ${MAX_MESSAGE} bytes`);
    return undefined;
  }

  /** A message that fails is not sent again: the broker may have delivered it, and none is delivered twice. */
  #send({ topic, payload }: TopicMessage): Promise<unknown> {
    const size = payload.length + MESSAGE_OVERHEAD;
    if (this.#unconfirmed + size > MAX_UNCONFIRMED) {
      this.#lost.add(1, 'the broker does not keep up');
      return Promise.resolve();
    }
    this.#unconfirmed += size;
    return this.driver.publish(topic, payload).then(
      (answer) => {
        this.#unconfirmed -= size;
        return answer;
      },
      (error: unknown) => {
        this.#unconfirmed -= size;
        this.countLost(error);
      },
    );
  }

  #connected(): void {
    if (this.#state === 'up' || this.#state === 'closed') return;
    clearTimeout(this.#firstAttemptTimer);
    this.#state = 'up';
    this.#endFirstAttempt();
    const waiting = this.#backlog.size;
    const sent =
      waiting > 0 ? `; ${counted(waiting, 'message')} that waited ${waiting === 1 ? 'is' : 'are'} sent` : '';
    this.logger.log(`${this.#label} is ${this.#isOutageLogged ? 'back' : 'connected'}${sent}.`);
    this.#isOutageLogged = false;
    this.#isBuffering = true;
    const ready = this.#connectedListener?.();
    if (ready) void ready.then(() => this.#flush());
    else this.#flush();
  }

  #flush(): void {
    if (this.#state !== 'up') return; // disconnected again: the next connection flushes
    this.#isBuffering = false;
    for (const message of this.#backlog.take()) void this.#send(message);
  }

  #disconnected(reason: unknown): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#firstAttemptTimer);
    this.#endFirstAttempt();
    if (this.#state === 'up') this.#state = 'away';
    const isNews = !this.#isOutageLogged || (isRefusedLogin(reason) && !isRefusedLogin(this.#reason));
    this.#reason = reason;
    this.#isOutageLogged = true;
    if (isNews) this.#logOutage(reasonText(reason));
  }

  #logOutage(why: string): void {
    const served = 'Clients of this process are served; others are, when it';
    const remedy = howToLogIn(this.options.name);
    if (this.isLoginRefused)
      this.logger.error(`${this.#label} refuses the login (${why}). ${remedy}. ${served} lets it in.`);
    else this.logger.warn(`${this.#label} is away (${why}). ${served} is back.`);
  }

  get #label(): string {
    return `Message queue ${this.options.name}`;
  }
}

function reasonText(reason: unknown): string {
  return reason instanceof Error ? oneLine(reason.message || reason.name) : printableValue(reason);
}
