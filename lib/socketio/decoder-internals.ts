import type { Namespace, Server, Socket } from 'socket.io';
import { PacketType, TOO_MANY_EVENTS } from '../common/constants.js';
import { type PayloadLimits, type PayloadProblem, payloadProblem } from '../common/payload.js';
import { dropProto, mayHoldProto } from '../common/prototype-keys.js';
import type { Connection } from '../context/connection.js';
import { handleAck, isAckPending } from './acknowledgements.js';
import {
  FIRST_SLICE,
  listenerOf,
  listenToClients,
  namespaceOf,
  type ClientListener,
  type DecodedPacket,
  type ListenedClient,
  type PacketRate,
  type RatedClient,
} from './client-internals.js';
import { EarlyPackets } from './early-packets.js';
import { dropProtoParameter } from './engine-internals.js';
import { whenNamespaceIsOpen } from './namespace-internals.js';
import { checkPayload } from './packet-parser.js';
import { connectionOf, type Packet } from './socket-internals.js';

/* Private members of socket.io 4.8 between the decoder and a socket, all used here:
 * - Namespace._add(client, auth, done): called when a client requests a namespace, before anything asynchronous;
 * - Socket._onpacket(packet): handles a packet. socket.io does not catch its errors, which end the process.
 */

type Client = Socket['client'];
interface NamespaceInternals {
  _add(client: Client, auth: object, done?: (socket: Socket) => void): Promise<void>;
}

const packetsOf = (client: Client) => listenerOf(client) as ClientPackets | undefined; // no other is created

const INVALID_NAMESPACE = { message: 'Invalid namespace' }; // as socket.io has it, in protocol 3, too
const TOO_MANY_NAMESPACES = { message: 'Too many namespaces', limit: 'namespacesPerConnection' } as const;

/** A decoded packet and the connection that it belongs to. */
export interface ReceivedPacket {
  readonly connection: Connection;
  readonly packet: Packet;
}

/** Why a client is not let into a namespace, before the application is asked. */
export type ConnectProblem = PayloadProblem | typeof TOO_MANY_NAMESPACES;

/** Gets the packets of all clients when they are decoded. */
export interface PacketReceiver {
  /** Packets up to this length cannot exceed the payload limits, so that they are not checked. */
  readonly uncheckedLength: number;
  /** What limits the packets of each client, if anything does. */
  readonly rate: PacketRate | undefined;
  /** A packet has come for a connected client. */
  receive(received: ReceivedPacket): void;
  /** The limits of the data of a packet. */
  readonly payloadLimits: PayloadLimits;
  /** A packet was dropped. */
  dropped(reason: string): void;
  /** How many namespaces a client may be in, those included that are being decided about. */
  readonly mostNamespaces: number;
  /** A client is refused because its `auth` exceeds a limit, or because it is in too many namespaces. */
  connectRefused(client: Client, namespace: string, problem: ConnectProblem): void;
  /** An error was thrown before a packet reached its handler. */
  failed(client: Client, error: unknown): void;
}

/** Passes the packets of a server's clients to the receiver. */
export function receivePackets(server: Server, receiver: PacketReceiver): void {
  listenToClients(server, (client) => new ClientPackets(client, receiver));
}

