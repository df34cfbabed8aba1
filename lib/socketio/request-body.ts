import type { IncomingMessage } from 'node:http';

/** Why the body of a request is not taken. */
export type BodyProblem = 'too large' | 'too slow' | 'too many pieces' | 'connection lost';

/** So many bytes must come in so many milliseconds, or all that is left. */
export const SLOWEST = { bytes: 65_536, in: 9_000 } as const;

/** Pieces of so few bytes, and that many of them, cost more than they bring. */
const PIECES = { many: 1_000, bytes: 64 } as const;

/** How long, and for how many pieces, the rest of a request is read that has been answered already. */
const REST = { milliseconds: 5_000, pieces: 1_000 } as const;

/** What happens when a body has ended. One of the two is called, once. */
export interface BodyListener {
  complete(body: Buffer): void;
  failed(problem: BodyProblem): void;
}

/** Reads the body of a request: no more bytes than are allowed, not in crumbs, and not for ever. */
export class RequestBody {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  #pieces = 0;
  #lengthBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly limit: number,
    private readonly listener: BodyListener,
  ) {}

  /** Begins to read. */
  read(): void {
    const { request } = this;
    if (Number(request.headers['content-length']) > this.limit) return this.listener.failed('too large');
    request.on('data', this.#add).on('end', this.#end).on('close', this.#lost);
    this.#watchSpeed();
  }

  /** Reads no more until {@link resume}: the client is slowed down by TCP. */
  pause(): void {
    clearTimeout(this.#timer);
    this.request.pause();
  }

  resume(): void {
    this.#watchSpeed();
    this.request.resume();
  }

  #watchSpeed(): void {
    this.#lengthBefore = this.#length;
    this.#timer = setTimeout(this.#checkSpeed, SLOWEST.in).unref();
  }

  readonly #checkSpeed = (): void => {
    if (this.#length - this.#lengthBefore < SLOWEST.bytes) return this.#fail('too slow');
    this.#watchSpeed();
  };

  readonly #add = (chunk: Buffer): void => {
    const length = this.#length + chunk.length;
    if (length > this.limit) return this.#fail('too large');
    if (++this.#pieces > PIECES.many && length < this.#pieces * PIECES.bytes)
      return this.#fail('too many pieces');
    this.#append(chunk, length);
  };

  /** The usual body has one chunk, which is not copied; the space for others doubles. */
  #append(chunk: Buffer, length: number): void {
    if (this.#length === 0) {
      this.#bytes = chunk;
    } else {
      if (length > this.#bytes.length) this.#grow(length);
      chunk.copy(this.#bytes, this.#length);
    }
    this.#length = length;
  }

  #grow(length: number): void {
    const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  readonly #end = (): void => {
    this.#stop();
    this.listener.complete(this.#bytes.subarray(0, this.#length));
  };

  readonly #lost = (): void => this.#fail('connection lost');

  #fail(problem: BodyProblem): void {
    this.#stop();
    this.listener.failed(problem);
  }

  /** The stream goes on flowing: what still comes is thrown away. */
  #stop(): void {
    clearTimeout(this.#timer);
    this.request.off('data', this.#add).off('end', this.#end).off('close', this.#lost);
  }
}

/** Whether a request has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0' } = headers;
  return length !== '0' || headers['transfer-encoding'] !== undefined;
}

/**
 * Of a request that has been answered before it was complete, Node would read the rest for as long as it comes. A client
 * that is still sending finds the response only if the connection is not closed at once.
 */
export function endUnread(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const destroy = () => void request.socket.destroy();
  const timer = setTimeout(destroy, REST.milliseconds).unref();
  let pieces = 0;
  request.on('data', () => ++pieces > REST.pieces && destroy());
  request.once('close', () => clearTimeout(timer));
  request.resume();
}
