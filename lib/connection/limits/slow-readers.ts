import { AsyncResource } from 'node:async_hooks';
import type { Server } from 'socket.io';
import {
  addMissingRequest,
  type EngineConnection,
  terminateFor,
  terminateTransport,
} from '../../socketio/engine-internals.js';
import { type EnginePacket, leavesAtOnce, PendingBytes, unreadOf } from '../../socketio/pending-bytes.js';
import type { LimitReports } from './limit-reports.js';

/** How often clients that are behind are looked at, in milliseconds. */
const INTERVAL = 250;

/** How long a client may stay above the limit, in milliseconds: with the next look it is within two seconds. */
const PATIENCE = 1_400;

/** So many looks must have seen it: while the process was busy, nobody could read. */
const LOOKS = 3;

/** Above so many times the limit, a client is not given the time: memory is bounded also between two looks. */
const CEILING = 16;

/** Bytes of answers to probes that may wait: nothing else leaves before an upgrade. */
const MOST_PROBED = 16_384;

/** The reason that `@OnDisconnect()` is told. */
const REASON = 'slow reader';

/** A client for which something waits. */
interface Behind {
  readonly pending: PendingBytes;
  /** Since when it has been above the limit, and how often it was seen above it. */
  since: number;
  looks: number;
}

/** Disconnects clients that read too slowly for what they are sent: option `limits.pendingBytes`. */
export class SlowReaders {
  readonly #behind = new Map<EngineConnection, Behind>();
  /** A timer keeps the context that it is started in; here that would be the one of an event. */
  readonly #outside = new AsyncResource('SlowReaders', { requireManualDestroy: true });
  #looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: {
      limits: LimitReports;
      addressOf: (request: EngineConnection['request']) => string | undefined;
    },
  ) {}

  /** Watches the connections of a server. A packet that leaves at once costs one question. */
  watch({ engine }: { engine?: Server['engine'] }): void {
    if (!engine || this.#limit === Infinity) return; // without an HTTP server there are no clients
    const wait = (connection: EngineConnection, packet: EnginePacket) => this.#wait(connection, packet);
    const cut = (connection: EngineConnection, count: number) => this.#cut(connection, count);
    const packetCreated = function packetCreated(this: EngineConnection, packet: EnginePacket) {
      if (!leavesAtOnce(this)) wait(this, packet);
    };
    const probed = function probed(this: EngineConnection, transport: EngineConnection['transport']) {
      const unread = unreadOf(transport);
      if (unread <= MOST_PROBED) return;
      cut(this, unread);
      terminateTransport(transport);
    };
    engine.prependListener('connection', (connection: EngineConnection) => {
      connection.on('packetCreate', packetCreated);
      if (connection.transport.name === 'polling') connection.on('upgrading', probed);
    });
  }

  get #limit(): number {
    return this.parts.limits.limits.pendingBytes;
  }

  /** A packet has to wait. */
  #wait(connection: EngineConnection, packet: EnginePacket): void {
    let behind = this.#behind.get(connection);
    if (!behind) {
      behind = { pending: new PendingBytes(connection), since: 0, looks: 0 };
      this.#behind.set(connection, behind);
      this.#looking ??= this.#outside.runInAsyncScope(() => setInterval(this.#look, INTERVAL).unref());
    }
    const { pending } = behind;
    if (pending.count <= this.#limit) behind.looks = 0; // it has caught up since the last look
    pending.add(packet);
    if (pending.count > this.#limit * CEILING) this.#cutSoon(connection);
  }

  readonly #look = (): void => {
    for (const [connection, behind] of this.#behind) {
      if (connection.readyState === 'closed' || behind.pending.isEmpty) this.#forget(connection);
      else this.#judge(connection, behind);
    }
  };

  #judge(connection: EngineConnection, behind: Behind): void {
    const { count } = behind.pending;
    if (count <= this.#limit) behind.looks = 0;
    else if (++behind.looks === 1) behind.since = performance.now();
    else if (behind.looks >= LOOKS && performance.now() - behind.since >= PATIENCE)
      this.#cut(connection, count);
  }

  /** Nothing more is queued for the client from now on; its handlers run when who emits has ended. */
  #cutSoon(connection: EngineConnection): void {
    const count = this.#behind.get(connection)?.pending.count ?? 0;
    connection.readyState = 'closing';
    this.#outside.runInAsyncScope(() => process.nextTick(() => this.#cut(connection, count)));
  }

  #cut(connection: EngineConnection, count: number): void {
    if (connection.readyState === 'closed') return;
    addMissingRequest(connection);
    const message = `A client reads too slowly: ${count} bytes wait for it`;
    const address = this.parts.addressOf(connection.request) ?? 'unknown';
    const what = `${message}, and it is disconnected: address ${address}`;
    this.parts.limits.reached('pendingBytes', { by: connection, what });
    this.#behind.get(connection)?.pending.destroyResponses();
    this.#forget(connection);
    terminateFor(connection, REASON, new Error(message));
  }

  #forget(connection: EngineConnection): void {
    this.#behind.get(connection)?.pending.end();
    this.#behind.delete(connection);
    if (this.#behind.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }
}
