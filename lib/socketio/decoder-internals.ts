import type { Namespace, Server, Socket } from 'socket.io';
import { PacketType, TOO_MANY_EVENTS } from '../common/constants.js';
import { payloadProblem } from '../common/payload.js';
import type { Connection } from '../context/connection.js';
import { handleAck, isAckPending } from './acknowledgements.js';
import { pauseReading, resumeReading } from './backpressure.js';
import {
  listenerOf,
  listenToClients,
  type ClientListener,
  type DecodedPacket,
  type ListenedClient,
  type PacketRate,
  type RatedClient,
} from './client-internals.js';
import { connectionOf, type Packet } from './socket-internals.js';

/*
 * Private members of socket.io 4.8 between the decoder and a socket, all used here:
 * - Namespace._add(client, auth, done): called when a client requests a namespace, before anything asynchronous;
 * - Socket._onpacket(packet): handles a packet. socket.io does not catch its errors, which end the process.
 */

type Client = Socket['client'];
type Add = (client: Client, auth: object, done?: (socket: Socket) => void) => Promise<void>;

interface NamespaceInternals {
  _add: Add;
}

const packetsOf = (client: Client) => listenerOf(client) as ClientPackets | undefined; // no other is created

/** When so many events of a client wait, no more is read from it. */
export const MAX_WAITING = 1_000;

/** The most requested namespaces that are remembered for a client. */
const MAX_REQUESTED = 100;

/** A decoded packet and the connection that it belongs to. */
export interface ReceivedPacket {
  readonly connection: Connection;
  readonly packet: Packet;
}

/** Gets the packets of all clients when they are decoded. */
export interface PacketReceiver {
  /** Packets up to this length cannot exceed the payload limits, so that they are not checked. */
  readonly uncheckedLength: number;
  /** What limits the packets of each client, if anything does. */
  readonly rate: PacketRate | undefined;
  /** A packet has come for a connected client. */
  receive(received: ReceivedPacket): void;
  /** A packet was dropped. */
  dropped(reason: string): void;
  /** An error was thrown before a packet reached its handler. */
  failed(client: Client, error: unknown): void;
}

/** Passes the packets of a server's clients to the receiver. */
export function receivePackets(server: Server, receiver: PacketReceiver): void {
  listenToClients(server, (client) => new ClientPackets(client, receiver));
}

/** Checks what clients that request a namespace send with the CONNECT packet, and holds what follows it. */
export function receiveConnects(namespace: Namespace, receiver: PacketReceiver): void {
  const internals = namespace as unknown as NamespaceInternals; // typed private
  const add = internals._add;
  internals._add = (client, auth, done) => {
    const packets = packetsOf(client);
    const problem = payloadProblem([auth]);
    if (problem !== undefined) return packets?.refuseConnect(namespace.name, problem) ?? Promise.resolve();
    packets?.connectRequested(namespace.name);
    return add.call(namespace, client, auth, done).catch((error: unknown) => receiver.failed(client, error));
  };
}

/** Once a client is accepted: passes on the packets that it sent before, in their order. */
export function receiveEarlyPackets({ client, nsp }: Socket): void {
  packetsOf(client)?.receiveEarly(nsp.name);
}

/** Once a client is refused: drops the packets that it sent before. */
export function dropEarlyPackets({ client, nsp }: Socket): void {
  packetsOf(client)?.dropEarly(nsp.name);
}

/** Handles a packet as socket.io does, except for acknowledgements that {@link handleAck} takes. */
export function handlePacket({ connection: { socket }, packet }: ReceivedPacket): void {
  if (packet.type === PacketType.ACK && handleAck(socket, packet)) return;
  (socket as unknown as { _onpacket(packet: Packet): void })._onpacket(packet); // typed private
}

/** The packets of one client: passed on, held until a namespace has accepted the client, or dropped. */
class ClientPackets implements ClientListener, RatedClient {
  fullAt = 0;
  held: RatedClient['held'];
  /** The length of what was read for the packet that is being decoded. */
  #length = 0;
  /** Packets for namespaces that have neither accepted nor refused the client yet. */
  #early: Map<string, DecodedPacket[]> | undefined;
  #earlyCount = 0;
  #isPaused = false;
  /** The namespaces that the client has ever requested, up to a limit. */
  #requested: Set<string> | undefined;

  constructor(
    private readonly client: ListenedClient,
    private readonly receiver: PacketReceiver,
  ) {}

  onData(data: unknown): void {
    if (this.held) this.held.add(data);
    else this.decode(data);
  }

  decode(data: unknown): void {
    this.#length += lengthOf(data);
    this.client.decode(data);
  }

