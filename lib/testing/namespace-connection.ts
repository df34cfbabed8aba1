import type { AnyFunction } from '../context/connection.js';

/** Why the server refused a client. */
export interface Refusal {
  /** The message of the client's `connect_error`. */
  message: string;
  /** Its data, if the server gave any. */
  data?: unknown;
}

/** A test client's place in one namespace. */
export class NamespaceConnection {
  /** The client's id there, while it is connected. */
  sid: string | undefined;
  /** Why it was not let in, the last time. */
  refusal: Refusal | undefined;
  /** Why it is no longer there. */
  disconnectReason: string | undefined;
  /** The server has not decided yet. */
  isAsking = false;
  /** What answers the server's questions, by event. */
  readonly answers = new Map<string, AnyFunction>();
  readonly #watchers = new Set<() => void>();

  constructor(readonly namespace: string) {}

  get isConnected(): boolean {
    return this.sid !== undefined;
  }

  /** The client asks to be let in. */
  ask(): void {
    this.isAsking = true;
    this.refusal = undefined;
    this.disconnectReason = undefined;
  }

  accept(sid: string): void {
    this.sid = sid;
    this.#changed();
  }

  refuse({ message, data }: Refusal): void {
    this.refusal = data === undefined ? { message } : { message, data };
    this.#changed();
  }

  /** The client is out: while it waits for a decision, that is a refusal. */
  leave(reason: string): void {
    if (this.isAsking) return this.refuse({ message: reason });
    if (!this.isConnected) return;
    this.sid = undefined;
    this.disconnectReason = reason;
    this.#changed();
  }

  /** Calls `changed` whenever the client is let in, refused or out; what it returns ends that. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  #changed(): void {
    this.isAsking = false;
    for (const changed of this.#watchers) changed();
  }
}
