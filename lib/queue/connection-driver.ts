import { KeyedSerialQueue } from '../common/serial-queue.js';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Driver, DriverEvents, Listener } from './queue.js';

/** After a connection that lasted this long, the backoff starts anew; in milliseconds. */
const STABLE_AFTER = 5_000;

/** A topic stays subscribed this long after `unsubscribe()`, since reloaded pages come back; in milliseconds. */
const LINGER = 5_000;

/** One connection to a broker. An address is a topic in the broker's own form. */
export interface BrokerConnection {
  publish(address: string, payload: Buffer): Promise<unknown>;
  subscribe(address: string): Promise<void>;
  unsubscribe(address: string): Promise<void>;
  /** Closes it after all published messages have been sent. */
  close(): Promise<void>;
  /** Closes it at once; pending requests reject. */
  destroy(): void;
}

export interface ConnectionEvents {
  /** A message. `topic` is given where one address is a pattern for several. */
  readonly received: (address: string, payload: Buffer, topic?: string) => void;
  /** The connection is lost for good. */
  readonly lost: (reason: unknown) => void;
  /** The broker does not take messages for now. */
  readonly paused: (reason: unknown) => void;
  readonly resumed: () => void;
}

export interface Broker<S extends BrokerConnection = BrokerConnection> {
  /** Connects; rejects in bounded time, and at once when `signal` aborts. */
  connect(events: ConnectionEvents, signal: AbortSignal): Promise<S>;
  /** The broker's form of a topic. */
  address(topic: string): string;
}

interface Subscription {
  topic: string;
  listener: Listener;
}

/**
 * A driver that has one connection at a time. After any failure it makes a new one and renews all subscriptions: no
 * state of the old one is kept, and no message is published twice.
 */
export class ConnectionDriver<S extends BrokerConnection = BrokerConnection> implements Driver {
  readonly #subscriptions = new Map<string, Subscription>();
  /** Addresses that are to be unsubscribed from when their timer ends. */
  readonly #lingering = new Map<string, NodeJS.Timeout>();
  /** Subscribes and unsubscribes, by address. */
  readonly #changes = new KeyedSerialQueue();
  readonly #closing = new AbortController();
  #connection: S | undefined;
  #lost: (reason: unknown) => void = () => {};

  constructor(private readonly broker: Broker<S>) {}

  /** The connection; throws while there is none. */
  protected get connection(): S {
    if (!this.#connection) throw new Error('the broker is away');
    return this.#connection;
  }

  connect(events: DriverEvents): void {
    void this.#run(events);
  }

  publish(topic: string, payload: Buffer): Promise<unknown> {
    try {
      return this.connection.publish(this.broker.address(topic), payload);
    } catch (error) {
      return Promise.reject(error); // some clients throw for a payload that is too large
    }
  }

  subscribe(topic: string, listener: Listener): void {
    const address = this.broker.address(topic);
    this.#subscriptions.set(address, { topic, listener });
    if (!this.#stopLingering(address)) this.#change(address, (connection) => connection.subscribe(address));
  }

  unsubscribe(topic: string): void {
    const address = this.broker.address(topic);
    if (!this.#subscriptions.delete(address) || !this.#connection) return;
    const end = () => {
      if (this.#stopLingering(address))
        this.#change(address, (connection) => connection.unsubscribe(address));
    };
    this.#lingering.set(address, setTimeout(end, LINGER).unref());
  }

  async close(timeout: number): Promise<void> {
    this.#closing.abort();
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    const timer = new AbortController();
    const tooLate = delay(timeout, undefined, { signal: timer.signal }).catch(() => {});
    await Promise.race([connection.close().catch(() => {}), tooLate]);
    timer.abort();
    connection.destroy();
  }

  /** Stops the timer of an address; returns whether there was one, so that it is still subscribed. */
  #stopLingering(address: string): boolean {
    clearTimeout(this.#lingering.get(address));
    return this.#lingering.delete(address);
  }

  /** A function, because TypeScript takes a property for unchanged after an `await`. */
  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(events: DriverEvents): Promise<void> {
    for (let attempt = 0; !this.#isClosing(); attempt++) {
      const startedAt = Date.now();
      const reason = await this.#connectUntilLost(events).catch((error: unknown) => error);
      if (this.#isClosing()) return;
      events.disconnected(reason);
      if (Date.now() - startedAt > STABLE_AFTER) attempt = 0;
      await delay(backoff(attempt), undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  /** Connects; resolves with the reason when the connection is lost. */
  async #connectUntilLost(events: DriverEvents): Promise<unknown> {
    const lost = new Promise<unknown>((resolve) => (this.#lost = resolve));
    const connection = await this.broker.connect(this.#eventsFor(events, this.#lost), this.#closing.signal);
    if (this.#isClosing()) return connection.destroy();
    this.#connection = connection;
    const addresses = [...this.#subscriptions.keys()];
    const subscribed = Promise.all(addresses.map((address) => connection.subscribe(address)));
    const ready = subscribed.then(() => this.#connection === connection && events.connected());
    try {
      await Promise.race([ready, lost]);
      return await lost;
    } finally {
      if (this.#connection === connection) this.#connection = undefined;
      for (const address of this.#lingering.keys()) this.#stopLingering(address);
      if (!this.#isClosing()) connection.destroy();
    }
  }

  #eventsFor(events: DriverEvents, lost: (reason: unknown) => void): ConnectionEvents {
    return {
      received: (address, payload, topic) => {
        const subscription = this.#subscriptions.get(address);
        subscription?.listener(payload, topic ?? subscription.topic);
      },
      lost,
      paused: (reason) => events.disconnected(reason),
      resumed: () => this.#connection && events.connected(),
    };
  }

  /** The changes of one address run in order: some clients ignore a subscribe while an unsubscribe is under way. */
  #change(address: string, change: (connection: BrokerConnection) => Promise<void>): void {
    const connection = this.#connection;
    if (!connection) return;
    const lost = this.#lost;
    void this.#changes.run(address, () => change(connection).catch(lost));
  }
}

const MAX_BACKOFF = 2_000;

/** Milliseconds until the next attempt to connect: longer each time, up to 2 s, with jitter. */
export function backoff(attempt: number): number {
  return Math.min(MAX_BACKOFF, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

/** How often a broker is pinged, in milliseconds, and after how many unanswered pings it counts as lost. */
const PING_INTERVAL = 3_000;
const MAX_UNANSWERED_PINGS = 2;

/**
 * Pings a broker, so that one that hangs is noticed. Counts pings and not time: a process that was busy has not read
 * the replies that have arrived. Returns a function that stops it.
 */
export function pingRegularly(ping: () => Promise<unknown>, lost: (reason: unknown) => void): () => void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered++ === MAX_UNANSWERED_PINGS) return lost(new Error('it does not answer'));
    ping().then(() => (unanswered = 0), lost);
  }, PING_INTERVAL).unref();
  return () => clearInterval(timer);
}

/** The name, or a digest of it if it is longer than `longest` bytes or has characters that brokers do not allow. */
export function fitName(name: string, longest: number): string {
  const bytes = Buffer.from(name);
  // oxlint-disable-next-line no-control-regex -- some brokers do not allow control characters
  const fits = bytes.length <= longest && !/[\u0000-\u001f]/.test(name) && bytes.toString() === name;
  return fits ? name : createHash('sha256').update(name, 'utf16le').digest('base64url');
}
