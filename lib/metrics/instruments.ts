import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Namespace, Server, Socket } from 'socket.io';
import { ANY } from '../common/constants.js';
import type { Observed, Observer } from '../dispatch/observer.js';
import type { LimitName } from '../common/limits.js';
import type { FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import { isDynamicNamespace } from '../socketio/namespace-internals.js';

export type PromClient = typeof import('prom-client');

/** In seconds. A handler that only acknowledges takes some hundredths of a millisecond. */
export const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** The metrics. Values of labels come from the application's code, never from clients, so their number is bounded. */
export const METRICS = {
  connections: {
    name: 'flask_socket_connections',
    help: 'Clients that are connected, by namespace.',
    labelNames: ['namespace'],
  },
  events: {
    name: 'flask_socket_events_total',
    help: 'Events that arrived from clients, by namespace and handler.',
    labelNames: ['namespace', 'event'],
  },
  errors: {
    name: 'flask_socket_errors_total',
    help: 'Handlers that failed, by namespace and handler.',
    labelNames: ['namespace', 'event'],
  },
  durations: {
    name: 'flask_socket_handler_duration_seconds',
    help: 'How long handlers took, by namespace and handler.',
    labelNames: ['namespace', 'event'],
  },
  bytes: {
    name: 'flask_socket_bytes_total',
    help: 'Bytes of packets received from and sent to clients, before compression.',
    labelNames: ['direction'],
  },
  dropped: {
    name: 'flask_socket_dropped_total',
    help: 'Events and messages that were thrown away, by reason.',
    labelNames: ['reason'],
  },
  limits: {
    name: 'flask_socket_limits_total',
    help: 'How often each limit of option limits acted.',
    labelNames: ['limit'],
  },
  queueUp: {
    name: 'flask_socket_queue_up',
    help: 'Whether the message queue is connected: 1 or 0.',
    aggregator: 'min', // of several workers
  },
} as const;

/** The metrics of one application in one registry. */
export class Instruments implements Observer {
  readonly #labels = new WeakMap<Namespace, string>();
  readonly #connections: Gauge;
  readonly #events: Counter;
  readonly #errors: Counter;
  readonly #durations: Histogram;
  readonly #bytes: Counter;
  readonly #dropped: Counter;
  readonly #limits: Counter;
  readonly #queueUp: Gauge;
  /** The queue's counts at the last scrape. */
  #queueCounts = { lost: 0, refused: 0 };

  constructor(
    { Counter, Gauge, Histogram }: PromClient,
    private readonly runtime: FlaskSocketRuntime,
    { registry, buckets }: { registry: Registry; buckets: readonly number[] },
  ) {
    const registers = [registry];
    const { connections, events, errors, durations, bytes, dropped, limits, queueUp } = METRICS;
    this.#connections = new Gauge({ ...connections, registers, collect: () => this.#countConnections() });
    this.#events = new Counter({ ...events, registers });
    this.#errors = new Counter({ ...errors, registers });
    this.#durations = new Histogram({ ...durations, buckets: [...buckets], registers });
    this.#bytes = new Counter({ ...bytes, registers });
    this.#dropped = new Counter({ ...dropped, registers, collect: () => this.#countQueueDrops() });
    this.#limits = new Counter({ ...limits, registers });
    this.#queueUp = new Gauge({ ...queueUp, registers, collect: () => this.#measureQueueUp() });
  }

  serverCreated(server: Server): void {
    server.engine?.on('connection', (client) => {
      client.on('packet', this.#received);
      client.on('packetCreate', this.#sent);
    });
  }

  eventReceived(socket: Socket, event: string): void {
    this.#events.inc({ namespace: this.#labelOf(socket.nsp), event });
  }

  eventDropped(reason: string): void {
    this.#dropped.inc({ reason });
  }

  limitReached(limit: LimitName): void {
    this.#limits.inc({ limit });
  }

  handlerEnded(observed: Observed, started: number): void {
    this.#durations.observe(this.#labelsOf(observed), (performance.now() - started) / 1000);
  }

  handlerFailed(observed: Observed): void {
    this.#errors.inc(this.#labelsOf(observed));
  }

  readonly #received = ({ data }: { data?: unknown }) => {
    this.#bytes.inc({ direction: 'received' }, sizeOf(data));
  };

  readonly #sent = ({ data }: { data?: unknown }) => {
    this.#bytes.inc({ direction: 'sent' }, sizeOf(data));
  };

  #countConnections(): void {
    this.#connections.reset();
    for (const namespace of this.runtime.host.existing?._nsps.values() ?? []) {
      this.#connections.inc({ namespace: this.#labelOf(namespace) }, namespace.sockets.size);
    }
  }

  #measureQueueUp(): void {
    const { queue } = this.runtime.messageQueue;
    if (queue) this.#queueUp.set(queue.state === 'up' ? 1 : 0);
    else this.#queueUp.remove(); // its initial 0 would mean that a queue is disconnected
  }

  #countQueueDrops(): void {
    const { queue } = this.runtime.messageQueue;
    if (!queue) return;
    const { lost, refused } = queue.counts;
    this.#dropped.inc({ reason: 'queue_lost' }, lost - this.#queueCounts.lost);
    this.#dropped.inc({ reason: 'queue_refused' }, refused - this.#queueCounts.refused);
    this.#queueCounts = { lost, refused };
  }

  #labelsOf({ request, handler }: Observed): { namespace: string; event: string } {
    const { message } = request.event;
    const event = handler.catchAll ? ANY : (message ?? 'callback');
    return { namespace: this.#labelOf(request.connection.socket.nsp), event };
  }

  /** The namespace as the code names it: clients choose the names within patterns and `*`. */
  #labelOf(namespace: Namespace): string {
    const known = this.#labels.get(namespace);
    if (known !== undefined) return known;
    const { name } = namespace;
    const label =
      this.runtime.registry.registeredNameOf(name) ?? (isDynamicNamespace(namespace) ? ANY : name);
    this.#labels.set(namespace, label);
    return label;
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return (data as { byteLength?: number } | undefined)?.byteLength ?? 0;
}
