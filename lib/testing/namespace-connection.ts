import type { AnyFunction } from '../context/connection.js';

/** Why the server refused a client. */
export interface Refusal {
  /** The message of the client's `connect_error`. */
  message: string;
  /** Its data, if the server gave any. */
  data?: unknown;
}

/** A test client's connection to one namespace. */
export class NamespaceConnection {
  /** The client's id in the namespace, while it is connected. */
  sid: string | undefined;
  /** Why the last attempt to connect was refused. */
  refusal: Refusal | undefined;
  /** Why the client is no longer connected. */
  disconnectReason: string | undefined;
  /** The server has neither accepted nor refused the client yet. */
  isConnecting = false;
  /** The listeners of `TestClient.on()`, whose results are the acknowledgements. */
  readonly listeners = new Map<string, AnyFunction>();
  readonly #changeListeners = new Set<() => void>();

  constructor(readonly namespace: string) {}

  get isConnected(): boolean {
    return this.sid !== undefined;
  }

  /** The client sends a CONNECT packet. */
  startConnecting(): void {
    this.isConnecting = true;
    this.refusal = undefined;
    this.disconnectReason = undefined;
  }

  accepted(sid: string): void {
    this.sid = sid;
    this.#changed();
  }

  refused({ message, data }: Refusal): void {
    this.refusal = data === undefined ? { message } : { message, data };
    this.#changed();
  }

  /** The connection has ended. While the client is connecting, that counts as a refusal. */
  disconnected(reason: string): void {
    if (this.isConnecting) return this.refused({ message: reason });
    if (!this.isConnected) return;
    this.sid = undefined;
    this.disconnectReason = reason;
    this.#changed();
  }

  /** Calls `changed` when the client is accepted, refused or disconnected. Returns a function that stops it. */
  onChange(changed: () => void): () => void {
    this.#changeListeners.add(changed);
    return () => void this.#changeListeners.delete(changed);
  }

  #changed(): void {
    this.isConnecting = false;
    for (const changed of this.#changeListeners) changed();
  }
}
