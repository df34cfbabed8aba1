import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'socket.io';

/*
 * Private members of engine.io 6.6 that are used here to stop reading from a client:
 * - Transport.socket of the WebSocket transport: the WebSocket, whose pause() and resume() are public in ws. eiows and
 *   WebTransport have no such functions;
 * - Transport.onDataRequest of the polling transport: handles a POST. The client sends one at a time;
 * - Transport.dataReq of the polling transport: the POST that is being handled, a request of Node or a PostBody;
 * - Socket.pingTimeoutTimer and resetPingTimeout(): while nothing is read, the client's pongs are not seen, so that the
 *   ping timeout has to be suspended.
 */

interface TransportInternals {
  readonly socket?: { pause?(): void; resume?(): void };
  onDataRequest?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly dataReq?: { pause(): void; resume(): void } | null;
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

/** Whether reading from a client can be paused, by its present transport. */
export function canPauseReading({ conn }: Pick<Socket, 'conn'>): boolean {
  const { transport } = conn as unknown as EngineSocket; // typed private
  return transport.socket?.pause !== undefined || transport.onDataRequest !== undefined;
}

/** Stops reading from a client until {@link resumeReading} has been called as often. */
export function pauseReading({ conn }: Pick<Socket, 'conn'>): void {
  const engineSocket = conn as unknown as EngineSocket & { [READING]?: PausedReading }; // typed private
  (engineSocket[READING] ??= new PausedReading(engineSocket)).pause();
}

/** Reads from a client again. */
export function resumeReading({ conn }: Pick<Socket, 'conn'>): void {
  (conn as unknown as { [READING]?: PausedReading })[READING]?.resume(); // typed private
}

/** While a client is not read from, its data stays in the kernel's buffers, and TCP makes it send more slowly. */
class PausedReading {
  #pauses = 0;
  #needsPingTimeout = false;
  #heldPost: (() => void) | undefined;
  #takePosts: (() => void) | undefined;

  constructor(private readonly conn: EngineSocket) {}

  pause(): void {
    if (++this.#pauses > 1) return;
    const { conn } = this;
    this.#needsPingTimeout = Boolean(conn.pingTimeoutTimer);
    clearTimeout(conn.pingTimeoutTimer ?? undefined);
    conn.resetPingTimeout = () => void (this.#needsPingTimeout = true);
    conn.once('upgrade', this.#upgraded);
    conn.once('close', this.#closed);
    this.#pauseTransport(conn.transport);
  }

  resume(): void {
    if (this.#pauses === 0 || --this.#pauses > 0) return;
    const { conn } = this;
    Reflect.deleteProperty(conn, 'resetPingTimeout');
    if (this.#needsPingTimeout && conn.readyState === 'open') conn.resetPingTimeout();
    conn.off('upgrade', this.#upgraded);
    conn.off('close', this.#closed);
    this.#resumeTransport(conn.transport);
  }

  /** A transport that cannot be paused is closed: otherwise the number of waiting events would have no limit. */
  #pauseTransport(transport: TransportInternals): void {
    if (transport.socket?.pause) return transport.socket.pause();
    if (!transport.onDataRequest) return process.nextTick(() => this.conn.close(true));
    transport.dataReq?.pause();
    const usual = transport.onDataRequest;
    this.#takePosts = () => void (transport.onDataRequest = usual);
    transport.onDataRequest = (request, response) => {
      if (this.#heldPost) return this.conn.close(true); // a valid client sends one POST at a time
      this.#heldPost = () => {
        if (request.destroyed) this.conn.close(true);
        else transport.onDataRequest?.(request, response);
      };
    };
  }

  #resumeTransport(transport: TransportInternals): void {
    transport.socket?.resume?.();
    transport.dataReq?.resume();
    this.#takePosts?.();
    this.#takePosts = undefined;
    const waiting = this.#heldPost;
    this.#heldPost = undefined;
    waiting?.();
  }

  readonly #upgraded = (): void => this.#pauseTransport(this.conn.transport);

  readonly #closed = (): void => {
    this.#pauses = 0;
    this.#resumeTransport(this.conn.transport);
  };
}
