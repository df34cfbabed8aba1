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

  constructor(private readonly socket: TcpSocket) {}

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
    if (lengthOf(frame) <= SHORT) return this.addText(textOf(frame));
    this.#wait();
    if (!this.#isCorked) this.socket.cork();
    this.#isCorked = true;
    this.#writeText();
    for (const part of frame) this.socket.write(part);
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
    if (waiting.length === 0 && !endsByHand) process.nextTick(releaseAll);
    waiting.push(this);
  }

  #writeText(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    if (this.socket.writable) this.socket.write(text, 'latin1');
  }
}

/** The outboxes that have been filled in this turn. */
const waiting: Outbox[] = [];
let endsByHand = false;

/** Calls a function that is all there is to do in this turn: what it sends leaves when it returns. */
export function inOneTurn<Argument>(action: (argument: Argument) => void, argument: Argument): void {
  endsByHand = true;
  try {
    action(argument);
  } finally {
    endsByHand = false;
    releaseAll();
  }
}

function releaseAll(): void {
  for (const outbox of waiting) outbox.release(); // those included that are filled meanwhile
  if (waiting.length === 1) waiting.pop();
  else waiting.length = 0; // costs more: the array gives its memory back
}

function lengthOf(frame: Frame): number {
  let length = 0;
  for (const part of frame) length += part.length;
  return length;
}

/** What a broadcast sends is one frame for all clients: its text is made once. */
const texts = new WeakMap<Frame, string>();

function textOf(frame: Frame): string {
  let text = texts.get(frame);
  if (text === undefined) {
    text = frame.map((part) => bytesOf(part).toString('latin1')).join('');
    texts.set(frame, text);
  }
  return text;
}

function bytesOf(part: Buffer | string): Buffer {
  return typeof part === 'string' ? Buffer.from(part) : part;
}
