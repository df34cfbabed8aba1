import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ServerOptions } from 'socket.io';
import { INTERNAL_ERROR, RECOVERY_WINDOW } from '../common/constants.js';
import { resolveLimits, type ResolvedLimits } from '../common/limits.js';
import { type FlaskSocketLogger, GuardedLog, SILENT } from '../common/logger.js';
import { type FlaskSocketOptions, recoveryOf, type ResolvedOptions } from '../common/options.js';
import { guarded } from '../common/thenable.js';
import { definedOptions, resolveOptions } from '../common/validate-options.js';
import type { OriginPolicy } from '../connection/origin-policy.js';
import type { Engine } from '../socketio/engine.js';
import { parserOf } from '../socketio/packet-parser.js';

type AllowRequest = NonNullable<ServerOptions['allowRequest']>;

/** Our options as socket.io's. Options of Nest's own gateways (`gateway`) come first, option `server` wins. */
export function serverOptions(
  options: ResolvedOptions,
  {
    engine,
    policy,
    isStopping,
    openSession,
  }: { engine: Engine; policy: OriginPolicy; isStopping: () => boolean; openSession: AllowRequest },
  gateway: Partial<ServerOptions> = {},
): Partial<ServerOptions> {
  const raw = options.server ?? {};
  return {
    ...gateway,
    path: options.path,
    transports: [...options.transports],
    allowUpgrades: options.allowUpgrades,
    allowEIO3: options.allowEIO3,
    pingInterval: options.pingInterval,
    pingTimeout: options.pingTimeout,
    maxHttpBufferSize: options.maxHttpBufferSize,
    httpCompression: options.httpCompression ? { threshold: options.compressionThreshold } : false,
    cookie: typeof options.cookie === 'string' ? { name: options.cookie } : options.cookie,
    parser: parserOf(options),
    wsEngine: engine.Server as never, // typed as a string by engine.io
    cors: policy.hasForeignOrigins ? (policy.cors as ServerOptions['cors']) : undefined,
    ...raw,
    ...recoveryFor(options),
    allowRequest: everyOf([
      (_request, decide) => decide(isStopping() ? 'Server is shutting down' : null, !isStopping()),
      ...(raw.cors === undefined ? [policy.allowRequest] : []),
      openSession,
      ...(raw.allowRequest ? [survivable(raw.allowRequest, policy)] : []),
    ]),
  };
}

/** Nothing, unless it is on: socket.io looks whether the option is there. */
function recoveryFor(options: ResolvedOptions): Partial<ServerOptions> {
  const recovery = recoveryOf(options);
  if (!recovery) return {};
  const { maxDisconnectionDuration = RECOVERY_WINDOW } = recovery;
  // `skipMiddlewares` is done by `recovery`, after the client has proved its identity.
  return { connectionStateRecovery: { maxDisconnectionDuration, skipMiddlewares: false } };
}

/** A check of the application's own: what it throws, now or later, refuses the client. */
function survivable(check: AllowRequest, policy: OriginPolicy): AllowRequest {
  return (request, decide) => {
    let decided = false;
    const once: typeof decide = (...verdict) => {
      if (decided) return;
      decided = true;
      decide(...verdict);
    };
    const failed = (thrown: unknown) => {
      policy.logCheckError('server.allowRequest', thrown);
      once(INTERNAL_ERROR, false);
    };
    void guarded<unknown>(() => check(request, once), failed);
  };
}

/** Allows a request if all functions allow it, called one after the other. */
function everyOf([first, ...rest]: readonly AllowRequest[]): AllowRequest {
  return (request, decide) => {
    if (!first) return decide(null, true);
    first(request, (error, success) => (success ? everyOf(rest)(request, decide) : decide(error, false)));
  };
}

/** Where the module finds the options that the application gave. */
export const FLASK_SOCKET_OPTIONS = Symbol('FLASK_SOCKET_OPTIONS');

/** The options of an application: `forRoot()`, then `run()`. */
@Injectable()
export class FlaskSocketConfig {
  #given: FlaskSocketOptions;
  #resolved: ResolvedOptions;
  #limits: ResolvedLimits;

  constructor(@Inject(FLASK_SOCKET_OPTIONS) options: FlaskSocketOptions | undefined) {
    this.#given = options ?? {};
    this.#resolved = resolveOptions(this.#given);
    this.#limits = resolveLimits(this.#resolved.limits);
  }

  /** Option `limits`, defaults filled in. */
  get limits(): ResolvedLimits {
    return this.#limits;
  }

  /** The options, defaults filled in. */
  get options(): ResolvedOptions {
    return this.#resolved;
  }

  /** Adds options; the later ones win. */
  merge(more: FlaskSocketOptions): void {
    this.#given = { ...this.#given, ...definedOptions(more) };
    this.#resolved = resolveOptions(this.#given);
    this.#limits = resolveLimits(this.#resolved.limits);
  }

  /** Writes where the options say at the time of writing. */
  readonly logger = logTo(() => this.#resolved.logger);
}

/** What writes to the logger that option `logger` means. */
export function logTo(option: () => FlaskSocketOptions['logger']): GuardedLog {
  const usual: FlaskSocketLogger = new Logger('FlaskSocket');
  return new GuardedLog(() => {
    const logger = option();
    return logger === false ? SILENT : (logger ?? usual);
  });
}