/** Remembers who has requested a namespace, for late packets, and reports what fails in socket.io. */
export function receiveConnects(namespace: Namespace, receiver: PacketReceiver): void {
  const internals = namespace as unknown as NamespaceInternals; // typed private
  const add = internals._add.bind(namespace);
  internals._add = (client, auth, done) => {
    packetsOf(client)?.connectRequested(namespace.name);
    return add(client, auth, done).catch((error: unknown) => receiver.failed(client, error));
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

/** Handles a packet as socket.io does, except for acknowledgements that `handleAck()` takes. */
export function handlePacket({ connection: { socket }, packet }: ReceivedPacket): void {
  if (packet.type === PacketType.ACK && handleAck(socket, packet)) return;
  (socket as unknown as { _onpacket(packet: Packet): void })._onpacket(packet); // typed private
}

/** The packets of one client: passed on, held until a namespace has accepted the client, or dropped. */
class ClientPackets implements ClientListener, RatedClient {
  fullAt = 0;
  sliceFrom = 0;
  inSlice = 0;
  slice = FIRST_SLICE;
  held: RatedClient['held'];
  /** The length of what was read for the packet that is being decoded. */
  #length = 0;
  /** What was read for it may hold a key `__proto__`. */
  #mayHoldProto = false;
  /** Made with the first request; packets for namespaces that have neither accepted nor refused the client yet. */
  #early: EarlyPackets | undefined;
  /** How many requests for a namespace are being decided about. */
  #undecided = 0;
  /** Namespaces that are left before the next packet can be handled. */
  #leaving: Set<string> | undefined;

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
    this.#mayHoldProto ||= mayHoldProto(data);
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
    const isChecked = this.#length > this.receiver.uncheckedLength;
    const mayHold = this.#mayHoldProto || this.receiver.uncheckedLength === 0;
    this.#length = 0;
    this.#mayHoldProto = false;
    const name = namespaceOf(this.client, packet);
    const isRefused = this.#isRefused(name, packet);
    if (packet.type === PacketType.CONNECT || packet.type === PacketType.CONNECT_ERROR)
      return isRefused ? this.refuseConnect(name, TOO_MANY_EVENTS) : this.client.handle(packet);
    if (packet.type === PacketType.DISCONNECT) this.#leaves(name);
    if (isChecked) checkPayload(packet, this.receiver.payloadLimits);
    if (mayHold) dropProto(packet.data);
    if (this.client.nsps.has(name)) return this.#receive(name, packet);
    if (this.#early?.hold(name, packet)) return;
    if (this.#early?.isRemembered(name)) this.receiver.dropped('not_connected');
    else this.client.handle(packet); // a protocol violation: socket.io closes the connection
  }

  /** Counts a packet, unless it is an acknowledgement that the server waits for. An event above the rate is marked. */
  #isRefused(name: string, packet: DecodedPacket): boolean {
    const { rate } = this.receiver;
    if (!rate || (packet.type === PacketType.ACK && isAckPending(this.client.nsps.get(name), packet)))
      return false;
    const verdict = rate.take(this);
    if (verdict === 'handle' || packet.type === PacketType.DISCONNECT) return false;
    packet.problem = { message: TOO_MANY_EVENTS };
    packet.isToldQuietly = verdict === 'refuse quietly';
    packet.data = Array.isArray(packet.data) ? packet.data.slice(0, 1) : undefined;
    return true;
  }

  onConnect(name: string, auth: object): void {
    dropProtoParameter(this.client.conn);
    const problem = this.#connectProblem(auth);
    if (problem) {
      this.refuseConnect(name, problem.message);
      return this.receiver.connectRefused(this.client as unknown as Client, name, problem); // it is one
    }
    dropProto(auth);
    this.#undecided++;
    (this.#early ??= new EarlyPackets(this.client)).expect(name);
    whenNamespaceIsOpen(this.client.server, { name, auth }, (isOpen) => {
      if (isOpen) return this.client.enter(name, auth);
      this.dropEarly(name);
      this.client._packet({ type: PacketType.CONNECT_ERROR, nsp: name, data: INVALID_NAMESPACE });
    });
  }

  /** The application sees neither data above the limits nor a request for one namespace too many. */
  #connectProblem(auth: object): ConnectProblem | undefined {
    const { mostNamespaces, payloadLimits } = this.receiver;
    const count = this.client.sockets.size + this.#undecided - (this.#leaving?.size ?? 0);
    if (count >= mostNamespaces) return TOO_MANY_NAMESPACES;
    return payloadProblem([auth], payloadLimits);
  }

  /** It is handled in the next tick, and a CONNECT packet that follows at once must not find its place taken. */
  #leaves(name: string): void {
    if (!this.client.nsps.has(name)) return;
    if (!this.#leaving) process.nextTick(() => process.nextTick(() => (this.#leaving = undefined)));
    (this.#leaving ??= new Set()).add(name);
  }

  connectRequested(name: string): void {
    this.#early?.remember(name);
  }

  /** Refuses a client that has sent a CONNECT packet. */
  refuseConnect(nsp: string, message: string): void {
    const data = this.client.conn.protocol === 3 ? message : { message };
    this.client._packet({ type: PacketType.CONNECT_ERROR, nsp, data });
    if (message === TOO_MANY_EVENTS) this.receiver.dropped('rate_limited');
  }

  receiveEarly(name: string): void {
    for (const packet of this.#decided(name)) this.#receive(name, packet);
  }

  dropEarly(name: string): void {
    for (const _ of this.#decided(name)) this.receiver.dropped('refused');
  }

  #receive(name: string, packet: DecodedPacket): void {
    const socket = this.client.nsps.get(name);
    const connection = socket && connectionOf(socket);
    if (connection) this.receiver.receive({ connection, packet });
    else this.receiver.dropped('not_connected');
  }

  #decided(name: string): readonly DecodedPacket[] {
    this.#undecided--;
    return this.#early?.take(name) ?? [];
  }
}

function lengthOf(data: unknown): number {
  return typeof data === 'string' ? data.length : ((data as Partial<Buffer> | null)?.byteLength ?? Infinity);
}
