import type { AnyFunction } from '../context/connection.js';

/** Why the server refused a client. */
export interface Refusal {
  /** The message of `connect_error`. */
  message: string;
  /** Its data, if the server gave any. */
  data?: unknown;
}

/** A test client's place in one namespace. */
export class Seat {
  /** The client's id there, while it is connected. */
  sid: string | undefined;
  refusal: Refusal | undefined;
  /** What answers the server's questions, by event. */
  readonly answers = new Map<string, AnyFunction>();
  #settled: (() => void) | undefined;
  #leave = new Set<(error: Error) => void>();

  constructor(readonly namespace: string) {}

  /** Resolves when the server has decided. */
  decision(): Promise<void> {
    this.refusal = undefined;
    return new Promise((resolve) => (this.#settled = resolve));
  }

  accept(sid: string): void {
    this.sid = sid;
    this.#settled?.();
  }

  refuse(refusal: Refusal): void {
    this.refusal = refusal;
    this.#settled?.();
  }

  /** The connection is over; who still waits for an answer hears of it. */
  leave(error: Error): void {
    if (this.sid === undefined) this.refusal ??= { message: error.message };
    this.sid = undefined;
    this.#settled?.();
    for (const reject of this.#leave) reject(error);
    this.#leave.clear();
  }

  /** Calls `reject` when the connection ends first; what it returns forgets it. */
  onLeave(reject: (error: Error) => void): () => void {
    this.#leave.add(reject);
    return () => void this.#leave.delete(reject);
  }
}
