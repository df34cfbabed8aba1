import type { Server, Socket } from 'socket.io';
import type { LimitName } from '../common/limits.js';
import { isThenable } from '../common/thenable.js';
import type { SocketRequest } from '../context/socket-request.js';
import type { Handler } from '../handlers/handler.js';

/** A handler that runs or has run, and its event. */
export interface Observed {
  readonly request: SocketRequest;
  readonly handler: Handler;
}

/** Observes a server for metrics. Without one nothing is measured. */
export interface Observer {
  serverCreated(server: Server): void;
  /** An event was received. `name` is `*` for a catch-all handler, `unknown` without a handler: clients choose names. */
  eventReceived(socket: Socket, name: string): void;
  /** An event or packet was dropped. */
  eventDropped(reason: string): void;
  /** A limit of option `limits` acted. */
  limitReached(limit: LimitName): void;
  /** A handler ended, with or without an error; `started` comes from `performance.now()`. */
  handlerEnded(observed: Observed, started: number): void;
  /** A handler, or an enhancer or the session around it, threw. */
  handlerFailed(observed: Observed): void;
}

export function runObserved(
  observer: Observer,
  observed: Observed,
  run: () => void | Promise<void>,
): void | Promise<void> {
  const started = performance.now();
  const running = run();
  const notify = () => notifyEnded(observer, observed, started);
  if (isThenable(running)) void running.then(notify);
  else notify();
  return running;
}

/** An error of the observer must not reach the handler. */
function notifyEnded(observer: Observer, observed: Observed, started: number): void {
  try {
    observer.handlerEnded(observed, started);
  } catch {
    // a metric is missing
  }
}
