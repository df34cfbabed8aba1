import { onTestFinished } from 'vitest';
import * as jsonParser from 'socket.io-parser';
import * as msgpackParser from 'socket.io-msgpack-parser';
import { WebSocket } from 'ws';
import { Journal } from './journal.js';
import { whenClosed } from './when-closed.js';

/** What a client of the server may speak. */
export type Dialect = 'default' | 'msgpack' | 'protocol 3';

export const DIALECTS: readonly Dialect[] = ['default', 'msgpack', 'protocol 3'];

/** The options of a server that understands a dialect. */
export const optionsFor = (dialect: Dialect) =>
  ({ allowEIO3: true, serializer: dialect === 'msgpack' ? 'msgpack' : 'default' }) as const;

/** A packet of the Socket.IO protocol. */
export interface RawPacket {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

export const TYPE = { connect: 0, disconnect: 1, event: 2, ack: 3, connectError: 4 };

interface Coder {
  Encoder: new () => { encode(packet: RawPacket): (string | Buffer)[] };
  Decoder: new () => {
    add(data: unknown): void;
    on(event: 'decoded', listener: (packet: RawPacket) => void): void;
  };
}

/** A client that sends whatever a test wants, in any dialect, and keeps what it gets. */
export class RawClient {
  readonly received = new Journal<RawPacket>();
  /** Called with each packet. */
  heard: (packet: RawPacket) => void = () => {};
  readonly #coder: Coder;

  private constructor(
    readonly socket: WebSocket,
    private readonly dialect: Dialect,
  ) {
    this.#coder = (dialect === 'msgpack' ? msgpackParser : jsonParser) as unknown as Coder;
    const decoder = new this.#coder.Decoder();
    decoder.on('decoded', (packet) => {
      this.received.add(packet);
      this.heard(packet);
    });
    socket.on('message', (data: Buffer, isBinary) => {
      const text = isBinary ? '' : data.toString();
      if (isBinary) decoder.add(dialect === 'protocol 3' ? data.subarray(1) : data);
      else if (text.startsWith('4')) decoder.add(text.slice(1));
      else if (text === '2') socket.send('3');
    });
    socket.on('error', () => {});
  }

  /** A handshake, nothing more. */
  static async open(port: number, dialect: Dialect = 'default'): Promise<RawClient> {
    const version = dialect === 'protocol 3' ? 3 : 4;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=${version}&transport=websocket`);
    const client = new RawClient(socket, dialect);
    onTestFinished(() => socket.terminate());
    await new Promise<void>((resolve, reject) => {
      socket.once('message', () => resolve()); // the engine's first packet
      socket.once('error', reject);
    });
    return client;
  }

  /** Connected to a namespace. */
  static async connect(port: number, dialect: Dialect = 'default', nsp = '/'): Promise<RawClient> {
    const client = await RawClient.open(port, dialect);
    await client.join(nsp);
    return client;
  }

  async join(nsp = '/'): Promise<void> {
    const isAskedFor = this.dialect !== 'protocol 3' || nsp !== '/'; // which protocol 3 does not ask for
    if (isAskedFor)
      this.send({ type: TYPE.connect, nsp, data: this.dialect === 'protocol 3' ? undefined : {} });
    await this.received.find((packet) => packet.type === TYPE.connect && packet.nsp === nsp);
  }

  send(packet: RawPacket): void {
    for (const part of new this.#coder.Encoder().encode(packet)) this.sendRaw(part);
  }

  /** What cannot be encoded, or sent any more, is not sent; `change` sees each part first. */
  trySend(packet: RawPacket, change: (part: string | Buffer) => string | Buffer): void {
    try {
      for (const part of new this.#coder.Encoder().encode(packet)) this.sendRaw(change(part));
    } catch {
      // the client has gone, or has something that its library does not encode
    }
  }

  /** A text without the engine's `4`, or bytes, as they are. */
  sendRaw(data: string | Buffer): void {
    if (typeof data === 'string') this.socket.send(`4${data}`);
    else this.socket.send(this.dialect === 'protocol 3' ? Buffer.concat([Buffer.of(4), data]) : data);
  }

  /** The data of the next packet that is the answer to one of ours, or an event by its name. */
  async dataOf(wanted: number | string): Promise<unknown[]> {
    const found = await this.received.find(({ type, id, data }) =>
      typeof wanted === 'number'
        ? type === TYPE.ack && id === wanted
        : (data as unknown[] | undefined)?.[0] === wanted,
    );
    return found.data as unknown[];
  }

  /** Resolves when the connection has ended. */
  async closed(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CLOSED) await whenClosed(this.socket);
  }
}
