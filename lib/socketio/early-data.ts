import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server } from 'socket.io';
import { PacketType } from '../common/constants.js';
import { connectionById, limitBodies, type EngineConnection } from './engine-internals.js';

/** The most that a client may send before it asks for a namespace, in bytes: its credentials and a heartbeat. */
export const MOST_EARLY_BYTES = 64 * 1024;

const TOO_MUCH = `more than ${MOST_EARLY_BYTES} bytes`;

/** A packet of the engine, before it is handled. */
interface EnginePacket {
  type: string;
  data?: unknown;
}

type Watched<Carrier> = Carrier & { [EARLY]?: Early | undefined; [CARRIER]?: Duplex };

/** What has come so far. */
interface Early {
  readonly connection: EngineConnection;
  /** Of a WebSocket, from the network: a message need not be complete. */
  read: number;
  /** In complete messages, decompressed. */
  decoded: number;
  readonly carriers: Watched<Duplex>[];
}

const EARLY: unique symbol = Symbol('nestjs-flask-socket early data');
const CARRIER: unique symbol = Symbol('nestjs-flask-socket upgraded');

/** Says what is wrong with the data of a client that has asked for no namespace. */
type Refuse = (connection: EngineConnection, problem: string) => void;

/** Watches what connections bring before their client asks for a namespace; all of them share its listeners. */
export class EarlyData {
  readonly #decoded: (this: EngineConnection, packet: EnginePacket) => void;
  readonly #read: (this: Duplex, chunk: Buffer) => void;

  constructor(
    private readonly server: Server,
    refuse: Refuse,
  ) {
    const isText = speaksText(server);
    this.#decoded = function decoded(this: Watched<EngineConnection>, packet) {
      const early = this[EARLY];
      if (!early) return;
      early.decoded += lengthOf(packet.data);
      const isBinary = isText && typeof (packet.data ?? '') !== 'string';
      if (!isBinary && early.decoded <= MOST_EARLY_BYTES) return;
      packet.type = 'noop'; // goes no further
      refuse(this, isBinary ? 'binary data' : TOO_MUCH);
    };
    this.#read = function read(this: Watched<Duplex>, chunk) {
      const early = this[EARLY];
      if (!early) return;
      early.read += chunk.length;
      if (early.read <= MOST_EARLY_BYTES) return;
      refuse(early.connection, TOO_MUCH);
      setImmediate(() => this.destroy()); // it need not be the connection's transport yet
    };
    server.engine.on('headers', (_headers: unknown, request: IncomingMessage) => this.#upgrading(request));
  }

  /** Begins to watch a connection. */
  watch(connection: Watched<EngineConnection>): void {
    connection[EARLY] = { connection, read: 0, decoded: 0, carriers: [] };
    connection.on('packet', this.#decoded);
    limitBodies(connection, MOST_EARLY_BYTES);
    if (connection.transport.name === 'websocket') this.#watchCarrier(connection, carrierOf(connection));
  }

  /** The client has asked for a namespace. */
  unwatch(connection: Watched<EngineConnection>): void {
    const early = connection[EARLY];
    if (!early) return;
    connection[EARLY] = undefined;
    connection.off('packet', this.#decoded);
    for (const carrier of early.carriers) this.#unwatchCarrier(carrier);
    limitBodies(connection);
  }

  /** Another WebSocket of a connection is about to be opened: ws reads from it before engine.io takes it for its transport. */
  #upgrading({ headers, socket, _query: query }: IncomingMessage & { _query?: { sid?: string } }): void {
    if (!headers.upgrade || !query?.sid) return;
    const connection: Watched<EngineConnection> | undefined = connectionById(this.server, query.sid);
    if (!connection) return;
    connection[CARRIER] = socket;
    if (connection[EARLY]) process.nextTick(() => this.#watchCarrier(connection, socket));
  }

  /** A native engine takes the TCP socket away from Node: nobody reads from it then. */
  #watchCarrier(connection: Watched<EngineConnection>, carrier: Watched<Duplex> | undefined): void {
    const early = connection[EARLY];
    if (!early || !carrier || carrier.listenerCount('data') === 0) return;
    early.carriers.push(carrier);
    carrier[EARLY] = early;
    carrier.on('data', this.#read);
  }

  #unwatchCarrier(carrier: Watched<Duplex>): void {
    carrier[EARLY] = undefined;
    carrier.off('data', this.#read);
  }
}

/** The TCP connection of a WebSocket: that of the handshake, or another since an upgrade. */
function carrierOf(connection: Watched<EngineConnection>): Duplex | undefined {
  return connection[CARRIER] ?? (connection.request.headers.upgrade ? connection.request.socket : undefined);
}

/** Whether the packets of the server's parser are text, unless they hold binary values. */
function speaksText({ encoder }: Server): boolean {
  const [encoded] = encoder.encode({ type: PacketType.CONNECT, nsp: '/' }) as unknown[];
  return typeof encoded === 'string';
}

function lengthOf(data: unknown = ''): number {
  return typeof data === 'string'
    ? Buffer.byteLength(data)
    : ((data as Partial<Buffer>).byteLength ?? Infinity);
}
