import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6, Socket } from 'node:net';
import type { EngineConnection } from '../../socketio/engine-internals.js';
import type { HandshakeRefusal } from '../../socketio/handshake-requests.js';
import type { LimitReports } from './limit-reports.js';

const ADDRESS: unique symbol = Symbol('nestjs-flask-socket address');
type Addressed = EngineConnection & { [ADDRESS]?: string | undefined };

/** When a client may try again, in seconds, if connections are not limited in their time to connect. */
const RETRY_AFTER = 10;

const TRUST_PROXY =
  ' It is a private address, and the requests say that they were forwarded: if it is a proxy, make the platform ' +
  'trust it ("trust proxy" of Express, trustProxy of Fastify), or all clients behind it count as one';

/** How many connections each address has, and how many of them wait for a namespace. */
export class Addresses {
  readonly #waiting = new Counter();
  readonly #connections = new Counter();
  /** Requests that may become connections. */
  readonly #entered = new WeakMap<IncomingMessage, string>();

  constructor(
    private readonly reports: Pick<LimitReports, 'limits' | 'reached'>,
    private readonly addressOf: (request: IncomingMessage) => string | undefined,
  ) {}

  /** Whether any connection is counted. */
  get isOn(): boolean {
    const { connectionsPerAddress, handshakesPerAddress } = this.reports.limits;
    return connectionsPerAddress !== Infinity || handshakesPerAddress !== Infinity;
  }

  /** A client wants a connection: it counts from now on, or is refused. */
  enter(request: IncomingMessage): HandshakeRefusal | undefined {
    const address = this.of(request);
    if (address === undefined) return undefined;
    const { connectionsPerAddress, handshakesPerAddress } = this.reports.limits;
    if (this.#connections.of(address) >= connectionsPerAddress)
      return this.#refuse('connectionsPerAddress', address, request);
    if (this.#waiting.of(address) >= handshakesPerAddress)
      return this.#refuse('handshakesPerAddress', address, request);
    this.#add(address);
    this.#entered.set(request, address);
    return undefined;
  }

  /** Nothing has come of a client's request. */
  ended(request: IncomingMessage): void {
    const address = this.#leave(request);
    if (address === undefined) return;
    this.#waiting.remove(address);
    this.#connections.remove(address);
  }

  /** A connection has been opened. Returns its address, which counts as waiting. */
  opened(connection: Addressed): string | undefined {
    const { request } = connection;
    if (!request) return undefined; // over WebTransport
    const entered = this.#leave(request);
    const address = entered ?? this.of(request);
    if (address === undefined) return undefined;
    if (entered === undefined) this.#add(address);
    connection[ADDRESS] = address;
    return address;
  }

  /** A connection waits for a namespace again. */
  waits(address: string | undefined): void {
    if (address !== undefined) this.#waiting.add(address);
  }

  /** A connection no longer waits for a namespace. */
  connects(address: string | undefined): void {
    if (address !== undefined) this.#waiting.remove(address);
  }

  /** A connection has ended; one that waited has been told with {@link connects}. */
  closed(connection: Addressed): void {
    const address = connection[ADDRESS];
    connection[ADDRESS] = undefined;
    if (address !== undefined) this.#connections.remove(address);
  }

  /** The address that a connection was opened from. */
  ofConnection(connection: Addressed): string | undefined {
    return connection[ADDRESS];
  }

  /** The address that a client counts for, if it has one: that which the platform trusts. */
  of(request: IncomingMessage): string | undefined {
    if (!(request.socket instanceof Socket)) return undefined; // a test client, in the process
    const peer = request.socket.remoteAddress;
    return networkOf(this.#trusted(request) ?? '') ?? networkOf(peer ?? '');
  }

  /** How many addresses are known of. */
  get size(): number {
    return this.#connections.size;
  }

  #add(address: string): void {
    this.#waiting.add(address);
    this.#connections.add(address);
  }

  #trusted(request: IncomingMessage): string | undefined {
    try {
      return this.addressOf(request);
    } catch {
      return undefined; // a function of the application that says which proxies to trust
    }
  }

  #leave(request: IncomingMessage): string | undefined {
    const address = this.#entered.get(request);
    this.#entered.delete(request);
    return address;
  }

  #refuse(
    limit: 'connectionsPerAddress' | 'handshakesPerAddress',
    address: string,
    request: IncomingMessage,
  ): HandshakeRefusal {
    const { connectTimeout } = this.reports.limits;
    const advice = isUntrustedProxy(request, address) ? TRUST_PROXY : '';
    this.reports.reached(limit, {
      by: address,
      what: `Too many connections from ${address}, a client is refused with 429.${advice}`,
    });
    const retryAfter = Number.isFinite(connectTimeout) ? Math.ceil(connectTimeout / 1_000) : RETRY_AFTER;
    return { message: 'Too many connections from this address', retryAfter };
  }
}

/** Counts by text; what is zero is forgotten. */
class Counter {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: string): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/** What an address counts as: an IPv4 address is itself, of IPv6 it is the /64 that one customer gets. */
export function networkOf(text: string): string | undefined {
  const address = text.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  if (isIP(address) === 0) return undefined;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped) return mapped;
  return isIPv6(address) ? `${prefixOf(address)}::/64` : address;
}

/** The first four of the eight groups; a zone (`%eth0`) belongs to the last one. */
function prefixOf(address: string): string {
  const [head = '', tail] = address.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - groupsIn(tail);
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail ?? '').split(':')];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':');
}

/** An IPv4 address at the end is two groups. */
function groupsIn(tail: string): number {
  return tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
}

/** Whether a private peer forwards requests of others, and the platform takes it for the client. */
function isUntrustedProxy({ headers, socket }: IncomingMessage, address: string): boolean {
  const peer = networkOf(socket.remoteAddress ?? '');
  const isForwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined;
  return isForwarded && peer === address && PRIVATE.test(address);
}

const PRIVATE = /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|0:0:0:0::|f[cd]|fe[89ab])/;
