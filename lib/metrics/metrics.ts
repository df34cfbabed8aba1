/** The package that keeps the figures; loaded only where the metrics module is used. */
export type PromClient = typeof import('prom-client');

/** Seconds; a handler that only answers takes some hundredths of a millisecond. */
export const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** What is measured. Labels take their values from the application's code, never from what clients send. */
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
  queueUp: {
    name: 'flask_socket_queue_up',
    help: 'Whether the message queue is connected: 1 or 0.',
    aggregator: 'min', // of several workers
  },
} as const;
