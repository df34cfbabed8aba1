import type { Socket as TcpSocket } from 'node:net';

/** Frames up to this length are copied into one text; longer ones are written as they are. */
const SHORT = 1024;

/** A WebSocket frame: header and payload, or both in one. ws leaves text that it need not change as it is. */
export type Frame = readonly (Buffer | string)[];

/** What leaves through one TCP socket when the turn ends. */
export class Outbox {
  /** Short frames, a character for each byte: joining strings costs less than writing buffers one by one. */
  #text = '';
  #isCorked = false;
  #isWaiting = false;

  constructor(
    private readonly socket: TcpSocket,
    private readonly turn: Turn,
  ) {}

  /**
   * Whether the client cannot take more now: what left in earlier turns still waits here, because the client reads
   * slower than it is sent to, or this turn has brought `limit` bytes by now.
   */
  isFull(limit: number): boolean {
    const { writableLength } = this.socket;
    if (writableLength > 0 && !this.#isCorked) return true;
    return this.#text.length + writableLength > limit;
  }

  /** A frame whose characters are its bytes. */
  addText(frame: string): void {
    this.#wait();
    this.#text += frame;
  }

  add(frame: Frame): void {
    if (lengthOf(frame) <= SHORT) return this.addText(this.turn.textOf(frame));
    this.#wait();
    if (!this.#isCorked) this.socket.cork();
    this.#isCorked = true;
    this.#writeText();
    for (const part of frame) this.socket.write(part);
  }

  /** Writes a frame, after what waits. */
  sendNow(frame: Frame, written?: (error?: Error | null) => void): void {
    this.release();
    this.socket.cork();
    for (const part of frame.slice(0, -1)) this.socket.write(part);
    this.socket.write(frame.at(-1)!, written);
    this.socket.uncork();
  }

  /** Writes what waits. */
  release(): void {
    this.#isWaiting = false;
    this.#writeText();
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.socket.uncork();
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.turn.waits(this);
  }

  #writeText(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    if (this.socket.writable) this.socket.write(text, 'latin1');
  }
}

/** The turn of a server's event loop: when it ends, what its clients are sent leaves. */
export class Turn {
  /** The outboxes that have been filled in this turn. */
  readonly #filled: Outbox[] = [];
  /** What a broadcast sends is one frame for all clients: its text is made once. */
  readonly #texts = new WeakMap<Frame, string>();

  /** An outbox is not empty any more. */
  waits(outbox: Outbox): void {
    if (this.#filled.length === 0) process.nextTick(this.#end);
    this.#filled.push(outbox);
  }

  /** A frame as text, a character for each byte. */
  textOf(frame: Frame): string {
    let text = this.#texts.get(frame);
    if (text === undefined) {
      text = frame.map((part) => bytesOf(part).toString('latin1')).join('');
      this.#texts.set(frame, text);
    }
    return text;
  }

  readonly #end = (): void => {
    const filled = this.#filled;
    for (const outbox of filled) outbox.release(); // those included that are filled meanwhile
    if (filled.length === 1) filled.pop();
    else filled.length = 0; // costs more: the array gives its memory back
  };
}

function lengthOf(frame: Frame): number {
  let length = 0;
  for (const part of frame) length += part.length;
  return length;
}

function bytesOf(part: Buffer | string): Buffer {
  return typeof part === 'string' ? Buffer.from(part) : part;
}
