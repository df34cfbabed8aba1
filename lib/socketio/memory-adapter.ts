import { AsyncResource } from 'node:async_hooks';
import type { Namespace } from 'socket.io';
import { Adapter, type BroadcastOptions, type Session } from 'socket.io-adapter';
import { PacketType } from '../common/constants.js';
import { isAddressed } from './adapter-internals.js';

/** What an adapter keeps of a client that is gone. */
export type Kept = Omit<Session, 'missedPackets'>;

interface Packet {
  readonly type: number;
  readonly id?: number;
  readonly data?: unknown;
}

/** An event that a recovered client may have missed. */
interface Missed {
  readonly offset: string;
  readonly data: unknown[];
  readonly opts: BroadcastOptions;
  readonly at: number;
}

/** How often what is too old is dropped, in milliseconds: with each window, but no more and no less often than this. */
const SWEEPING = { least: 1_000, most: 60_000 };

/**
 * Keeps what clients missed in this process. socket.io's own adapter for it gives one state to everybody who names its
 * private id, and its timer keeps it, and its namespace, for good; here a state is given once, and `close()` ends all.
 */
export class MemoryAdapter extends Adapter {
  readonly #window: number;
  readonly #kept = new Map<string, Kept & { readonly at: number }>();
  #packets: Missed[] = [];
  /** A timer keeps the context that it is started in: not that of the client which happens to be the first. */
  readonly #outside = new AsyncResource('MemoryAdapter');
  /** Set while there is something to expire. */
  #sweeping: NodeJS.Timeout | undefined;
  /** Offsets count from the start of the adapter, in microseconds: none of an earlier process is one of this. */
  #next = Date.now() * 1_000;

  constructor(namespace: Namespace) {
    super(namespace);
    const { opts } = namespace.server as unknown as { opts: { connectionStateRecovery: Window } }; // typed private
    this.#window = opts.connectionStateRecovery.maxDisconnectionDuration;
  }

  override close(): void {
    clearInterval(this.#sweeping);
    this.#kept.clear();
    this.#packets = [];
    void super.close();
  }

  override persistSession(kept: Kept): void {
    this.#sweepFromNowOn();
    this.#kept.set(kept.pid, { ...kept, at: Date.now() });
  }

  /** What is kept for a private id, without taking it: the client may have to prove its identity first. */
  peekSession(pid: string): Kept | undefined {
    return this.#kept.get(pid);
  }

  /** Synchronous: of two claims at the same time only the first gets the state. */
  override restoreSession(pid: string, offset: string): Promise<Session> {
    const kept = this.#kept.get(pid);
    const index = kept ? this.#packets.findIndex((packet) => packet.offset === offset) : -1;
    if (!kept || index === -1 || this.#isOver(kept)) return null as never; // as socket.io's, whose type says less
    this.#kept.delete(pid);
    const { sid, rooms, data } = kept;
    const members = new Set(rooms);
    const missedPackets = this.#packets
      .slice(index + 1)
      .filter(({ opts }) => isAddressed(opts, (room) => members.has(room)))
      .map((missed) => missed.data);
    return Promise.resolve({ sid, pid, rooms, data, missedPackets });
  }

  /** Events with acknowledgements and volatile events are not kept. */
  override broadcast(packet: Packet, opts: BroadcastOptions): void {
    const isKept =
      packet.type === PacketType.EVENT && packet.id === undefined && opts.flags?.volatile === undefined;
    if (isKept) this.#keep(packet.data as unknown[], opts);
    super.broadcast(packet, opts);
  }

  /** The client learns the place of an event with it, as its last argument. */
  #keep(data: unknown[], opts: BroadcastOptions): void {
    this.#sweepFromNowOn();
    const offset = (this.#next++).toString(36);
    data.push(offset);
    this.#packets.push({ offset, data, opts, at: Date.now() });
  }

  #sweepFromNowOn(): void {
    this.#sweeping ??= this.#outside.runInAsyncScope(() => this.#sweepRegularly());
  }

  #sweepRegularly(): NodeJS.Timeout {
    const every = Math.min(Math.max(this.#window, SWEEPING.least), SWEEPING.most);
    return setInterval(() => this.#sweep(), every).unref();
  }

  #sweep(): void {
    for (const [pid, kept] of this.#kept) if (this.#isOver(kept)) this.#kept.delete(pid);
    const first = this.#packets.findIndex((packet) => !this.#isOver(packet));
    this.#packets = first === -1 ? [] : this.#packets.slice(first);
  }

  #isOver({ at }: { readonly at: number }): boolean {
    return at + this.#window < Date.now();
  }
}

interface Window {
  maxDisconnectionDuration: number;
}
