import type { Server, Socket } from 'socket.io';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Handler } from '../handlers/handler.js';

/** What runs or has run. */
export interface Observed {
  readonly request: SocketRequest;
  readonly handler: Handler;
}

/** Watches a server, for metrics. Most applications have none, and what it would be told is not even computed. */
export interface Observer {
  /** The server has been made. */
  opened(server: Server): void;
  /** An event has arrived; `name` is that of its handler, `*` or `unknown` where the client's could be anything. */
  arrived(socket: Socket, name: string): void;
  /** Something is thrown away. */
  dropped(reason: string): void;
  /** A handler has ended, whatever came of it; `started` is on the clock of `performance.now()`. */
  handled(observed: Observed, started: number): void;
  /** A handler failed, or what it goes through. */
  failed(observed: Observed): void;
}

/** Runs a handler and tells the observer when it is over. */
export function watched(
  observer: Observer,
  observed: Observed,
  run: () => void | Promise<void>,
): void | Promise<void> {
  const started = performance.now();
  const running = run();
  const over = () => tell(observer, observed, started);
  if (isThenable(running)) void running.then(over);
  else over();
  return running;
}

/** Who watches changes nothing: what it throws least of all. */
function tell(observer: Observer, observed: Observed, started: number): void {
  try {
    observer.handled(observed, started);
  } catch {
    // a metric is missing
  }
}
