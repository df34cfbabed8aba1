import { failure, failureFrom, FlaskSocketError } from '../common/errors.js';
import { oneLine } from '../common/printable.js';
import type { Command } from '../common/remote-clients.js';
import { msgpack } from '../queue/codec.js';
import { openBrokerLink, type OpenBrokerLink } from '../queue/open-queue.js';
import { howToLogIn, isRefusedLogin, withoutPassword } from '../queue/queue-url.js';
import type { TopicMessage } from '../queue/queue.js';
import type { EmitterSetup } from './emitter-options.js';

/** A connection unused for this long is closed, so that it does not keep the process alive; in milliseconds. */
const IDLE_TIMEOUT = 10_000;

/** The most messages that wait for the broker. */
const MAX_WAITING = 100_000;

/**
 * Publishes an emitter's messages in the order of the calls. Connects for the first message, disconnects when idle, and
 * connects again for the next one.
 */
export class Outbox {
  #loading: Promise<OpenBrokerLink> | undefined;
  /** Set when the back end has been loaded; its `write` is used also after the link was closed. */
  #opened: OpenBrokerLink | undefined;
  #isOpen = false;
  readonly #waiting = new Set<PendingMessage>();
  readonly #inFlight = new Set<PendingMessage>();
  #idle: NodeJS.Timeout | undefined;
  #disconnected: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(private readonly setup: Pick<EmitterSetup, 'queue' | 'timeout'>) {}

  /** Loads the back end without connecting. Rejects for a wrong configuration. */
  load(): Promise<OpenBrokerLink> {
    return (this.#loading ??= openBrokerLink(this.setup.queue));
  }

  /** Resolves when the broker has accepted the message; rejects on a time-out. Throws if it cannot be encoded. */
  publish(command: Command, what: string): Promise<void> {
    if (this.#closed) throw failure('FSK_EMITTER_CLOSED', what);
    const { timeout } = this.setup;
    const late = () => this.#notSent(what, `did not take it within ${timeout} ms`, this.#opened?.link.reason);
    const message = new PendingMessage(command, { what, timeout, late, write: this.#opened?.write });
    this.#track(message);
    const opened = this.#connectedLink;
    if (opened) void this.#deliver(message, opened);
    else if (this.#waiting.size < MAX_WAITING) this.#waiting.add(message);
    else
      message.settle(
        this.#notSent(what, `is away, and ${MAX_WAITING} messages wait for it`, this.#opened?.link.reason),
      );
    if (!this.#isOpen) void this.#open();
    return message.settled;
  }

  /** Waits for pending messages, then closes the connection. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#inFlight].map(({ settled }) => settled));
    this.#disconnect();
    await this.#disconnected;
  }

  /** The link, if a message can be published at once. */
  get #connectedLink(): OpenBrokerLink | undefined {
    const mayGo = this.#isOpen && this.#waiting.size === 0 && this.#opened?.link.state === 'up';
    return mayGo ? this.#opened : undefined;
  }

  /** Disconnects some time after the last pending message. */
  #track(message: PendingMessage): void {
    clearTimeout(this.#idle);
    this.#inFlight.add(message);
    const settled = () => {
      this.#waiting.delete(message);
      this.#inFlight.delete(message);
      if (this.#inFlight.size === 0) this.#idle = setTimeout(() => this.#disconnect(), IDLE_TIMEOUT).unref();
    };
    message.settled.then(settled, settled);
  }

  async #open(): Promise<void> {
    this.#isOpen = true;
    try {
      const opened = await this.load();
      this.#opened = opened;
      opened.link.onConnected(() => this.#flush(opened));
      opened.link.connect();
    } catch (error) {
      this.#isOpen = false;
      for (const message of this.#waiting) message.settle(error as Error);
    }
  }

  #disconnect(): void {
    clearTimeout(this.#idle);
    if (!this.#isOpen || !this.#opened) return;
    this.#disconnected = Promise.all([this.#disconnected, this.#opened.link.close()]);
    this.#isOpen = false;
    this.#loading = undefined;
  }

  #flush(opened: OpenBrokerLink): void {
    for (const message of this.#waiting) void this.#deliver(message, opened);
    this.#waiting.clear();
  }

  async #deliver(message: PendingMessage, opened: OpenBrokerLink): Promise<void> {
    try {
      const { link, write } = opened;
      const { topic, payload } = message.encode(write);
      await link.publishNow(topic, payload);
      message.settle();
    } catch (error) {
      const isOurs = error instanceof FlaskSocketError;
      message.settle(isOurs ? error : this.#notSent(message.what, 'did not take it', error));
    }
  }

  #notSent(what: string, how: string, cause: unknown): FlaskSocketError {
    const { url } = this.setup.queue;
    const why = cause instanceof Error ? ` (${oneLine(cause.message || cause.name)})` : '';
    const problem = isRefusedLogin(cause)
      ? { is: `refuses the login${why}`, remedy: howToLogIn(url) }
      : { is: `${how}${why}`, remedy: 'Check that the broker runs and can be reached from here' };
    return failureFrom(cause, 'FSK_NOT_SENT', what, withoutPassword(url), problem);
  }
}

/** Encodes a command for a back end. */
export type Write = (command: Command) => TopicMessage;

interface PendingMessageOptions {
  /** The call, for errors: `emit('news')`. */
  what: string;
  timeout: number;
  /** Makes the error of a time-out. */
  late: () => Error;
  /** `undefined` until the back end has been loaded; then a copy of the command waits. */
  write: Write | undefined;
}

/** A message that waits for the broker, encoded or copied at the time of the call. Settles once, and in time. */
export class PendingMessage {
  /** Resolves when the broker has accepted the message. A rejection is never unhandled. */
  readonly settled: Promise<void>;
  readonly what: string;
  readonly #write: (write: Write) => TopicMessage;
  readonly #timer: NodeJS.Timeout;
  #end: (error?: Error) => void = () => {};

  /** Throws if the command cannot be encoded. */
  constructor(command: Command, { what, timeout, late, write }: PendingMessageOptions) {
    this.what = what;
    this.#write = encoder(command, what, write);
    this.settled = new Promise((resolve, reject) => {
      this.#end = (error) => (error ? reject(error) : resolve());
    });
    this.settled.catch(() => {});
    this.#timer = setTimeout(() => this.settle(late()), timeout);
  }

  encode(write: Write): TopicMessage {
    return this.#write(write);
  }

  /** Settles it; only the first call counts. */
  settle(error?: Error): void {
    clearTimeout(this.#timer);
    this.#end(error);
  }
}

function encoder(command: Command, what: string, write: Write | undefined): (write: Write) => TopicMessage {
  try {
    const written = write?.(command);
    if (written) return () => written;
    const copy = msgpack.decode(msgpack.encode(command)) as Command;
    return (later) => later(copy);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}