  dropped(reason: string): void {
    this.receiver.dropped(reason);
  }

  get conn(): Socket['conn'] {
    return this.client.conn;
  }

  get sockets(): Socket[] {
    return [...this.client.nsps.values()];
  }

  get wantsControl(): boolean {
    return this.receiver.rate !== undefined;
  }

  onControl(): void {
    this.receiver.rate?.take(this);
  }

  onPacket(packet: DecodedPacket): void {
    const length = this.#length;
    this.#length = 0;
    const name = this.client.conn.protocol === 3 ? pathOf(packet.nsp) : packet.nsp;
    const isRefused = this.#isRefused(name, packet);
    if (packet.type === PacketType.CONNECT || packet.type === PacketType.CONNECT_ERROR)
      return isRefused ? void this.refuseConnect(name, TOO_MANY_EVENTS) : this.client.handle(packet);
    if (length > this.receiver.uncheckedLength) checkPayload(packet);
    if (this.client.nsps.has(name)) return this.#receive(name, packet);
    const early = this.#early?.get(name);
    if (early) this.#holdEarly(early, packet);
    else if (this.#requested?.has(name)) this.receiver.dropped('not_connected');
    else this.client.handle(packet); // a protocol violation: socket.io closes the connection
  }

  /** Counts a packet, unless it is an acknowledgement that the server waits for. An event above the rate is marked. */
  #isRefused(name: string, packet: DecodedPacket): boolean {
    const { rate } = this.receiver;
    if (!rate || (packet.type === PacketType.ACK && isAckPending(this.client.nsps.get(name), packet)))
      return false;
    const verdict = rate.take(this);
    if (verdict === 'handle' || packet.type === PacketType.DISCONNECT) return false;
    packet.problem = TOO_MANY_EVENTS;
    packet.isToldQuietly = verdict === 'refuse quietly';
    packet.data = Array.isArray(packet.data) ? packet.data.slice(0, 1) : undefined;
    return true;
  }

  /** The client has sent a CONNECT packet. */
  connectRequested(name: string): void {
    const requested = (this.#requested ??= new Set());
    if (requested.size >= MAX_REQUESTED) requested.clear();
    requested.add(name);
    const early = (this.#early ??= new Map());
    if (!early.has(name)) early.set(name, []);
  }

  /** Refuses a client whose `auth` exceeds a limit. */
  refuseConnect(nsp: string, message: string): Promise<void> {
    const data = this.client.conn.protocol === 3 ? message : { message };
    this.client._packet({ type: PacketType.CONNECT_ERROR, nsp, data });
    this.receiver.dropped('payload');
    return Promise.resolve();
  }

  receiveEarly(name: string): void {
    for (const packet of this.#takeEarly(name)) this.#receive(name, packet);
  }

  dropEarly(name: string): void {
    for (const _ of this.#takeEarly(name)) this.receiver.dropped('refused');
  }

  #receive(name: string, packet: DecodedPacket): void {
    const socket = this.client.nsps.get(name);
    const connection = socket && connectionOf(socket);
    if (connection) this.receiver.receive({ connection, packet });
    else this.receiver.dropped('not_connected');
  }

  #holdEarly(early: DecodedPacket[], packet: DecodedPacket): void {
    early.push(packet);
    if (++this.#earlyCount < MAX_WAITING || this.#isPaused) return;
    this.#isPaused = true;
    pauseReading(this.client);
  }

  #takeEarly(name: string): readonly DecodedPacket[] {
    const early = this.#early?.get(name) ?? [];
    this.#early?.delete(name);
    this.#earlyCount -= early.length;
    if (this.#isPaused && this.#earlyCount < MAX_WAITING) {
      this.#isPaused = false;
      resumeReading(this.client);
    }
    return early;
  }
}

/** Sets `packet.problem` if the data exceeds a limit. Of the data, only an event's name is kept. */
function checkPayload(packet: Packet): void {
  const { data } = packet;
  const problem = payloadProblem(Array.isArray(data) ? data : [data]);
  if (problem === undefined) return;
  packet.problem = problem;
  packet.data = Array.isArray(data) ? data.slice(0, 1) : [];
}

function lengthOf(data: unknown): number {
  return typeof data === 'string' ? data.length : ((data as Partial<Buffer> | null)?.byteLength ?? Infinity);
}

/** The namespace without a query: clients of protocol 3 may append theirs, as in the CONNECT packet. */
function pathOf(namespace: string): string {
  return namespace === '/' ? namespace : new URL(namespace, 'https://socket.io').pathname;
}
