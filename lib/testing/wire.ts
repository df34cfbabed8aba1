import type { Server } from 'socket.io';
import type { WebSocket } from 'ws';
import { failureFrom } from '../common/errors.js';
import type { Expected } from './real-time.js';
import { type Packet, parserOf, stopHeartbeat, type TestedApp } from './tested-app.js';
import { type Handshake, openWebSocket, reasonOf } from './web-socket.js';

/** Engine.IO's packets: one digit before the text of a message. */
const ENGINE = { OPEN: '0', PING: '2', PONG: '3', MESSAGE: '4' };

/** An encoded packet: text, then bytes. */
export type Encoded = readonly (string | Buffer)[];

/** The events of a wire. */
export interface WireEvents {
  /** The connection is there, and can be used. */
  opened(): void;
  packet(packet: Packet): void;
  /** The connection has ended, or there will be none; why. */
  closed(reason: string): void;
}

/** A packet as a client of the server encodes it; an error that names `what` if that cannot be done. */
export function encode(server: Server, packet: Packet, what: string): Encoded {
  const { Encoder } = parserOf(server);
  try {
    return new Encoder().encode(packet) as Encoded;
  } catch (cause) {
    throw failureFrom(cause, 'FSK_NOT_SERIALIZABLE', what);
  }
}

/** The client's end of one connection: Engine.IO, and the server's own parser. */
export class Wire {
  readonly #socket: WebSocket;

  constructor(
    private readonly app: TestedApp,
    handshake: Handshake,
    private readonly events: WireEvents,
  ) {
    const { Decoder } = parserOf(app.server);
    const decoder = new Decoder();
    decoder.on('decoded', (packet) => events.packet(packet));
    this.#socket = openWebSocket(app.httpServer, handshake, app.traffic);
    this.#socket.on('message', (data, isBinary) => {
      if (isBinary) decoder.add(data);
      else this.#receive((data as Buffer).toString(), (message) => decoder.add(message));
    });
    this.#listenForEnd();
  }

  /** Sends a packet. */
  send(encoded: Encoded): void {
    for (const part of encoded) this.#socket.send(typeof part === 'string' ? ENGINE.MESSAGE + part : part);
  }

  /** Ends the connection. */
  close(): Expected<void> {
    const socket = this.#socket;
    socket.close();
    return (resolve) => {
      const ended = () => resolve();
      socket.on('close', ended);
      return () => void socket.off('close', ended);
    };
  }

  #receive(text: string, message: (text: string) => void): void {
    if (text.startsWith(ENGINE.MESSAGE)) message(text.slice(1));
    else if (text.startsWith(ENGINE.PING)) this.#socket.send(ENGINE.PONG);
    else if (text.startsWith(ENGINE.OPEN)) this.#opened(text.slice(1));
  }

  #opened(handshake: string): void {
    const { sid } = JSON.parse(handshake) as { sid: string };
    stopHeartbeat(this.app.server, sid);
    this.events.opened();
  }

  #listenForEnd(): void {
    const socket = this.#socket;
    let reason = 'transport close';
    socket.on('unexpected-response', (_request, response) => {
      const refused = (why: unknown) => {
        reason = String(why);
        socket.terminate(); // 'error' and 'close' follow
      };
      void reasonOf(response).then(refused, refused);
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.events.closed(reason));
  }
}
