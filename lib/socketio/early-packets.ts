import { pauseReading, resumeReading } from './backpressure.js';
import type { DecodedPacket, ListenedClient } from './client-internals.js';

/** When so many events of a client wait, no more is read from it. */
export const MAX_WAITING = 1_000;

/** The most requested namespaces that are remembered for a client. */
const MAX_REMEMBERED = 100;

/** Packets of one client for namespaces that are still being decided about. When too many wait, nothing more is read. */
export class EarlyPackets {
  readonly #packets = new Map<string, DecodedPacket[]>();
  /** The namespaces that have ever been asked, up to a limit: packets for them may come late. */
  readonly #asked = new Set<string>();
  #count = 0;
  #isPaused = false;

  constructor(private readonly client: ListenedClient) {}

  /** From now on, packets for this namespace are held. */
  expect(namespace: string): void {
    if (!this.#packets.has(namespace)) this.#packets.set(namespace, []);
  }

  /** A namespace that exists is asked. */
  remember(namespace: string): void {
    if (this.#asked.size >= MAX_REMEMBERED) this.#asked.clear();
    this.#asked.add(namespace);
  }

  isRemembered(namespace: string): boolean {
    return this.#asked.has(namespace);
  }

  /** Holds a packet; returns whether it is one to hold. */
  hold(namespace: string, packet: DecodedPacket): boolean {
    const early = this.#packets.get(namespace);
    if (!early) return false;
    early.push(packet);
    if (++this.#count >= MAX_WAITING && !this.#isPaused) {
      this.#isPaused = true;
      pauseReading(this.client);
    }
    return true;
  }

  /** The packets that were held for a namespace; no more are. */
  take(namespace: string): readonly DecodedPacket[] {
    const early = this.#packets.get(namespace) ?? [];
    this.#packets.delete(namespace);
    this.#count -= early.length;
    if (this.#isPaused && this.#count < MAX_WAITING) {
      this.#isPaused = false;
      resumeReading(this.client);
    }
    return early;
  }
}
