import type { Namespace, Socket } from 'socket.io';
import { PacketType } from '../common/constants.js';
import { payloadProblem } from '../common/payload.js';
import { takeAnswer } from './acknowledgements.js';
import type { Connection } from '../context/connection.js';
import { ensureRequest } from './engine-internals.js';
import { pauseReading, resumeReading } from './reading.js';
import { connectionOf, type Packet } from './socket-internals.js';

/*
 * The parts of socket.io 4.8, private in its types, that lie between the decoder and a socket:
 * - Namespace._add(client, auth, done): a client asks for a namespace; nothing has waited for anything by then;
 * - Client.decoder, whose add(data) decodes; Client.ondecoded(packet): what it calls for each packet;
 * - Client.nsps: the client's sockets by namespace; Client._packet(packet): writes to it;
 * - Socket._onpacket(packet): handles a packet; what it throws, socket.io lets end the process.
 */

type DecodedPacket = Packet & { nsp: string };
type PacketListener = (packet: DecodedPacket) => void;
type Client = Socket['client'];
type Add = (client: Client, auth: object, done?: (socket: Socket) => void) => Promise<void>;

interface ClientInternals {
  [PACKETS]?: DecodedPackets;
  readonly nsps: Map<string, Socket>;
  readonly decoder: {
    add(data: unknown): void;
    on(event: 'decoded', listener: PacketListener): void;
    removeListener(event: 'decoded', listener: PacketListener): void;
  };
  readonly conn: Socket['conn'] & { readonly protocol: number };
  ondecoded: PacketListener;
  _packet(packet: DecodedPacket): void;
}

interface NamespaceInternals {
  _add: Add;
}

const PACKETS: unique symbol = Symbol('nestjs-flask-socket packets');
const inner = (client: Client) => client as unknown as ClientInternals; // typed private by socket.io

/** How many events of one client wait for their turn before no more is read from it. */
export const MOST_WAITING = 1_000;

/** How many of a client's requested namespaces are remembered. */
const MOST_KNOWN = 100;

/** A packet for a connected client: decoded, and not handled yet. */
export interface Arrival {
  readonly connection: Connection;
  readonly packet: Packet;
}

/** What happens to packets when they are decoded. */
export interface PacketReceiver {
  /** Packets that are no longer hold no more than is allowed. */
  readonly harmlessLength: number;
  /** Has a packet handled. */
  take(arrival: Arrival): void;
  /** A packet goes no further. */
  dropped(reason: string): void;
  /** Something on the way to the handlers failed. */
  failed(client: Client, error: unknown): void;
}

/** Packets for a namespace go to the receiver when they are decoded, from the moment in which a client asks for it. */
export function receivePackets(namespace: Namespace, receiver: PacketReceiver): void {
  const internals = namespace as unknown as NamespaceInternals; // typed private
  const add = internals._add;
  internals._add = (client, auth, done) => {
    ensureRequest(client.conn);
    const packets = (inner(client)[PACKETS] ??= new DecodedPackets(inner(client), receiver));
    const problem = payloadProblem([auth]);
    if (problem !== undefined) return packets.refuse(namespace.name, problem);
    packets.expect(namespace.name);
    return add.call(namespace, client, auth, done).catch((error: unknown) => receiver.failed(client, error));
  };
}

/** After a client was accepted: receives the packets that it sent early, in their order. */
export function receiveEarly({ client, nsp }: Socket): void {
  inner(client)[PACKETS]?.receiveEarly(nsp.name);
}

/** After a client was refused: drops the packets that it sent early. */
export function dropEarly({ client, nsp }: Socket): void {
  inner(client)[PACKETS]?.dropEarly(nsp.name);
}

/** Handles a packet as socket.io does; an answer that is awaited is handed over as it is, without a stack of arguments. */
export function handlePacket({ connection: { socket }, packet }: Arrival): void {
  if (packet.type === PacketType.ACK && takeAnswer(socket, packet)) return;
  (socket as unknown as { _onpacket(packet: Packet): void })._onpacket(packet); // typed private
}

