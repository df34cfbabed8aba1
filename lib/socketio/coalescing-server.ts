import type { Socket as TcpSocket } from 'node:net';
import type { Writable } from 'node:stream';
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws';
import { Outbox, type Frame } from './outbox.js';

/**
 * So many bytes may wait for the end of a turn. Beyond them, and for a client that is behind with its reading, nothing is
 * held back, and the engine waits for the socket: what is volatile is dropped meanwhile.
 */
const HIGH_WATER = 16 * 1024;

/** The low four bits of a frame's first byte. */
const OPCODE = { mask: 0x0f, close: 0x08 };

/** The payloads that are framed here: their length fits into two bytes. */
const LONGEST = 0xffff;

/** How long a client is waited for that does not answer a goodbye, in milliseconds; ws would wait for 30 s. */
const CLOSE_TIMEOUT = 5_000;

type Written = (error?: Error | null) => void;

interface Sender {
  readonly _socket: TcpSocket;
  sendFrame(frame: Frame, written?: Written): void;
  /** Ours. */
  outbox: Outbox;
}

interface Receiver extends Writable {
  _write(chunk: Buffer, encoding: string, decoded: Written): void;
}

interface Internals {
  readonly _sender: Sender;
  readonly _receiver: Receiver;
}

/**
 * A WebSocket server that writes to each TCP socket once for each turn in which it sends: what ten events of a
 * client are answered, or what several broadcasts bring, leaves with one system call. Nothing waits for a timer:
 * a turn ends with `process.nextTick`, after the events that arrived with it.
 */
export class CoalescingServer extends WebSocketServer {
  constructor(options?: ServerOptions) {
    super({ ...options, closeTimeout: CLOSE_TIMEOUT } as ServerOptions); // newer than its types
  }

  override handleUpgrade(
    ...[request, socket, head, connected]: Parameters<WebSocketServer['handleUpgrade']>
  ): void {
    super.handleUpgrade(request, socket, head, (webSocket, of) => {
      coalesce(webSocket);
      connected(webSocket, of);
    });
  }
}

/** Every frame passes `Sender.sendFrame`; one function takes its place on all senders. */
function coalesce(webSocket: WebSocket): void {
  const { _sender: sender, _receiver: receiver } = webSocket as unknown as Internals; // typed private
  sender.outbox = new Outbox(sender._socket);
  sender.sendFrame = sendFrame;
  receiver.end = end;
  sender._socket.end = end;
  if (webSocket.extensions !== '') return;
  webSocket.send = send as WebSocket['send'];
  receiver.write = write;
}

/** Decodes at once what has arrived. As a stream it would take a tick for each chunk, although nothing has to wait. */
function write(this: Receiver, chunk: Buffer): boolean {
  if (this.destroyed || this.writableEnded) return false;
  this._write(chunk, 'buffer', keepError);
  if (kept) this.destroy(kept);
  return true;
}

let kept: Error | null | undefined;
const keepError: Written = (error) => void (kept = error);

/** ws ends its streams more than once. Each time, Node would make an error, stack and all, that nobody gets to see. */
function end<Stream extends Writable>(this: Stream, ...rest: unknown[]): Stream {
  if (rest.length > 0 || !this.writableFinished) Object.getPrototypeOf(this).end.apply(this, rest);
  return this;
}

function sendFrame(this: Sender, frame: Frame, written?: Written): void {
  const { outbox } = this;
  const header = frame[0] as Buffer;
  const isLast = ((header[0] ?? 0) & OPCODE.mask) === OPCODE.close;
  if (isLast || outbox.isFull(HIGH_WATER)) {
    outbox.release();
    return sendNow(this._socket, frame, written);
  }
  outbox.add(frame);
  written?.(); // the engine may send on: the bytes are bounded, and an error ends the socket anyway
}

function sendNow(socket: TcpSocket, frame: Frame, written?: Written): void {
  socket.cork();
  for (const part of frame.slice(0, -1)) socket.write(part);
  socket.write(frame.at(-1)!, written);
  socket.uncork();
}

/** The engine's text, where each character is a byte, is framed without buffers; all else goes ws's way. */
function send(this: WebSocket, data: unknown, options: unknown, written?: Written): void {
  const { outbox } = (this as unknown as Internals)._sender; // typed private
  const isPlain = typeof data === 'string' && typeof options === 'function' && data.length <= LONGEST;
  if (!isPlain || this.readyState !== WebSocket.OPEN || outbox.isFull(HIGH_WATER) || !isAscii(data))
    return WebSocket.prototype.send.call(this, data as string, options as object, written);
  outbox.addText(headerOf(data.length) + data);
  (options as Written)();
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function headerOf(length: number): string {
  return length < 126
    ? String.fromCharCode(0x81, length)
    : String.fromCharCode(0x81, 126, length >> 8, length & 0xff);
}
