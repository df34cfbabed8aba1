import { failure, failureFrom, FlaskSocketError } from '../common/errors.js';
import { oneLine } from '../common/printable.js';
import type { Command } from '../common/remote-clients.js';
import { msgpack } from '../queue/codec.js';
import { openBrokerLink, type OpenBrokerLink } from '../queue/open-queue.js';
import { howToLogIn, isRefusedLogin, withoutPassword } from '../queue/queue-url.js';
import type { Written } from '../queue/queue.js';
import type { EmitterSetup } from './emitter-options.js';

/** A connection that nothing was sent through for so long is closed, in milliseconds: no process hangs on it. */
const IDLE = 10_000;

/** At most so many messages wait for the broker. */
const MOST = 100_000;

/**
 * What an emitter sends, in the order of the calls, through one connection: made for the first message, closed when
 * there was none for a while, and made again.
 */
export class Outbox {
  #loading: Promise<OpenBrokerLink> | undefined;
  /** There once the back end was loaded; kept for its `write` when it is closed. */
  #opened: OpenBrokerLink | undefined;
  #isOpen = false;
  readonly #waiting = new Set<PendingMessage>();
  readonly #inFlight = new Set<PendingMessage>();
  #idle: NodeJS.Timeout | undefined;
  #disconnected: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(private readonly setup: Pick<EmitterSetup, 'queue' | 'timeout'>) {}

  /** Loads the back end, without connecting. Rejects what the configuration got wrong. */
  load(): Promise<OpenBrokerLink> {
    return (this.#loading ??= openBrokerLink(this.setup.queue));
  }

  /** Resolves when the broker has taken it. Throws what cannot be sent; rejects what was not taken in time. */
  publish(command: Command, what: string): Promise<void> {
    if (this.#closed) throw failure('FSK_EMITTER_CLOSED', what);
    const { timeout } = this.setup;
    const late = () => this.#notSent(what, `did not take it within ${timeout} ms`, this.#opened?.link.reason);
    const message = new PendingMessage(command, { what, timeout, late, write: this.#opened?.write });
    this.#follow(message);
    const opened = this.#openedAndUp;
    if (opened) void this.#deliver(message, opened);
    else if (this.#waiting.size < MOST) this.#waiting.add(message);
    else
      message.settle(
        this.#notSent(what, `is away, and ${MOST} messages wait for it`, this.#opened?.link.reason),
      );
    if (!this.#isOpen) void this.#open();
    return message.settled;
  }

  /** Waits for what is under way, then closes the connection. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#inFlight].map(({ settled }) => settled));
    this.#disconnect();
    await this.#disconnected;
  }

  /** The link, if a message may take it at once. */
  get #openedAndUp(): OpenBrokerLink | undefined {
    const mayGo = this.#isOpen && this.#waiting.size === 0 && this.#opened?.link.state === 'up';
    return mayGo ? this.#opened : undefined;
  }

  /** When nothing is under way, nobody needs the connection. */
  #follow(message: PendingMessage): void {
    clearTimeout(this.#idle);
    this.#inFlight.add(message);
    const over = () => {
      this.#waiting.delete(message);
      this.#inFlight.delete(message);
      if (this.#inFlight.size === 0) this.#idle = setTimeout(() => this.#disconnect(), IDLE).unref();
    };
    message.settled.then(over, over);
  }

  async #open(): Promise<void> {
    this.#isOpen = true;
    try {
      const opened = await this.load();
      this.#opened = opened;
      opened.link.onUp(() => this.#flush(opened));
      opened.link.open();
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
      const { topic, payload } = message.written(write);
      await link.deliver(topic, payload);
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

/** How a back end writes a command. */
export type Write = (command: Command) => Written;

/** What a message is made with. */
interface PendingMessageOptions {
  /** The call, for errors: `emit('news')`. */
  what: string;
  /** Milliseconds until it is late. */
  timeout: number;
  /** The error with which it ends then. */
  late: () => Error;
  /** Is there once the back end was loaded; until then a copy of the command waits. */
  write: Write | undefined;
}

/** One call on its way to the broker, holding what it was given as it was then: settled once, and in time. */
export class PendingMessage {
  /** Resolves when the broker has taken it. Nobody has to wait for it: its rejection ends no process. */
  readonly settled: Promise<void>;
  readonly what: string;
  readonly #write: (write: Write) => Written;
  readonly #timer: NodeJS.Timeout;
  #end: (error?: Error) => void = () => {};

  /** Throws what cannot be sent. */
  constructor(command: Command, { what, timeout, late, write }: PendingMessageOptions) {
    this.what = what;
    this.#write = packed(command, what, write);
    this.settled = new Promise((resolve, reject) => {
      this.#end = (error) => (error ? reject(error) : resolve());
    });
    this.settled.catch(() => {});
    this.#timer = setTimeout(() => this.settle(late()), timeout);
  }

  /** What is published for it. */
  written(write: Write): Written {
    return this.#write(write);
  }

  /** Ends it; the first end counts. */
  settle(error?: Error): void {
    clearTimeout(this.#timer);
    this.#end(error);
  }
}

function packed(command: Command, what: string, write: Write | undefined): (write: Write) => Written {
  try {
    const written = write?.(command);
    if (written) return () => written;
    const copy = msgpack.decode(msgpack.encode(command)) as Command;
    return (later) => later(copy);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}
