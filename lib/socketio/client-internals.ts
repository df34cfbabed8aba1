import { EventEmitter } from 'node:events';
import { Server, type Socket } from 'socket.io';
import { addMissingRequest } from './engine-internals.js';
import type { Packet } from './socket-internals.js';

/*
 * Private members of socket.io 4.8 with which a server creates its clients, all used here:
 * - Server.onconnection(conn): creates a Client for an engine connection; one of protocol 3 requests `/` at once;
 * - Client.ondata(data): passes a message to the decoder, which calls Client.ondecoded(packet) for each packet;
 * - Client.nsps: the client's sockets by namespace; Client.sockets: by id, several of one namespace included;
 * - Client.server: its server;
 * - Client.connect(name, auth): called when the client requests a namespace;
 * - Client._packet(packet): writes a packet to the client.
 */

/** A packet with its namespace. */
export type DecodedPacket = Packet & { nsp: string };

/** A client of the server: one engine connection, with a socket in each of its namespaces. */
export interface ClientInternals {
  readonly nsps: Map<string, Socket>;
  readonly sockets: ReadonlyMap<string, Socket>;
  readonly server: Server;
  readonly conn: Socket['conn'] & { readonly protocol: number };
  ondata(data: unknown): void;
  ondecoded(packet: DecodedPacket): void;
  connect(namespace: string, auth?: object): void;
  _packet(packet: DecodedPacket): void;
}

/** A client with a {@link ClientListener}, which calls these methods to have socket.io go on. */
export interface ListenedClient extends ClientInternals {
  /** Decodes a message as socket.io does. */
  decode(data: unknown): void;
  /** Handles a packet as socket.io does. */
  handle(packet: DecodedPacket): void;
  /** Lets a namespace that exists decide about the client, as socket.io does. */
  enter(namespace: string, auth: object): void;
}

/** Gets what a client sends, before and after it is decoded. */
export interface ClientListener {
  /** Called with each message of the engine. */
  onData(data: unknown): void;
  /** Called with each packet that the decoder has completed. */
  onPacket(packet: DecodedPacket): void;
  /** Called when the client requests a namespace, before the application is asked. */
  onConnect(namespace: string, auth: object): void;
  /** Whether {@link onControl} is to be called. */
  readonly wantsControl: boolean;
  /** Called with each packet of the engine that is no message: heartbeats above all. */
  onControl(): void;
}

/** Whether a packet is handled. `refuse quietly`: no event tells the client, only the acknowledgement. */
export type Verdict = 'handle' | 'refuse' | 'refuse quietly';

/** Limits how many packets of each client are handled. */
export interface PacketRate {
  /** Counts a packet, or a heartbeat. */
  take(client: RatedClient): Verdict;
}

/** So many packets of a client that come at once are handled at once; the others after what else there is to do. */
export const FIRST_SLICE = 64;

/** A client as {@link PacketRate} sees it. */
export interface RatedClient {
  readonly conn: Socket['conn'];
  readonly sockets: readonly Socket[];
  /** When the client may send most at once again, in `performance.now()`'s milliseconds. */
  fullAt: number;
  /** When its last slice of packets began, how many of them have come, and how many one may have. */
  sliceFrom: number;
  inSlice: number;
  slice: number;
  /** If set, what the client sends is added here instead of decoded. */
  held: { add(data: unknown): void } | undefined;
  decode(data: unknown): void;
  dropped(reason: string): void;
}

interface ServerInternals {
  onconnection(conn: Socket['conn']): Server;
}

type ClientClass = new (server: Server, conn: Socket['conn']) => ClientInternals;

const LISTENER: unique symbol = Symbol('nestjs-flask-socket client listener');

/** Creates a listener for each client of a server from now on. It also gets the packets before the first CONNECT. */
export function listenToClients(server: Server, create: (client: ListenedClient) => ClientListener): void {
  class OwnClient extends clientClass() implements ListenedClient {
    readonly [LISTENER] = create(this);

    override ondata(data: unknown): void {
      this[LISTENER].onData(data);
    }

    override ondecoded(packet: DecodedPacket): void {
      this[LISTENER].onPacket(packet);
    }

    override connect(namespace: string, auth: object = {}): void {
      this[LISTENER].onConnect(namespace, auth);
    }

    enter(namespace: string, auth: object): void {
      super.connect(namespace, auth);
    }

    decode(data: unknown): void {
      super.ondata(data);
    }

    handle(packet: DecodedPacket): void {
      super.ondecoded(packet);
    }
  }
  const internals = server as unknown as ServerInternals; // typed private
  internals.onconnection = (conn) => {
    addMissingRequest(conn);
    const client = new OwnClient(server, conn);
    if (client[LISTENER].wantsControl) listenToControl(conn, client[LISTENER]);
    if (client.conn.protocol === 3) client.connect('/');
    return server;
  };
}

/** All connections share one function. */
function listenToControl(conn: Socket['conn'], listener: ClientListener): void {
  (conn as { [LISTENER]?: ClientListener })[LISTENER] = listener;
  conn.on('packet', onEnginePacket);
}

function onEnginePacket(this: { [LISTENER]?: ClientListener }, { type }: { type: string }): void {
  if (type !== 'message') this[LISTENER]?.onControl();
}

/** The namespace of a packet, without the query that clients of protocol 3 may append as in the CONNECT packet. */
export function namespaceOf({ conn }: ClientInternals, { nsp }: DecodedPacket): string {
  return conn.protocol !== 3 || nsp === '/' ? nsp : new URL(nsp, 'https://socket.io').pathname;
}

/** The listener of a client. */
export function listenerOf(client: Socket['client']): ClientListener | undefined {
  return (client as { [LISTENER]?: ClientListener })[LISTENER];
}

/** socket.io does not export the class `Client`, so a stand-in for a server creates one. */
function clientClass(): ClientClass {
  const namespace = { client: {}, _add: (client: object) => (namespace.client = client) };
  const server = {
    _parser: { Decoder: SilentDecoder },
    _nsps: new Map([['/', namespace]]),
    of: () => namespace,
  };
  const conn = Object.assign(new EventEmitter(), { protocol: 3 });
  const prototype = Server.prototype as unknown as ServerInternals; // typed private
  prototype.onconnection.call(server, conn as never); // as much of a connection as is looked at
  conn.emit('close');
  return namespace.client.constructor as ClientClass;
}

class SilentDecoder extends EventEmitter {
  destroy(): void {}
}
