import type { Socket as TcpSocket } from 'node:net';
import type { Writable } from 'node:stream';
import { WebSocket, WebSocketServer, type Server, type ServerOptions } from 'ws';

/*
 * Private members of ws 8 that are used here:
 * - WebSocket._sender and Sender.sendFrame(frame, written): every frame is sent through it. engine.io calls it as well,
 *   with the one frame that a broadcast makes for all clients;
 * - WebSocket._receiver: the stream that decodes frames.
 */

/**
 * The most bytes that wait for the end of a tick. A client that has more waiting, or that reads too slowly, is written
 * to at once: engine.io then waits for the socket to drain, and drops volatile events meanwhile.
 */
const HIGH_WATER = 16 * 1024;

/** The opcode is in the low four bits of a frame's first byte. */
const OPCODE = { mask: 0x0f, close: 0x08 };

/** Longer text is framed by ws. Up to this length, the frame's header holds the length in at most two bytes. */
const MAX_TEXT_LENGTH = 0xffff;

/** How long to wait for a client to answer a close frame, in milliseconds. ws would wait for 30 s. */
const CLOSE_TIMEOUT = 5_000;

/** Frames up to this length are joined as text, longer ones are written without a copy. */
const SHORT_FRAME = 1024;

/** ws calls it when it has written a message. */
type Sent = (error?: Error) => void;
type Written = (error?: Error | null) => void;

/** A WebSocket frame: header and payload, or one part with both. ws passes text as a string if it is not masked. */
type Frame = readonly (Buffer | string)[];

interface Sender {
  sendFrame(frame: Frame, written?: Written): void;
  /** Added by this file. */
  writeBuffer: WriteBuffer;
}

interface WebSocketInternals {
  readonly _sender: Sender;
  readonly _receiver: Writable;
}

/**
 * A WebSocket server that writes to each TCP socket once per tick: ten acknowledgements, or several broadcasts, take
 * one system call. No timer delays them: `process.nextTick` flushes the buffers, after the events of the same read.
 */
export class CoalescingServer extends WebSocketServer<typeof CoalescingWebSocket> {
  readonly #flusher = new TickFlusher();

  constructor(options?: ServerOptions) {
    const own = { WebSocket: CoalescingWebSocket, closeTimeout: CLOSE_TIMEOUT };
    super({ ...options, ...own });
  }

  override handleUpgrade(
    ...[request, socket, head, connected]: Parameters<Server<typeof CoalescingWebSocket>['handleUpgrade']>
  ): void {
    super.handleUpgrade(request, socket, head, (webSocket, of) => {
      webSocket.coalesce(socket as TcpSocket, this.#flusher);
      connected(webSocket, of);
    });
  }
}

/** A WebSocket whose frames are written at the end of the tick. */
class CoalescingWebSocket extends WebSocket {
  /** Set if text needs no compression, so that it can be framed here. */
  #plainBuffer: WriteBuffer | undefined;

  /** From now on frames wait for the end of the tick. */
  coalesce(socket: TcpSocket, flusher: TickFlusher): void {
    const { _sender: sender, _receiver: receiver } = this as unknown as WebSocketInternals; // typed private
    sender.writeBuffer = new WriteBuffer(socket, flusher);
    sender.sendFrame = sendFrame; // one function for all, not a closure for each
    receiver.end = end;
    socket.end = end;
    if (this.extensions === '') this.#plainBuffer = sender.writeBuffer;
  }

