import type { Socket } from 'socket.io';
import { EXCEPTION_EVENT, RATE_LIMITED, TOO_MANY_EVENTS } from '../../common/constants.js';
import type { ResolvedOptions } from '../../common/options.js';
import { printable } from '../../common/printable.js';
import { nextSlice } from '../../common/slices.js';
import { guarded } from '../../common/thenable.js';
import { canPauseReading, pauseReading, resumeReading } from '../../socketio/backpressure.js';
import type { PacketRate, RatedClient, Verdict } from '../../socketio/client-internals.js';
import { terminate } from '../../socketio/engine-internals.js';
import { disconnectFor, sendUnrecoverable } from '../../socketio/socket-internals.js';
import type { LimitReports } from './limit-reports.js';

const SECOND = 1_000;

/** How often a client above its rate is looked at, in milliseconds. */
const LOOK_EVERY = 20;

/** Packets that come closer together than this, in milliseconds, are taken for one slice. */
const SLICE_WINDOW = 5;

/** What a message that waits costs beside its own length, in bytes. */
const OVERHEAD = 16;

/** How long a client that is disconnected has to read why, in milliseconds. */
const GRACE = 1_000;

type Reports = Pick<LimitReports, 'limits' | 'reached'>;

/** What clients of the server are limited by; nothing, if the limit is off. */
export function eventRateOf(
  reports: Reports,
  { maxHttpBufferSize, server }: Pick<ResolvedOptions, 'maxHttpBufferSize' | 'server'>,
): EventRate | undefined {
  const { eventRate, eventBurst } = reports.limits;
  const largestMessage = server?.maxHttpBufferSize ?? maxHttpBufferSize;
  return Number.isFinite(eventRate + eventBurst) ? new EventRate(reports, largestMessage) : undefined;
}

/**
 * Limits how many packets of each client are handled in a second. A client has a bucket of `eventBurst` packets, which
 * fills at `eventRate`; of the bucket only the time is kept at which it will be full.
 */
export class EventRate implements PacketRate {
  readonly timeout: number;
  /** A client that was below the limit for so long starts anew. */
  readonly gap: number;
  /** More may not wait: twice what one request, or what is read of a WebSocket at once, can bring. */
  readonly mostBytes: number;
  readonly #interval: number;
  readonly #full: number;
  readonly #refuses: boolean;
  readonly #limited = new WeakMap<RatedClient, LimitedClient>();

  constructor(
    readonly reports: Reports,
    largestMessage: number,
  ) {
    const { eventRate, eventBurst, rateTimeout, eventPolicy } = reports.limits;
    this.timeout = rateTimeout;
    this.mostBytes = 2 * largestMessage;
    this.#interval = SECOND / eventRate;
    this.gap = SECOND + this.#interval;
    this.#full = (eventBurst + 0.001) * this.#interval;
    this.#refuses = eventPolicy === 'refuse';
  }

  take(client: RatedClient): Verdict {
    const now = performance.now();
    const fullAt = Math.max(client.fullAt, now) + this.#interval;
    if (this.#refuses && fullAt - now > this.#full) return this.#limitedFor(client).refuse(now);
    client.fullAt = fullAt;
    if (this.#isSliceFull(client, now)) this.#limitedFor(client).hold();
    else if (!this.#refuses && this.waitOf(client, now) > 0) this.#limitedFor(client).hold();
    return 'handle';
  }

  /** Whether others should have their turn before the client's next packet. */
  #isSliceFull(client: RatedClient, now: number): boolean {
    if (now - client.sliceFrom < SLICE_WINDOW) return ++client.inSlice >= client.slice;
    client.sliceFrom = now;
    client.inSlice = 1;
    return false;
  }

  /** How long the client has to wait for its next packet, in milliseconds. */
  waitOf({ fullAt }: RatedClient, now = performance.now()): number {
    return this.#refuses ? 0 : Math.max(0, fullAt + this.#interval - this.#full - now);
  }

  #limitedFor(client: RatedClient): LimitedClient {
    const existing = this.#limited.get(client);
    if (existing) return existing;
    const limited = new LimitedClient(client, this);
    this.#limited.set(client, limited);
    return limited;
  }
}

/** A client that has sent more than it may at least once. */
class LimitedClient {
  /** When the client went above the limit, and when it was last seen there. */
  #since = -Infinity;
  #lastSeen = -Infinity;
  #lastTold = -Infinity;
  #isDisconnected = false;
  #isPaused = false;
  /** Nothing has been handed on since the client is held. */
  #isNew = true;
  /** What has been read, and is decoded later. */
  #waiting: unknown[] = [];
  #bytes = 0;