/** What a client's decoder brings, between the network and its sockets. */
class DecodedPackets {
  /** What has been read for the packet that is being decoded. */
  #length = 0;
  /** What has come for namespaces that have not decided about the client yet. */
  #early: Map<string, DecodedPacket[]> | undefined;
  #earlyCount = 0;
  #isPaused = false;
  /** The namespaces that the client has requested, refused and left ones included. */
  readonly #known = new Set<string>();
  readonly #usual: PacketListener;

  constructor(
    private readonly client: ClientInternals,
    private readonly receiver: PacketReceiver,
  ) {
    const { decoder } = client;
    const add = decoder.add.bind(decoder);
    this.#usual = client.ondecoded;
    decoder.add = (data) => {
      this.#length += lengthOf(data);
      add(data);
    };
    decoder.removeListener('decoded', client.ondecoded);
    client.ondecoded = (packet) => this.#take(packet);
    decoder.on('decoded', client.ondecoded);
  }

  /** The client requests a namespace. */
  expect(name: string): void {
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.add(name);
    const early = (this.#early ??= new Map());
    if (!early.has(name)) early.set(name, []);
  }

  /** A client is not let in for what it says of itself. */
  refuse(nsp: string, message: string): Promise<void> {
    const data = this.client.conn.protocol === 3 ? message : { message };
    this.client._packet({ type: PacketType.CONNECT_ERROR, nsp, data });
    this.receiver.dropped('payload');
    return Promise.resolve();
  }

  receiveEarly(name: string): void {
    for (const packet of this.#forgetEarly(name)) this.#receive(name, packet);
  }

  dropEarly(name: string): void {
    for (const _ of this.#forgetEarly(name)) this.receiver.dropped('refused');
  }

  #take(packet: DecodedPacket): void {
    const length = this.#length;
    this.#length = 0;
    if (packet.type === PacketType.CONNECT || packet.type === PacketType.CONNECT_ERROR)
      return this.#usual(packet);
    if (length > this.receiver.harmlessLength) check(packet);
    const name = this.client.conn.protocol === 3 ? pathOf(packet.nsp) : packet.nsp;
    if (this.client.nsps.has(name)) return this.#receive(name, packet);
    const early = this.#early?.get(name);
    if (early) this.#keep(early, packet);
    else if (this.#known.has(name)) this.receiver.dropped('not_connected');
    else this.#usual(packet); // a violation of the protocol, which ends the connection
  }

  #receive(name: string, packet: DecodedPacket): void {
    const socket = this.client.nsps.get(name);
    const connection = socket && connectionOf(socket);
    if (connection) this.receiver.take({ connection, packet });
    else this.receiver.dropped('not_connected');
  }

  #keep(early: DecodedPacket[], packet: DecodedPacket): void {
    early.push(packet);
    if (++this.#earlyCount < MOST_WAITING || this.#isPaused) return;
    this.#isPaused = true;
    pauseReading(this.client);
  }

  #forgetEarly(name: string): readonly DecodedPacket[] {
    const early = this.#early?.get(name) ?? [];
    this.#early?.delete(name);
    this.#earlyCount -= early.length;
    if (this.#isPaused && this.#earlyCount < MOST_WAITING) {
      this.#isPaused = false;
      resumeReading(this.client);
    }
    return early;
  }
}

/** Notes why the data of a packet is not taken; of an event its name is left. */
function check(packet: Packet): void {
  const { data } = packet;
  const problem = payloadProblem(Array.isArray(data) ? data : [data]);
  if (problem === undefined) return;
  packet.problem = problem;
  packet.data = Array.isArray(data) ? data.slice(0, 1) : [];
}

function lengthOf(data: unknown): number {
  return typeof data === 'string' ? data.length : ((data as Partial<Buffer> | null)?.byteLength ?? Infinity);
}

/** A client of protocol 3 may repeat its query after the namespace, as in its CONNECT packet. */
function pathOf(namespace: string): string {
  return namespace === '/' ? namespace : new URL(namespace, 'https://socket.io').pathname;
}
