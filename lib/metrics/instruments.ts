import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Namespace, Server, Socket } from 'socket.io';
import { ANY } from '../common/constants.js';
import { isOpenedOnDemand } from '../socketio/namespace-internals.js';
import type { Observed, Observer } from '../dispatch/observer.js';
import type { FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import { METRICS, type PromClient } from './metrics.js';

/** What is measured of one application, in one registry. */
export class Instruments implements Observer {
  readonly #labels = new WeakMap<Namespace, string>();
  readonly #connections: Gauge;
  readonly #events: Counter;
  readonly #errors: Counter;
  readonly #durations: Histogram;
  readonly #bytes: Counter;
  readonly #dropped: Counter;
  readonly #queueUp: Gauge;
  /** What the queue had lost and refused when it was last looked at. */
  #queueCounts = { lost: 0, refused: 0 };

  constructor(
    { Counter, Gauge, Histogram }: PromClient,
    private readonly runtime: FlaskSocketRuntime,
    { registry, buckets }: { registry: Registry; buckets: readonly number[] },
  ) {
    const registers = [registry];
    const { connections, events, errors, durations, bytes, dropped, queueUp } = METRICS;
    this.#connections = new Gauge({ ...connections, registers, collect: () => this.#countConnections() });
    this.#events = new Counter({ ...events, registers });
    this.#errors = new Counter({ ...errors, registers });
    this.#durations = new Histogram({ ...durations, buckets: [...buckets], registers });
    this.#bytes = new Counter({ ...bytes, registers });
    this.#dropped = new Counter({ ...dropped, registers, collect: () => this.#countQueue() });
    this.#queueUp = new Gauge({ ...queueUp, registers, collect: () => this.#lookAtQueue() });
  }

  opened(server: Server): void {
    server.engine?.on('connection', (client) => {
      client.on('packet', this.#received);
      client.on('packetCreate', this.#sent);
    });
  }

  arrived(socket: Socket, event: string): void {
    this.#events.inc({ namespace: this.#labelOf(socket.nsp), event });
  }

  dropped(reason: string): void {
    this.#dropped.inc({ reason });
  }

  handled(observed: Observed, started: number): void {
    this.#durations.observe(this.#labelsOf(observed), (performance.now() - started) / 1000);
  }

  failed(observed: Observed): void {
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

  #lookAtQueue(): void {
    const { queue } = this.runtime.messageQueue;
    if (queue) this.#queueUp.set(queue.state === 'up' ? 1 : 0);
    else this.#queueUp.remove(); // it begins with 0, which would say that one is away
  }

  #countQueue(): void {
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

  /** The namespace as the code names it; clients may choose names only within patterns and `*`. */
  #labelOf(namespace: Namespace): string {
    const known = this.#labels.get(namespace);
    if (known !== undefined) return known;
    const { name } = namespace;
    const label = this.runtime.registry.servedAs(name) ?? (isOpenedOnDemand(namespace) ? ANY : name);
    this.#labels.set(namespace, label);
    return label;
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return (data as { byteLength?: number } | undefined)?.byteLength ?? 0;
}
