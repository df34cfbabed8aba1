import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'socket.io';

/*
 * The parts of engine.io 6.6, private in its types, with which a client is made to wait:
 * - Transport.socket of WebSocket: the WebSocket, whose pause() and resume() ws documents (eiows has none, nor has
 *   WebTransport);
 * - Transport.onDataRequest of polling: takes a POST; the client sends its next one when this has been answered;
 * - Socket.pingTimeoutTimer, resetPingTimeout(): a client that is not read from cannot show that it is alive.
 */

interface TransportInternals {
  readonly socket?: { pause?(): void; resume?(): void };
  onDataRequest?(request: IncomingMessage, response: ServerResponse): void;
}

interface EngineSocket {
  readonly transport: TransportInternals;
  readonly readyState: string;
  pingTimeoutTimer: NodeJS.Timeout | null | undefined;
  resetPingTimeout(): void;
  once(event: 'upgrade' | 'close', listener: () => void): void;
  off(event: 'upgrade' | 'close', listener: () => void): void;
  close(discard: boolean): void;
}

const READING = Symbol('nestjs-flask-socket reading');

/** Reads no more from a client, until {@link resumeReading} has been called as often. What has been read stays read. */
export function pauseReading({ conn }: Pick<Socket, 'conn'>): void {
  const engineSocket = conn as unknown as EngineSocket & { [READING]?: PausedReading }; // typed private
  (engineSocket[READING] ??= new PausedReading(engineSocket)).pause();
}

/** Goes on reading from a client. */
export function resumeReading({ conn }: Pick<Socket, 'conn'>): void {
  (conn as unknown as { [READING]?: PausedReading })[READING]?.resume(); // typed private
}

/** A client that is not read from: its data stays in the kernel's buffers, and TCP slows it down. */
class PausedReading {
  #pauses = 0;
  #isAwaited = false;
  #waiting: (() => void) | undefined;

  constructor(private readonly conn: EngineSocket) {}

  pause(): void {
    if (++this.#pauses > 1) return;
    const { conn } = this;
    this.#isAwaited = Boolean(conn.pingTimeoutTimer);
    clearTimeout(conn.pingTimeoutTimer ?? undefined);
    conn.resetPingTimeout = () => void (this.#isAwaited = true);
    conn.once('upgrade', this.#upgraded);
    conn.once('close', this.#closed);
    this.#hold(conn.transport);
  }

  resume(): void {
    if (this.#pauses === 0 || --this.#pauses > 0) return;
    const { conn } = this;
    Reflect.deleteProperty(conn, 'resetPingTimeout');
    if (this.#isAwaited && conn.readyState === 'open') conn.resetPingTimeout();
    conn.off('upgrade', this.#upgraded);
    conn.off('close', this.#closed);
    this.#letGo(conn.transport);
  }

  /** Where nothing can be made to wait, what waits for a turn must not grow: the client has to go. */
  #hold(transport: TransportInternals): void {
    if (transport.socket?.pause) return transport.socket.pause();
    if (!transport.onDataRequest) return process.nextTick(() => this.conn.close(true));
    transport.onDataRequest = (request, response) => {
      if (this.#waiting) return this.conn.close(true); // a client sends one at a time
      this.#waiting = () => {
        if (request.destroyed) this.conn.close(true);
        else transport.onDataRequest?.(request, response);
      };
    };
  }

  #letGo(transport: TransportInternals): void {
    transport.socket?.resume?.();
    Reflect.deleteProperty(transport, 'onDataRequest');
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  readonly #upgraded = (): void => this.#hold(this.conn.transport);

  readonly #closed = (): void => {
    this.#pauses = 0;
    this.#letGo(this.conn.transport);
  };
}
