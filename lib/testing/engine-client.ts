import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { Server } from 'socket.io';
import { WebSocket } from 'ws';
import { failureFrom } from '../common/errors.js';
import { memorySocketPair, type Traffic } from './memory-socket.js';
import type { CancellableExecutor } from './real-timers.js';
import { type Packet, serverParser, stopHeartbeat, type TestedApp } from './tested-app.js';

/** The types of Engine.IO packets: the first character of a text message. */
const ENGINE_PACKET = { OPEN: '0', PING: '2', PONG: '3', MESSAGE: '4' };

/** An encoded packet: one text, then its binary attachments. */
export type EncodedPacket = readonly (string | Buffer)[];

/** The URL and headers of a test client's handshake. */
export interface Handshake {
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
}

/** The events of an {@link EngineClient}. */
export interface EngineClientEvents {
  /** The server has accepted the connection: packets may be sent. */
  opened(): void;
  packet(packet: Packet): void;
  /** The connection has ended or was refused. */
  closed(reason: string): void;
}

/** Encodes a packet with the server's parser. Throws `FSK_NOT_SERIALIZABLE` with `what` if that is not possible. */
export function encode(server: Server, packet: Packet, what: string): EncodedPacket {
  const { Encoder } = serverParser(server);
  try {
    return new Encoder().encode(packet) as EncodedPacket;
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}

/** An Engine.IO client over a WebSocket inside the process, which uses the parser of its server. */
export class EngineClient {
  readonly #socket: WebSocket;

  constructor(
    private readonly app: TestedApp,
    handshake: Handshake,
    private readonly events: EngineClientEvents,
  ) {
    const { Decoder } = serverParser(app.server);
    const decoder = new Decoder();
    decoder.on('decoded', (packet) => events.packet(packet));
    this.#socket = openWebSocket(app.httpServer, handshake, app.traffic);
    this.#socket.on('message', (data, isBinary) => {
      if (isBinary) decoder.add(data);
      else this.#receive((data as Buffer).toString(), (message) => decoder.add(message));
    });
    this.#listenForClose();
  }

  send(packet: EncodedPacket): void {
    for (const part of packet)
      this.#socket.send(typeof part === 'string' ? ENGINE_PACKET.MESSAGE + part : part);
  }

  /** Starts to close the connection. What it returns waits for the end. */
  close(): CancellableExecutor<void> {
    const socket = this.#socket;
    socket.close();
    return (resolve) => {
      const ended = () => resolve();
      socket.on('close', ended);
      return () => void socket.off('close', ended);
    };
  }

  #receive(text: string, message: (text: string) => void): void {
    if (text.startsWith(ENGINE_PACKET.MESSAGE)) message(text.slice(1));
    else if (text.startsWith(ENGINE_PACKET.PING)) this.#socket.send(ENGINE_PACKET.PONG);
    else if (text.startsWith(ENGINE_PACKET.OPEN)) this.#opened(text.slice(1));
  }

  #opened(handshake: string): void {
    const { sid } = JSON.parse(handshake) as { sid: string };
    stopHeartbeat(this.app.server, sid);
    this.events.opened();
  }

  #listenForClose(): void {
    const socket = this.#socket;
    let reason = 'transport close';
    socket.on('unexpected-response', (_request, response) => {
      const refused = (why: unknown) => {
        reason = String(why);
        socket.terminate(); // 'error' and 'close' follow
      };
      void bodyOf(response).then(refused, refused);
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.events.closed(reason));
  }
}

/** Opens a WebSocket to an HTTP server without a port. The server need not listen. */
function openWebSocket(server: HttpServer, { path, query, headers }: Handshake, traffic: Traffic): WebSocket {
  const search = new URLSearchParams(query);
  search.set('EIO', '4');
  search.set('transport', 'websocket');
  return new WebSocket(`ws://127.0.0.1${path}/?${search.toString()}`, {
    headers,
    perMessageDeflate: false,
    createConnection: (() => connect(server, traffic)) as never, // ws types it as a net.Socket
  });
}

/** Emits the server's `connection` event with one end of a new connection, as Node's documentation allows. */
function connect(server: HttpServer, traffic: Traffic) {
  const encrypted = server instanceof TlsServer;
  const [clientEnd, serverEnd] = memorySocketPair(traffic, encrypted);
  server.emit(encrypted ? 'secureConnection' : 'connection', serverEnd);
  return clientEnd;
}

/** The body of a refused handshake, which says why; its status if it has none. */
async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString() || `HTTP ${response.statusCode}`;
}
