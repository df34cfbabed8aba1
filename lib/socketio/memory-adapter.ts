import { AsyncResource } from 'node:async_hooks';
import type { Namespace } from 'socket.io';
import { Adapter, type BroadcastOptions, type Session } from 'socket.io-adapter';
import { PacketType } from '../common/constants.js';
import { isAddressed } from './adapter-internals.js';

/** What an adapter keeps of a disconnected client. */
export type KeptClient = Omit<Session, 'missedPackets'>;

interface Packet {
  readonly type: number;
  readonly id?: number;
  readonly data?: unknown;
}

/** An event that a recovered client may have missed. */
interface KeptEvent {
  readonly offset: string;
  readonly data: unknown[];
  readonly opts: BroadcastOptions;
  readonly at: number;
}

/** Expired events and clients are dropped once per recovery window, but within these limits, in milliseconds. */
const SWEEP_INTERVAL = { least: 1_000, most: 60_000 };

/**
 * Connection state recovery in one process. socket.io has an adapter for it as well, but that restores a state as often
 * as its private id is sent, and never clears its timer. Here a state is restored once, and `close()` clears the timer.
 */
export class MemoryAdapter extends Adapter {
  readonly #window: number;
  readonly #clients = new Map<string, KeptClient & { readonly at: number }>();
  #events: KeptEvent[] = [];
  /** The timer is started in this async context. It would otherwise keep that of the client which starts it. */
  readonly #outside = new AsyncResource('MemoryAdapter');
  /** Set once something was kept. */
  #sweepTimer: NodeJS.Timeout | undefined;
  /** Starts at the time in microseconds, so that an offset of an earlier process is never one of this process. */
  #nextOffset = Date.now() * 1_000;

  constructor(namespace: Namespace) {
    super(namespace);
    const { opts } = namespace.server as unknown as { opts: { connectionStateRecovery: Window } }; // typed private
    this.#window = opts.connectionStateRecovery.maxDisconnectionDuration;
  }

  override close(): void {
    clearInterval(this.#sweepTimer);
    this.#clients.clear();
    this.#events = [];
    void super.close();
  }

  override persistSession(kept: KeptClient): void {
    this.#startSweeping();
    this.#clients.set(kept.pid, { ...kept, at: Date.now() });
  }

  /** The state of a private id. It is not removed: the client may have to prove its identity first. */
  peekSession(pid: string): KeptClient | undefined {
    return this.#clients.get(pid);
  }

  /** Synchronous, so that only the first of two simultaneous clients gets the state. */
  override restoreSession(pid: string, offset: string): Promise<Session> {
    const kept = this.#clients.get(pid);
    const index = kept ? this.#events.findIndex((packet) => packet.offset === offset) : -1;
    if (!kept || index === -1 || this.#isExpired(kept)) return null as never; // as in socket.io, whose type is wrong
    this.#clients.delete(pid);
    const { sid, rooms, data } = kept;
    const members = new Set(rooms);
    const missedPackets = this.#events
      .slice(index + 1)
      .filter(({ opts }) => isAddressed(opts, (room) => members.has(room)))
      .map((missed) => missed.data);
    return Promise.resolve({ sid, pid, rooms, data, missedPackets });
  }

  /** Events with acknowledgements and volatile events are not kept. */
  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    const isKept =
      packet.type === PacketType.EVENT && packet.id === undefined && opts.flags?.volatile === undefined;
    if (isKept) this.#keepEvent(packet.data as unknown[], opts);
    super.broadcast(packet, opts);
  }

  /** Appends the offset to the event's arguments; the client sends the last one back when it reconnects. */
  #keepEvent(data: unknown[], opts: BroadcastOptions): void {
    this.#startSweeping();
    const offset = (this.#nextOffset++).toString(36);
    data.push(offset);
    this.#events.push({ offset, data, opts, at: Date.now() });
  }

  #startSweeping(): void {
    this.#sweepTimer ??= this.#outside.runInAsyncScope(() => this.#sweepRegularly());
  }

  #sweepRegularly(): NodeJS.Timeout {
    const every = Math.min(Math.max(this.#window, SWEEP_INTERVAL.least), SWEEP_INTERVAL.most);
    return setInterval(() => this.#sweep(), every).unref();
  }

  #sweep(): void {
    for (const [pid, kept] of this.#clients) if (this.#isExpired(kept)) this.#clients.delete(pid);
    const first = this.#events.findIndex((packet) => !this.#isExpired(packet));
    this.#events = first === -1 ? [] : this.#events.slice(first);
  }

  #isExpired({ at }: { readonly at: number }): boolean {
    return at + this.#window < Date.now();
  }
}

interface Window {
  maxDisconnectionDuration: number;
}