  /** Short ASCII text of engine.io is framed here, without buffers. Everything else is framed by ws. */
  override send(data: unknown, options?: object | Sent, written?: Sent): void {
    const buffer = this.#plainBuffer;
    const isPlain =
      typeof data === 'string' && typeof options === 'function' && data.length <= MAX_TEXT_LENGTH;
    if (
      !buffer ||
      !isPlain ||
      this.readyState !== WebSocket.OPEN ||
      buffer.isFull(HIGH_WATER) ||
      !isAscii(data)
    )
      return super.send(data as string, options as object, written);
    buffer.appendText(headerOf(data.length) + data);
    options();
  }
}

/** ws ends its streams more than once, and Node creates an error with a stack each time. The later calls do nothing. */
function end<Stream extends Writable>(this: Stream, ...rest: unknown[]): Stream {
  if (rest.length > 0 || !this.writableFinished) Object.getPrototypeOf(this).end.apply(this, rest);
  return this;
}

function sendFrame(this: Sender, frame: Frame, written?: Written): void {
  const { writeBuffer } = this;
  const header = frame[0] as Buffer;
  const isClosing = ((header[0] ?? 0) & OPCODE.mask) === OPCODE.close;
  if (isClosing || writeBuffer.isFull(HIGH_WATER)) return writeBuffer.writeNow(frame, written);
  writeBuffer.append(frame);
  written?.(); // engine.io may send on: HIGH_WATER limits the bytes, and a write error closes the socket anyway
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function headerOf(length: number): string {
  return length < 126
    ? String.fromCharCode(0x81, length)
    : String.fromCharCode(0x81, 126, length >> 8, length & 0xff);
}

/** The frames that one TCP socket is sent in a tick. */
class WriteBuffer {
  /** The bytes of short frames, one per character. To join strings is faster than to write many buffers. */
  #text = '';
  #isCorked = false;
  #isScheduled = false;

  constructor(
    private readonly socket: TcpSocket,
    private readonly flusher: TickFlusher,
  ) {}

  /** Whether the client reads too slowly (bytes of an earlier tick still wait), or more than `limit` bytes wait. */
  isFull(limit: number): boolean {
    const { writableLength } = this.socket;
    if (writableLength > 0 && !this.#isCorked) return true;
    return this.#text.length + writableLength > limit;
  }

  /** Appends a frame as text, one byte per character. */
  appendText(frame: string): void {
    this.#scheduleFlush();
    this.#text += frame;
  }

  append(frame: Frame): void {
    if (lengthOf(frame) <= SHORT_FRAME) return this.appendText(this.flusher.textOf(frame));
    this.#scheduleFlush();
    if (!this.#isCorked) this.socket.cork();
    this.#isCorked = true;
    this.#writeText();
    for (const part of frame) this.socket.write(part);
  }

  /** Writes a frame at once, after those that wait. */
  writeNow(frame: Frame, written?: (error?: Error | null) => void): void {
    this.flush();
    this.socket.cork();
    for (const part of frame.slice(0, -1)) this.socket.write(part);
    this.socket.write(frame.at(-1)!, written);
    this.socket.uncork();
  }

  flush(): void {
    this.#isScheduled = false;
    this.#writeText();
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.socket.uncork();
  }

  #scheduleFlush(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.flusher.schedule(this);
  }

  #writeText(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    if (this.socket.writable) this.socket.write(text, 'latin1');
  }
}

/** Flushes the write buffers of a server at the end of the tick. */
class TickFlusher {
  readonly #scheduled: WriteBuffer[] = [];
  /** A broadcast has one frame for all clients, which is converted to text once. */
  readonly #texts = new WeakMap<Frame, string>();

  schedule(buffer: WriteBuffer): void {
    if (this.#scheduled.length === 0) process.nextTick(this.#flush);
    this.#scheduled.push(buffer);
  }

  /** A frame as text, one byte per character. */
  textOf(frame: Frame): string {
    let text = this.#texts.get(frame);
    if (text === undefined) {
      text = frame.map((part) => bytesOf(part).toString('latin1')).join('');
      this.#texts.set(frame, text);
    }
    return text;
  }

  readonly #flush = (): void => {
    const scheduled = this.#scheduled;
    for (const buffer of scheduled) buffer.flush(); // includes those that are scheduled meanwhile
    if (scheduled.length === 1) scheduled.pop();
    else scheduled.length = 0; // slower than pop(): it frees the array's memory
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
