import type { Server as HttpServer } from 'node:http';
import type { Server } from 'socket.io';
import type { WebSocket } from 'ws';
import { openWebSocket, reasonOf, type Handshake } from './memory-connection.js';

/** A packet of the Socket.IO protocol. */
export interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

/** The types of packets. */
export const PACKET = {
  CONNECT: 0,
  DISCONNECT: 1,
  EVENT: 2,
  ACK: 3,
  CONNECT_ERROR: 4,
  BINARY_EVENT: 5,
  BINARY_ACK: 6,
};

interface Decoder {
  on(event: 'decoded', listener: (packet: Packet) => void): unknown;
  add(data: unknown): void;
}

interface Parser {
  Decoder: new () => Decoder;
  Encoder: new () => { encode(packet: Packet): unknown[] };
}

/** Engine.IO's packets: one digit before the text of a message. */
const ENGINE = { OPEN: '0', PING: '2', PONG: '3', MESSAGE: '4' };

/** What a wire tells. */
export interface WireEvents {
  packet(packet: Packet): void;
  closed(): void;
}

/** The client's end of one connection: Engine.IO and Socket.IO, with the server's own parser. */
export class Wire {
  readonly #socket: WebSocket;
  readonly #parser: Parser;
  #moved = 0;

  private constructor(
    servers: { http: HttpServer; io: Server },
    handshake: Handshake,
    private readonly events: WireEvents,
  ) {
    this.#parser = (servers.io as unknown as { _parser: Parser })._parser; // typed private
    this.#socket = openWebSocket(servers.http, handshake, () => this.#moved++);
  }

  /** Connects; rejects with what the server said if it refuses the handshake. */
  static async open(
    servers: { http: HttpServer; io: Server },
    handshake: Handshake,
    events: WireEvents,
  ): Promise<Wire> {
    const wire = new Wire(servers, handshake, events);
    await wire.#opened();
    return wire;
  }

  /** How many times bytes have gone either way. */
  get moved(): number {
    return this.#moved;
  }

  /** Sends a packet; throws in the caller what cannot be encoded. */
  send(packet: Packet): void {
    for (const part of new this.#parser.Encoder().encode(packet)) {
      this.#socket.send(typeof part === 'string' ? ENGINE.MESSAGE + part : (part as Buffer));
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.close();
    await closed;
  }

  #opened(): Promise<void> {
    const socket = this.#socket;
    const decoder = new this.#parser.Decoder();
    decoder.on('decoded', (packet) => this.events.packet(packet));
    return new Promise((resolve, reject) => {
      socket.on('message', (data, isBinary) =>
        this.#receive(isBinary ? data : (data as Buffer).toString(), { decoder, resolve }),
      );
      socket.on('unexpected-response', (request, response) => {
        const refused = (reason: unknown) => {
          request.destroy();
          reject(new Error(String(reason)));
        };
        void reasonOf(response).then(refused, refused);
      });
      socket.on('error', reject);
      socket.on('close', () => this.events.closed());
    });
  }

  #receive(data: unknown, { decoder, resolve }: { decoder: Decoder; resolve: () => void }): void {
    if (typeof data !== 'string') return decoder.add(data);
    const [type] = data;
    if (type === ENGINE.OPEN) resolve();
    else if (type === ENGINE.PING) this.#socket.send(ENGINE.PONG);
    else if (type === ENGINE.MESSAGE) decoder.add(data.slice(1));
  }
}