  constructor(
    private readonly client: RatedClient,
    private readonly rate: EventRate,
  ) {}

  /** A packet above the limit is refused; the client is told by an event at most once a second. */
  refuse(now: number): Verdict {
    this.#isAbove(now);
    if (now - this.#lastTold < SECOND) return 'refuse quietly';
    this.#lastTold = now;
    return 'refuse';
  }

  /** From now on what the client sends waits: for its turn, or until it may send more. */
  hold(): void {
    if (this.client.held) return;
    this.client.held = this;
    this.#pause();
    this.#goOn();
  }

  /** Keeps a message that was read before the pause. */
  add(data: unknown): void {
    if (this.#isDisconnected) return this.client.dropped('rate_limited');
    this.#waiting.push(data);
    this.#bytes += sizeOf(data);
    if (this.#bytes > this.rate.mostBytes) this.#disconnect();
  }

  /** Hands on the next slice when it is time, or all that comes, if nothing waits any more. */
  #goOn(): void {
    const now = performance.now();
    const wait = this.rate.waitOf(this.client, now);
    if (wait > 0 && this.#isAbove(now)) return;
    if (wait > 0) setTimeout(this.#handOn, Math.max(LOOK_EVERY, wait)).unref();
    else if (this.#isNew || this.#waiting.length > 0) setImmediate(this.#handOn);
    else this.#release();
  }

  readonly #handOn = (): void => {
    const { client, rate } = this;
    if (this.#isDisconnected || client.conn.readyState !== 'open') return this.#forget();
    const start = performance.now();
    let next = 0;
    for (; next < client.slice && next < this.#waiting.length && rate.waitOf(client) === 0; next++) {
      const data = this.#waiting[next];
      this.#bytes -= sizeOf(data);
      client.decode(data);
    }
    this.#waiting.splice(0, next);
    process.nextTick(this.#handled, start); // after the ticks of these packets
  };

  readonly #handled = (start: number): void => {
    const { client } = this;
    client.slice = nextSlice(client.slice, performance.now() - start);
    this.#isNew = false;
    if (!this.#isDisconnected) this.#goOn();
  };

  #release(): void {
    this.#isNew = true;
    this.client.held = undefined;
    this.#resume();
  }

  #pause(): void {
    if (this.#isPaused || !canPauseReading(this.client)) return;
    this.#isPaused = true;
    pauseReading(this.client);
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    resumeReading(this.client);
  }

  #forget(): void {
    for (const _ of this.#waiting) this.client.dropped('rate_limited');
    this.#waiting = [];
    this.#bytes = 0;
  }

  /** Notes that the client is above the limit. Disconnects it, and returns true, if it has been so for too long. */
  #isAbove(now: number): boolean {
    if (now - this.#lastSeen > this.rate.gap) {
      this.#since = now;
      this.rate.reports.reached('eventRate', this.#offence('sends too many events'));
    }
    this.#lastSeen = now;
    if (now - this.#since >= this.rate.timeout) this.#disconnect();
    return this.#isDisconnected;
  }

  /** Tells the client, and has its handlers run; the connection is closed a little later. */
  #disconnect(): void {
    if (this.#isDisconnected) return;
    this.#isDisconnected = true;
    const { client } = this;
    const offence = this.#offence('has sent too many events for too long, and is disconnected');
    this.rate.reports.reached('rateTimeout', offence);
    client.held = this;
    this.#pause();
    this.#forget();
    for (const socket of client.sockets) {
      tell(socket);
      disconnectFor(socket, RATE_LIMITED);
    }
    setTimeout(() => client.conn.readyState === 'closed' || terminate(client.conn), GRACE).unref();
  }

  #offence(what: string) {
    const { client } = this;
    const [socket] = client.sockets;
    const who = socket ? `of ${printable(socket.nsp.name)}, sid ${socket.id},` : 'without a namespace';
    return { by: client.conn, what: `A client ${who} ${what}` };
  }
}

/** An `onAnyOutgoing` listener of the application may throw: the client goes all the same. */
function tell(socket: Socket): void {
  const error = { status: 'error', message: TOO_MANY_EVENTS };
  guarded<void>(
    () => sendUnrecoverable(socket, [EXCEPTION_EVENT, error]),
    () => {},
  );
}

const sizeOf = (data: unknown) => ((data as { length?: number } | undefined)?.length ?? 0) + OVERHEAD;
