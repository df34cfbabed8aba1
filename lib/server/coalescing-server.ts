import type { Socket as TcpSocket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** From this many waiting bytes on, nothing is held back and the engine waits for the socket. */
const HIGH_WATER = 64 * 1024;

/** The low four bits of a frame's first byte. */
const OPCODE = { mask: 0x0f, close: 0x08 };

type Written = (error?: Error | null) => void;

interface Sender {
  readonly _socket: TcpSocket;
  sendFrame(frame: readonly Buffer[], written?: Written): void;
}

/**
 * A WebSocket server that writes to each TCP socket once for each turn in which it sends: what ten events of a
 * client are answered, or what several broadcasts bring, leaves with one system call. Nothing waits for a timer:
 * a turn ends with `process.nextTick`, after the events that arrived with it.
 */
export class CoalescingServer extends WebSocketServer {
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
  const { _sender: sender } = webSocket as unknown as { _sender: Sender }; // typed private
  sender.sendFrame = sendFrame;
}

function sendFrame(this: Sender, frame: readonly Buffer[], written?: Written): void {
  const { _socket: socket } = this;
  const isLast = ((frame[0]?.[0] ?? 0) & OPCODE.mask) === OPCODE.close;
  const isBehind = socket.writableLength > HIGH_WATER;
  if (isLast || isBehind) release(socket);
  else cork(socket);
  for (const part of frame.slice(0, -1)) socket.write(part);
  const end = frame.at(-1) as Buffer;
  if (isLast || isBehind || !written) return void socket.write(end, written);
  socket.write(end);
  written(); // the engine may send on: the bytes are bounded, and an error ends the socket anyway
}

/** The sockets that were written to in this turn. */
const corked = new Set<TcpSocket>();

function cork(socket: TcpSocket): void {
  if (corked.has(socket)) return;
  socket.cork();
  if (corked.size === 0) process.nextTick(releaseAll);
  corked.add(socket);
}

function release(socket: TcpSocket): void {
  if (corked.delete(socket)) socket.uncork();
}

function releaseAll(): void {
  for (const socket of corked) socket.uncork();
  corked.clear();
}
