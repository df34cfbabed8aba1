import { KeyedSerialQueue } from '../common/serial-queue.js';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Driver, DriverEvents, Listener } from './queue.js';

/** A connection that lasted so long was a good one: the next is looked for at once. In milliseconds. */
const STABLE = 5_000;

/** A topic that was left is listened to for so long: one who reloads a page comes back to it. In milliseconds. */
const LINGERING = 5_000;

/** One connection to a broker, from its beginning to its end. Addresses are topics as the broker takes them. */
export interface Session {
  publish(address: string, payload: Buffer): Promise<unknown>;
  listen(address: string): Promise<void>;
  unlisten(address: string): Promise<void>;
  /** Ends it after what was published has left. */
  end(): Promise<void>;
  /** Ends it at once; what waits for an answer is rejected. */
  destroy(): void;
}

/** What a session says of itself. */
export interface SessionEvents {
  /** `topic` is given where one address stands for many. */
  readonly hear: (address: string, payload: Buffer, topic?: string) => void;
  /** It is of no use any more. */
  readonly lost: (reason: unknown) => void;
  /** It is of no use for a while. */
  readonly paused: (reason: unknown) => void;
  readonly resumed: () => void;
}

/** What is particular to a broker. */
export interface Broker<S extends Session = Session> {
  /** Connects; rejects in bounded time, at once when `signal` says so. */
  connect(events: SessionEvents, signal: AbortSignal): Promise<S>;
  /** What the broker calls a topic. */
  address(topic: string): string;
}

interface Subscribed {
  topic: string;
  listener: Listener;
}

/**
 * A driver on one connection, that has no memory: after anything goes wrong the next one starts from nothing, with
 * all subscriptions made again, so that nothing half-made is ever kept, and nothing is published twice.
 */
export class SessionDriver<S extends Session = Session> implements Driver {
  readonly #subscribed = new Map<string, Subscribed>();
  /** Addresses that were left, but are still listened to. */
  readonly #lingering = new Map<string, NodeJS.Timeout>();
  /** Subscribes and unsubscribes, by address. */
  readonly #subscriptions = new KeyedSerialQueue();
  readonly #closing = new AbortController();
  #session: S | undefined;
  #lose: (reason: unknown) => void = () => {};

  constructor(private readonly broker: Broker<S>) {}

  /** The connection; throws while there is none. */
  protected get session(): S {
    if (!this.#session) throw new Error('the broker is away');
    return this.#session;
  }

  open(events: DriverEvents): void {
    void this.#run(events);
  }

  publish(topic: string, payload: Buffer): Promise<unknown> {
    try {
      return this.session.publish(this.broker.address(topic), payload);
    } catch (error) {
      return Promise.reject(error); // a client may throw at once, for what is too large
    }
  }

  subscribe(topic: string, listener: Listener): void {
    const address = this.broker.address(topic);
    this.#subscribed.set(address, { topic, listener });
    if (!this.#lingers(address)) this.#ask(address, (session) => session.listen(address));
  }

  unsubscribe(topic: string): void {
    const address = this.broker.address(topic);
    if (!this.#subscribed.delete(address) || !this.#session) return;
    const leave = () => {
      if (this.#lingers(address)) this.#ask(address, (session) => session.unlisten(address));
    };
    this.#lingering.set(address, setTimeout(leave, LINGERING).unref());
  }

  async close(timeout: number): Promise<void> {
    this.#closing.abort();
    const session = this.#session;
    this.#session = undefined;
    if (!session) return;
    const late = new AbortController();
    const tooLate = delay(timeout, undefined, { signal: late.signal }).catch(() => {});
    await Promise.race([session.end().catch(() => {}), tooLate]);
    late.abort();
    session.destroy();
  }

  /** Whether an address that was left is still listened to; it is not lingering any more then. */
  #lingers(address: string): boolean {
    clearTimeout(this.#lingering.get(address));
    return this.#lingering.delete(address);
  }

  /** A function, since the signal changes while something is awaited. */
  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(events: DriverEvents): Promise<void> {
    for (let attempt = 0; !this.#isClosing(); attempt++) {
      const began = Date.now();
      const reason = await this.#hold(events).catch((error: unknown) => error);
      if (this.#isClosing()) return;
      events.away(reason);
      if (Date.now() - began > STABLE) attempt = 0;
      await delay(backoff(attempt), undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  /** Connects, and returns the reason for which that ended. */
  async #hold(events: DriverEvents): Promise<unknown> {
    const lost = new Promise<unknown>((resolve) => (this.#lose = resolve));
    const session = await this.broker.connect(this.#eventsFor(events, this.#lose), this.#closing.signal);
    if (this.#isClosing()) return session.destroy();
    this.#session = session;
    const listening = Promise.all([...this.#subscribed.keys()].map((address) => session.listen(address)));
    const risen = listening.then(() => this.#session === session && events.up());
    try {
      await Promise.race([risen, lost]);
      return await lost;
    } finally {
      if (this.#session === session) this.#session = undefined;
      for (const address of this.#lingering.keys()) this.#lingers(address);
      if (!this.#isClosing()) session.destroy();
    }
  }

  #eventsFor(events: DriverEvents, lost: (reason: unknown) => void): SessionEvents {
    return {
      hear: (address, payload, topic) => {
        const subscribed = this.#subscribed.get(address);
        subscribed?.listener(payload, topic ?? subscribed.topic);
      },
      lost,
      paused: (reason) => events.away(reason),
      resumed: () => this.#session && events.up(),
    };
  }

  /** One after the other for an address: a client that is still leaving a topic takes it for subscribed. */
  #ask(address: string, what: (session: Session) => Promise<void>): void {
    const session = this.#session;
    if (!session) return;
    void this.#subscriptions.run(address, () => what(session).catch(this.#lose));
  }
}

const LONGEST = 2_000;

/** Milliseconds to wait before a connection is looked for again: longer each time, up to 2 s, with jitter. */
export function backoff(attempt: number): number {
  return Math.min(LONGEST, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

/** A broker is asked for a sign of life so often, in milliseconds, and is away when it has left so many unanswered. */
const ASKING = 3_000;
const UNANSWERED = 2;

/**
 * Asks a broker for signs of life, so that one that hangs is noticed. Counts signs rather than time: a process that
 * was busy for long has not seen the answers that are there. Returns what ends it.
 */
export function watch(ask: () => Promise<unknown>, lost: (reason: unknown) => void): () => void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered++ === UNANSWERED) return lost(new Error('it does not answer'));
    ask().then(() => (unanswered = 0), lost);
  }, ASKING).unref();
  return () => clearInterval(timer);
}

/** A name as it is, or a digest of it where a broker takes no name so long (in bytes), or with such characters. */
export function fitName(name: string, longest: number): string {
  const bytes = Buffer.from(name);
  // oxlint-disable-next-line no-control-regex -- control characters are what some brokers do not take
  const fits = bytes.length <= longest && !/[\u0000-\u001f]/.test(name) && bytes.toString() === name;
  return fits ? name : createHash('sha256').update(name, 'utf16le').digest('base64url');
}
