import type { Server, Socket } from 'socket.io';
import { LONGEST_TIMER } from '../../common/constants.js';
import { EarlyData, MOST_EARLY_BYTES } from '../../socketio/early-data.js';
import { type EngineConnection, refuseConnection } from '../../socketio/engine-internals.js';
import { guardHandshakes } from '../../socketio/handshake-requests.js';
import { hasNamespaces } from '../../socketio/socket-internals.js';
import type { Addresses } from './addresses.js';
import type { LimitReports } from './limit-reports.js';

/** socket.io's own time-out, out of the way: it would also end a client that waits for a slow `@OnConnect()`. */
export const SOCKET_IO_TIMER_OFF = LONGEST_TIMER;

/** The sweeps are at least so far apart, in milliseconds. */
const SHORTEST_SWEEP = 20;

/** A connection that is in no namespace, and has asked for none. */
interface Waiting {
  readonly since: number;
  readonly address: string | undefined;
}

/**
 * The connections that wait for a namespace: from the handshake to the CONNECT packet, and again after a refusal or
 * after the last namespace was left. How long they may wait, and what they may send meanwhile, is limited.
 */
export class Handshakes {
  /** Those that have waited longest come first. */
  readonly #waiting = new Map<EngineConnection, Waiting>();
  #early: EarlyData | undefined;
  #server: Server | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: {
      reports: Pick<LimitReports, 'limits' | 'reached'>;
      addresses: Addresses;
    },
  ) {}

  /** Follows the connections of a server, if there is a limit for them. */
  install(server: Server): void {
    const { addresses, reports } = this.parts;
    const isTimed = reports.limits.connectTimeout !== Infinity;
    if (!server.engine || (!isTimed && !addresses.isOn)) return;
    this.#server = server;
    if (isTimed) this.#early = new EarlyData(server, this.#refuseData);
    if (addresses.isOn) guardHandshakes(server.engine, addresses);
    const closed = this.#closed.bind(this);
    const onClose = function onClose(this: EngineConnection, _reason: string, error: unknown) {
      closed(this, error);
    };
    server.engine.prependListener('connection', (connection: EngineConnection) => {
      connection.on('close', onClose);
      this.#wait(connection, addresses.isOn ? addresses.opened(connection) : undefined);
    });
  }

  /** A client has asked for a namespace. */
  asked({ conn }: Socket['client']): void {
    this.#stopWaiting(conn);
  }

  /** A namespace has refused a client, or a client has left one. */
  left(client: Socket['client']): void {
    const { conn } = client;
    if (!this.#server || conn.readyState !== 'open' || this.#waiting.has(conn) || hasNamespaces(client))
      return;
    const address = this.parts.addresses.ofConnection(conn);
    this.parts.addresses.waits(address);
    this.#wait(conn, address);
  }

  /** How many connections wait. */
  get size(): number {
    return this.#waiting.size;
  }

  #wait(connection: EngineConnection, address: string | undefined): void {
    this.#waiting.set(connection, { since: performance.now(), address });
    this.#early?.watch(connection);
    this.#planSweep();
  }

  #stopWaiting(connection: EngineConnection): Waiting | undefined {
    const waiting = this.#waiting.get(connection);
    if (!waiting) return undefined;
    this.#waiting.delete(connection);
    this.#early?.unwatch(connection);
    this.parts.addresses.connects(waiting.address);
    return waiting;
  }

  #closed(connection: EngineConnection, error: unknown): void {
    const waiting = this.#stopWaiting(connection);
    this.parts.addresses.closed(connection);
    if (waiting && isTooLarge(error)) this.#report(`sent more than ${MOST_EARLY_BYTES} bytes`, waiting);
  }

  /** One timer for all: it is due when the one that has waited longest has waited too long. */
  #planSweep(): void {
    const [first] = this.#waiting.values();
    if (this.#sweep || !first || this.#timeout === Infinity) return;
    const due = Math.min(first.since + this.#timeout - performance.now(), LONGEST_TIMER);
    this.#sweep = setTimeout(
      () => {
        this.#sweep = undefined;
        this.#endLate();
        this.#planSweep();
      },
      Math.max(due, SHORTEST_SWEEP),
    ).unref();
  }

  #endLate(): void {
    const latest = performance.now() - this.#timeout;
    for (const [connection, waiting] of this.#waiting) {
      if (waiting.since > latest) return;
      this.#refuse(connection, 'Connect timeout', `asked for no namespace in ${this.#timeout} ms`);
    }
  }

  /** A time-out of socket.io's, given with option `server`, is served by socket.io. */
  get #timeout(): number {
    const isOurs = this.#server?.connectTimeout() === SOCKET_IO_TIMER_OFF;
    return isOurs ? this.parts.reports.limits.connectTimeout : Infinity;
  }

  readonly #refuseData = (connection: EngineConnection, problem: string): void =>
    this.#refuse(connection, 'Too much data before a namespace was asked for', `sent ${problem}`);

  #refuse(connection: EngineConnection, message: string, what: string): void {
    const waiting = this.#stopWaiting(connection);
    if (!waiting || !this.#server) return;
    this.#report(what, waiting);
    refuseConnection(this.#server, connection, message);
  }

  #report(what: string, { address }: Waiting): void {
    this.parts.reports.reached('connectTimeout', {
      by: address ?? 'unknown',
      what: `A client${address === undefined ? '' : ` from ${address}`} ${what} before it connected to a namespace: disconnected`,
    });
  }
}

/** ws and polling have the same words for it. */
function isTooLarge(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Max payload size exceeded');
}
