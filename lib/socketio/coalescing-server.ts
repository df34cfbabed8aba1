import type { Socket as TcpSocket } from 'node:net';
import type { Writable } from 'node:stream';
import { WebSocket, WebSocketServer, type Server, type ServerOptions } from 'ws';
import { Outbox, Turn, type Frame } from './outbox.js';

/*
 * The parts of ws 8 that its types keep private:
 * - WebSocket._sender, Sender.sendFrame(frame, written): the way out of all that is sent; engine.io calls it, too, with
 *   the frame that a broadcast has in common for all clients;
 * - WebSocket._receiver: the stream that decodes.
 */

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

/** ws calls it when it has written a message. */
type Sent = (error?: Error) => void;
type Written = (error?: Error | null) => void;

interface Sender {
  sendFrame(frame: Frame, written?: Written): void;
  /** Ours. */
  outbox: Outbox;
}

interface Internals {
  readonly _sender: Sender;
  readonly _receiver: Writable;
}

/**
 * A WebSocket server that writes to each TCP socket once for each turn in which it sends: what ten events of a
 * client are answered, or what several broadcasts bring, leaves with one system call. Nothing waits for a timer:
 * a turn ends with `process.nextTick`, after the events that arrived with it.
 */
export class CoalescingServer extends WebSocketServer<typeof CoalescingWebSocket> {
  readonly #turn = new Turn();

  constructor(options?: ServerOptions) {
    const own = { WebSocket: CoalescingWebSocket, closeTimeout: CLOSE_TIMEOUT };
    super({ ...options, ...own });
  }

  override handleUpgrade(
    ...[request, socket, head, connected]: Parameters<Server<typeof CoalescingWebSocket>['handleUpgrade']>
  ): void {
    super.handleUpgrade(request, socket, head, (webSocket, of) => {
      webSocket.coalesce(socket as TcpSocket, this.#turn);
      connected(webSocket, of);
    });
  }
}

/** A WebSocket whose frames leave when the turn ends. */
class CoalescingWebSocket extends WebSocket {
  #outbox: Outbox | undefined;

  /** From now on what is sent waits for the end of the turn. */
  coalesce(socket: TcpSocket, turn: Turn): void {
    const { _sender: sender, _receiver: receiver } = this as unknown as Internals; // typed private
    sender.outbox = new Outbox(socket, turn);
    sender.sendFrame = sendFrame; // the same one for all
    receiver.end = end;
    socket.end = end;
    if (this.extensions === '') this.#outbox = sender.outbox;
  }

  /** The engine's text, where each character is a byte, is framed without buffers; all else goes ws's way. */
  override send(data: unknown, options?: object | Sent, written?: Sent): void {
    const outbox = this.#outbox;
    const isPlain = typeof data === 'string' && typeof options === 'function' && data.length <= LONGEST;
    if (
      !outbox ||
      !isPlain ||
      this.readyState !== WebSocket.OPEN ||
      outbox.isFull(HIGH_WATER) ||
      !isAscii(data)
    )
      return super.send(data as string, options as object, written);
    outbox.addText(headerOf(data.length) + data);
    options();
  }
}

/** ws ends its streams more than once; each time Node would create an error with a stack that is never shown. */
function end<Stream extends Writable>(this: Stream, ...rest: unknown[]): Stream {
  if (rest.length > 0 || !this.writableFinished) Object.getPrototypeOf(this).end.apply(this, rest);
  return this;
}

function sendFrame(this: Sender, frame: Frame, written?: Written): void {
  const { outbox } = this;
  const header = frame[0] as Buffer;
  const isClosing = ((header[0] ?? 0) & OPCODE.mask) === OPCODE.close;
  if (isClosing || outbox.isFull(HIGH_WATER)) return outbox.sendNow(frame, written);
  outbox.add(frame);
  written?.(); // the engine may send on: the bytes are bounded, and an error ends the socket anyway
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function headerOf(length: number): string {
  return length < 126
    ? String.fromCharCode(0x81, length)
    : String.fromCharCode(0x81, 126, length >> 8, length & 0xff);
}
