import { failure } from '../common/errors.js';
import type { FlaskSocketLogger } from '../common/logger.js';
import { counted, oneLine, printableValue, summarizeThrown } from '../common/printable.js';
import { waitFor } from '../common/thenable.js';
import { Backlog, RateLimitedCounter } from './backlog.js';
import { seal, unseal } from './codec.js';
import { howToLogIn, isRefusedLogin } from './queue-url.js';
import type { Driver, Listener, QueueOptions, QueueState, Written } from './queue.js';

/** The largest message that is published or taken, in bytes. */
export const MAX_MESSAGE = 8 * 1024 * 1024;

/** How long a broker may say nothing at boot before the log says so, in milliseconds. */
const FIRST_ANSWER = 5_000;

const CLOSING = 2_000;

/** So many bytes may have been handed to the broker without its answer, and so many count for a message besides. */
const UNANSWERED = 16 * 1024 * 1024;
const ENVELOPE = 100;

/**
 * The one way to a broker, and the guard before it. Whatever the broker or what arrives from it does, nothing here
 * throws or rejects but `deliver`; while it is away, messages are kept up to a bound; changes of state are logged
 * once. Source: promises P4 to P6.
 */
export class BrokerLink {
  #state: QueueState = 'connecting';
  #reason: unknown;
  /** Whether the log has said that the broker is away. */
  #missed = false;
  #firstAnswer: NodeJS.Timeout | undefined;
  #risen: (() => void | Promise<void>) | undefined;
  /** Whether what is published waits until the other processes are back, too. */
  #holding = false;
  #unanswered = 0;
  readonly #backlog = new Backlog();
  /** Resolves when the broker is there for the first time, or is not. */
  readonly #answered: Promise<void>;
  #answer: () => void = () => {};
  readonly #lost: RateLimitedCounter;
  readonly #refused: RateLimitedCounter;

  constructor(
    private readonly driver: Driver,
    private readonly options: QueueOptions & { name: string },
  ) {
    const { logger } = options;
    this.#answered = new Promise((resolve) => (this.#answer = resolve));
    this.#lost = new RateLimitedCounter((count, why) => logger.warn(`${this.#queue}: ${count} not published (${why}). Clients of this process got them.`)); // prettier-ignore
    this.#refused = new RateLimitedCounter((count, why) => logger.warn(`${this.#queue}: ${count} that arrived refused (${why}).`)); // prettier-ignore
  }

  get state(): QueueState {
    return this.#state;
  }

