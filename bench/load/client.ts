import { connect, type Socket } from 'node:net';
import type { Span } from './data.js';

/*
 * A Socket.IO client without a library: Engine.IO 4 and Socket.IO 5 in WebSocket frames, on a TCP socket of Node.
 * It must cost far less than a server, so it knows no more than it needs: short text frames, one namespace,
 * frames to be sent made beforehand, one buffer for what all clients read.
 */

const PING = '2'.charCodeAt(0);
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
const READ_BUFFER = Buffer.alloc(2 ** 16);

/** A client's text frame: masked, as the protocol asks for. */
export function frame(text: string, opcode = 0x1): Buffer {
  const payload = Buffer.from(text);
  const isShort = payload.length < 126;
  const header = isShort
    ? [0x80 | opcode, 0x80 | payload.length]
    : [0x80 | opcode, 0xfe, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from(header), MASK, payload.map((byte, at) => byte ^ MASK[at % 4]!)]);
}

const PONG = frame('3');
const GOODBYE = Buffer.concat([frame('41'), frame('', 0x8)]);

/** Takes a message: the bytes of a span, valid only now. */
export type Receive = (data: Buffer, span: Span) => void;

export class Client {
  /** What is done with messages that are no pings. */
  receive: Receive = () => {};
  /** After all the messages that came at once: the moment to answer them at once. */
  received: () => void = () => {};

  readonly #socket: Socket;
  #rest: Buffer | undefined;
  #take = (data: Buffer): void => this.#frames(data);

  private constructor(port: number) {
    const callback = (length: number, buffer: Uint8Array) => {
      this.#take((buffer as Buffer).subarray(0, length));
      return true;
    };
    this.#socket = connect({ port, host: '127.0.0.1', onread: { buffer: READ_BUFFER, callback } });
    this.#socket.setNoDelay(true);
  }

  /** A client that is connected to the main namespace. */
  static async connect(port: number): Promise<Client> {
    const client = new Client(port);
    await client.#exchange(upgradeRequest(port), (text) => /\r\n\r\n[^]*0\{.*\}$/.test(text));
    await client.#exchange(frame('40'), (text) => /40\{.*\}$/.test(text));
    client.#take = (data) => client.#frames(data);
    client.#socket.on('error', (error) => client.#lost(error));
    client.#socket.on('close', () => client.#lost(new Error('The server has closed a connection.')));
    return client;
  }

  /** Sends frames, all at once. */
  write(...frames: Buffer[]): void {
    if (frames.length > 0) this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  /** Disconnects from the namespace and the server; resolves when the connection has ended. */
  leave(): Promise<void> {
    this.#lost = () => {};
    this.#take = () => {};
    return new Promise((resolve) => {
      this.#socket.on('close', () => resolve());
      this.#socket.on('end', () => this.#socket.end());
      this.#socket.write(GOODBYE);
    });
  }

  #lost = (error: Error): void => {
    throw error;
  };

  /** Sends something and waits for an answer; only for what happens once per connection. */
  #exchange(sent: string | Buffer, isAnswered: (text: string) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let text = '';
      this.#socket.on('error', reject);
      this.#socket.once('close', () => reject(new Error(`The server does not want this client: ${text}`)));
      this.#take = (data) => {
        text += data.toString('latin1');
        if (!isAnswered(text)) return;
        this.#socket.removeAllListeners('error');
        this.#socket.removeAllListeners('close');
        resolve();
      };
      this.#socket.write(sent);
    });
  }

  #frames(chunk: Buffer): void {
    const data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const start = payloadAt(data, at);
      const end = start + payloadLength(data, at);
      if (!(end <= data.length)) break;
      if (data[start] === PING) this.write(PONG);
      else this.receive(data, { start, end });
      at = end;
    }
    this.#rest = at < data.length ? Buffer.from(data.subarray(at)) : undefined;
    this.received();
  }
}

/** Where the payload of a server's frame begins. */
function payloadAt(data: Buffer, at: number): number {
  return at + (data[at + 1]! < 126 ? 2 : 4);
}

/** How long it is; not a number if the header is not complete. */
function payloadLength(data: Buffer, at: number): number {
  if (data.length < at + 2) return NaN;
  if (data[at + 1]! < 126) return data[at + 1]!;
  return data.length < at + 4 ? NaN : data.readUInt16BE(at + 2);
}

function upgradeRequest(port: number): string {
  return [
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    '\r\n',
  ].join('\r\n');
}
