import type { EmitFlags, Recipients } from '../common/address.js';
import { LONGEST_TIMER } from '../common/constants.js';
import { failure } from '../common/errors.js';
import { SILENT } from '../common/logger.js';
import { checkConcreteNamespace } from '../common/namespace.js';
import { DEFAULTS } from '../common/options.js';
import { positiveNumber, CHECKS, checkAll, definedOptions, type Check } from '../common/validate-options.js';
import type { QueueOptions } from '../queue/queue.js';

/** Where an emitter's messages go: the URL of a broker, or an object with the servers' protocol, too. */
export type EmitterQueue =
  | string
  | {
      /** The URL of the broker. */
      url: string;
      /** `flask-socketio`: the servers are Flask-SocketIO's (or share a queue with such). Default: `socket.io`. */
      protocol?: 'socket.io' | 'flask-socketio';
    };

/** The options of {@link createEmitter}: those of the servers on the same queue. */
export interface EmitterOptions {
  /** The prefix of everything on the message queue, as the servers have it. Default: `flask-socketio`. */
  channel?: string;
  /** The namespace of calls that name none. Default: `/`. */
  namespace?: string;
  /** Signs what is sent, for servers with option `queueSecret`. Default: no signatures. */
  queueSecret?: string;
  /** Milliseconds after which a call that the broker has not taken is rejected. Default: 5,000. */
  timeout?: number;
}

/** The options of an emitter's `emit`. */
export interface EmitterEmitOptions extends Omit<Recipients, 'includeSelf' | 'broadcast'>, EmitFlags {
  /** Everybody in the namespace: so it is without it, too. `to` wins. */
  broadcast?: boolean;
  /**
   * Not here: it throws `FSK_EMITTER_CALLBACK`.
   * @see docs/getting-started.md#asking-the-client
   */
  callback?: never;
}

/** The options of an emitter's `send`. */
export interface EmitterSendOptions extends EmitterEmitOptions {
  /** Send a `json` event instead of a `message` event. Default: false. */
  json?: boolean;
}

/** A client, named by its id in a namespace. */
export interface EmitterClient {
  /** The client's id in the namespace. */
  sid: string;
  /** Default: the emitter's. */
  namespace?: string;
}

/** How long the broker may take to accept a message, in milliseconds. */
const TIMEOUT = 5_000;

/** The resolved options of an emitter. */
export interface EmitterSetup {
  queue: QueueOptions;
  namespace: string | undefined;
  timeout: number;
}

const EMITTER_CHECKS: Record<keyof EmitterOptions, Check> = {
  channel: CHECKS.channel,
  queueSecret: CHECKS.queueSecret,
  namespace: (value) => void checkConcreteNamespace(value, 'option "namespace" of an emitter'),
  timeout: (value) =>
    positiveNumber(value) ?? (Number(value) > LONGEST_TIMER ? `must be at most ${LONGEST_TIMER}` : undefined),
};

/** The options with their defaults. Throws an error that names `owner`, the function that got them. */
export function resolveEmitter(queue: EmitterQueue, options: EmitterOptions, owner: string): EmitterSetup {
  checkQueue(queue, owner);
  const chosen = definedOptions(options);
  checkAll(chosen, EMITTER_CHECKS, owner);
  const { channel = DEFAULTS.channel, queueSecret: secret, namespace, timeout = TIMEOUT } = chosen;
  const address = typeof queue === 'string' ? { url: queue } : queue;
  return { queue: { ...address, channel, secret, logger: SILENT }, namespace, timeout };
}

/** Accepts what a server does, except for an adapter factory. */
function checkQueue(queue: unknown, owner: string): void {
  const problem =
    typeof queue === 'function'
      ? "must be the URL of a broker like 'redis://localhost': an adapter cannot emit without a server"
      : CHECKS.messageQueue(queue);
  if (problem) throw failure('FSK_INVALID_OPTION', 'messageQueue', problem, owner);
}
