import type { QueueState } from '../queue/queue.js';
import type { FlaskSocketRuntime } from './flask-socket.runtime.js';

/** How a server is. */
export interface Health {
  /**
   * `up`; `degraded`: the message queue is not there, and clients of other processes are not reached; `down`: no new
   * client gets in, because the server is not made yet, or is stopping. Where there is no HTTP server, and so no
   * client to let in, the message queue alone decides.
   */
  status: 'up' | 'degraded' | 'down';
  /** Whether it is stopping: what runs may end, nothing new begins. */
  draining: boolean;
  /** The clients of this process, by connection; each may be in several namespaces. */
  connections: number;
  /** The message queue; absent where option `messageQueue` names none by URL. */
  queue?: QueueHealth;
}

/** How a message queue is. */
export interface QueueHealth {
  /** The URL of the broker, without its password. */
  name: string;
  /** `connecting` until the broker was there once, `away` when it is gone again. */
  state: QueueState;
  /** The broker is there, and does not take the user and password of the URL: it will not come back by itself. */
  loginRefused?: true;
  /** How many messages were not published since the start. */
  lost: number;
  /** How many that arrived were refused: damaged, too large, or not signed with `queueSecret`. */
  refused: number;
}

/** How the server of an application is, now. */
export function healthOf({ host, draining, messageQueue }: FlaskSocketRuntime): Health {
  const { queue } = messageQueue;
  const connections = host.existing?.engine?.clientsCount ?? 0;
  if (!queue) return { status: host.existing && !draining ? 'up' : 'down', draining, connections };
  const { name, state, isLoginRefused: isRefused, counts } = queue;
  const working = state === 'up' ? 'up' : 'degraded';
  const status = host.existing && !draining ? working : 'down';
  return {
    status,
    draining,
    connections,
    queue: { name, state, ...(isRefused && { loginRefused: true }), ...counts },
  };
}
