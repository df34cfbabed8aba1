import type { QueueState } from '../queue/queue.js';
import type { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** The state of a server. */
export interface Health {
  /**
   * `up`: the server works. `degraded`: the message queue is away, so clients of other processes are not reached. `down`:
   * the server is not created yet or is stopping, so no new client can connect. Without an HTTP server there are no clients,
   * and the message queue alone decides.
   */
  status: 'up' | 'degraded' | 'down';
  /** Whether the server is stopping: it waits for running handlers and accepts no new client. */
  draining: boolean;
  /** The number of clients of this process. A client in several namespaces counts once. */
  connections: number;
  /** The message queue, if option `messageQueue` names one by its URL. */
  queue?: QueueHealth;
}

/** The state of a message queue. */
export interface QueueHealth {
  /** The URL of the broker, without its password. */
  name: string;
  /** `connecting` until the first connection to the broker, then `up`, or `away` after the connection was lost. */
  state: QueueState;
  /** The broker refuses the user and password of the URL, so waiting does not help. */
  loginRefused?: true;
  /** The number of messages that could not be published since the start. */
  lost: number;
  /** The number of received messages that were refused: damaged, too large, or not signed with `queueSecret`. */
  refused: number;
}

/** The present state of an application's server. */
export function healthOf({ host, draining, messageQueue }: FlaskSocketRuntime): Health {
  const { queue } = messageQueue;
  const connections = host.existing?.engine?.clientsCount ?? 0;
  if (!queue) return { status: host.existing && !draining ? 'up' : 'down', draining, connections };
  const { name, state, isLoginRefused, counts } = queue;
  const queueStatus = state === 'up' ? 'up' : 'degraded';
  const status = host.existing && !draining ? queueStatus : 'down';
  return {
    status,
    draining,
    connections,
    queue: { name, state, ...(isLoginRefused && { loginRefused: true }), ...counts },
  };
}