  /** Why the broker was not there the last time that it was not. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Whether the broker is there, and does not let this process in. */
  get isRefused(): boolean {
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

  /** Begins to connect; resolves at once, whether the broker is there or not. */
  open(): void {
    this.#firstAnswer = setTimeout(() => this.#away('no answer yet'), FIRST_ANSWER).unref();
    this.driver.open({ up: () => this.#up(), away: (reason) => this.#away(reason) });
  }

  /** Calls `listener` each time the broker is there (again); what waited is sent when its promise resolves. */
  onUp(listener: () => void | Promise<void>): void {
    this.#risen = listener;
  }

  /** Publishes: now, or as soon as the broker is there. */
  publish(topic: string, payload: Buffer): void {
    void this.place(topic, payload);
  }

  /** The same; resolves with the broker's answer, or with nothing as soon as it is clear that there is none. */
  place(topic: string, payload: Buffer): Promise<unknown> {
    const message = this.#sealed(topic, payload);
    if (!message || this.#state === 'closed') return Promise.resolve();
    if (this.#state === 'up' && !this.#holding) return this.#hand(message);
    this.#lost.add(this.#backlog.add(message), 'the broker was away for too long');
    return Promise.resolve();
  }

  /** Publishes now; rejects if that was not possible. */
  async deliver(topic: string, payload: Buffer): Promise<void> {
    const sealed = seal(this.options.secret, topic, payload);
    if (sealed.length > MAX_MESSAGE) throw failure('FSK_MESSAGE_TOO_LARGE', sealed.length, MAX_MESSAGE);
    await this.driver.publish(topic, sealed);
  }

  /** What arrives on a topic, if it is whole, not too large, and signed as ours are. */
  subscribe(topic: string, listener: Listener): void {
    this.driver.subscribe(topic, this.guarded(listener));
  }

  /** Has what this process publishes on a topic arrive here, too. */
  hearOwn(topic: string): void {
    this.driver.hearOwn?.(topic);
  }

  unsubscribe(topic: string): void {
    this.driver.unsubscribe(topic);
  }

  /** A listener that nothing which arrives can hurt. */
  guarded(listener: Listener): Listener {
    return (sealed, topic) => {
      if (sealed.length > MAX_MESSAGE) return this.#refused.add(1, `over ${MAX_MESSAGE} bytes`);
      const payload = unseal(this.options.secret, topic, sealed);
      if (!payload) return this.#refused.add(1, 'not signed with queueSecret');
      try {
        listener(payload, topic);
      } catch (error) {
        this.refuse(error);
      }
    };
  }

  /** Counts a message that could not be understood. */
  refuse(error: unknown): void {
    this.#refused.add(1, summarizeThrown(error));
  }

  /** Counts a message that could not be published. */
  lose(error: unknown): void {
    this.#lost.add(1, summarizeThrown(error));
  }

  /** Ends within `timeout` milliseconds, two seconds if not said. */
  async close(timeout = CLOSING): Promise<void> {
    const deadline = Date.now() + timeout;
    await this.#firstChance(timeout);
    if (this.#state === 'closed') return;
    this.#release();
    this.#state = 'closed';
    clearTimeout(this.#firstAnswer);
    this.#lost.close();
    this.#refused.close();
    await this.driver
      .close(Math.max(0, deadline - Date.now()))
      .catch((error: unknown) => this.logger.debug?.(summarizeThrown(error)));
  }

  /** A process that ends right after it began may have said something: it waits until the broker can take it. */
  async #firstChance(timeout: number): Promise<void> {
    if (this.#state !== 'connecting' || this.#missed || this.#backlog.size === 0) return;
    await waitFor(this.#answered, timeout);
  }

  #sealed(topic: string, payload: Buffer): Written | undefined {
    const sealed = seal(this.options.secret, topic, payload);
    if (sealed.length <= MAX_MESSAGE) return { topic, payload: sealed };
    this.#lost.add(1, `over ${MAX_MESSAGE} bytes`);
    return undefined;
  }

  /** What a broker did not take is lost: it may have arrived, and nothing is to arrive twice. */
  #hand({ topic, payload }: Written): Promise<unknown> {
    const size = payload.length + ENVELOPE;
    if (this.#unanswered + size > UNANSWERED) {
      this.#lost.add(1, 'the broker does not keep up');
      return Promise.resolve();
    }
    this.#unanswered += size;
    return this.driver.publish(topic, payload).then(
      (answer) => {
        this.#unanswered -= size;
        return answer;
      },
      (error: unknown) => {
        this.#unanswered -= size;
        this.lose(error);
      },
    );
  }

  #up(): void {
    if (this.#state === 'up' || this.#state === 'closed') return;
    clearTimeout(this.#firstAnswer);
    this.#state = 'up';
    this.#answer();
    const waiting = this.#backlog.size;
    const sent =
      waiting > 0 ? `; ${counted(waiting, 'message')} that waited ${waiting === 1 ? 'is' : 'are'} sent` : '';
    this.logger.log(`${this.#queue} is ${this.#missed ? 'back' : 'connected'}${sent}.`);
    this.#missed = false;
    this.#holding = true;
    const complete = this.#risen?.();
    if (complete) void complete.then(() => this.#release());
    else this.#release();
  }

  #release(): void {
    if (this.#state !== 'up') return; // away again, and the next return releases
    this.#holding = false;
    for (const message of this.#backlog.take()) void this.#hand(message);
  }

  #away(reason: unknown): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#firstAnswer);
    this.#answer();
    if (this.#state === 'up') this.#state = 'away';
    const isNews = !this.#missed || (isRefusedLogin(reason) && !isRefusedLogin(this.#reason));
    this.#reason = reason;
    this.#missed = true;
    if (isNews) this.#complain(whyOf(reason));
  }

  #complain(why: string): void {
    const served = 'Clients of this process are served; others are, when it';
    const remedy = howToLogIn(this.options.name);
    if (this.isRefused)
      this.logger.error(`${this.#queue} refuses the login (${why}). ${remedy}. ${served} lets it in.`);
    else this.logger.warn(`${this.#queue} is away (${why}). ${served} is back.`);
  }

  get #queue(): string {
    return `Message queue ${this.options.name}`;
  }
}

/** Why a broker is away, in a few words. */
function whyOf(reason: unknown): string {
  return reason instanceof Error ? oneLine(reason.message || reason.name) : printableValue(reason);
}
