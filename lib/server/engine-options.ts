import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ServerOptions } from 'socket.io';
import { INTERNAL_ERROR, RECOVERY_WINDOW } from '../common/constants.js';
import { resolveLimits, type ResolvedLimits } from '../common/limits.js';
import { type FlaskSocketLogger, GuardedLog, SILENT } from '../common/logger.js';
import { type FlaskSocketOptions, recoveryOf, type ResolvedOptions } from '../common/options.js';
import { guarded } from '../common/thenable.js';
import { definedOptions, resolveOptions } from '../common/validate-options.js';
import { SOCKET_IO_TIMER_OFF } from '../connection/limits/handshakes.js';
import type { OriginPolicy } from '../connection/origin-policy.js';
import type { Engine } from '../socketio/engine.js';
import { parserOf } from '../socketio/packet-parser.js';

type AllowRequest = NonNullable<ServerOptions['allowRequest']>;

/** Translates our options to socket.io's. Option `server` overrides them; they override those of Nest's own gateways. */
export function serverOptions(
  options: ResolvedOptions,
  {
    engine,
    policy,
    isStopping,
    openSession,
  }: { engine: Engine; policy: OriginPolicy; isStopping: () => boolean; openSession: AllowRequest },
  gatewayOptions: Partial<ServerOptions> = {},
): Partial<ServerOptions> {
  const raw = options.server ?? {};
  return {
    ...gatewayOptions,
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
    connectTimeout: connectTimeoutFor(options, gatewayOptions),
    cors: policy.hasForeignOrigins ? (policy.cors as ServerOptions['cors']) : undefined,
    ...raw,
    ...recoveryOptions(options),
    allowRequest: allowedByAll([
      (_request, decide) => decide(isStopping() ? 'Server is shutting down' : null, !isStopping()),
      ...(raw.cors === undefined ? [policy.allowRequest] : []),
      openSession,
      ...(raw.allowRequest ? [containErrors(raw.allowRequest, policy)] : []),
    ]),
  };
}

/** With a limit of ours, socket.io's time-out is out of the way, unless the application has chosen it. */
function connectTimeoutFor(
  { limits }: ResolvedOptions,
  { connectTimeout }: Partial<ServerOptions>,
): number | undefined {
  const isLimited = resolveLimits(limits).connectTimeout !== Infinity;
  return connectTimeout ?? (isLimited ? SOCKET_IO_TIMER_OFF : undefined);
}

/** No option at all while recovery is off: socket.io only tests whether the option is there. */
function recoveryOptions(options: ResolvedOptions): Partial<ServerOptions> {
  const recovery = recoveryOf(options);
  if (!recovery) return {};
  const { maxDisconnectionDuration = RECOVERY_WINDOW } = recovery;
  // `connection/recovery` skips the middlewares itself, after the client has proved its identity.
  return { connectionStateRecovery: { maxDisconnectionDuration, skipMiddlewares: false } };
}

/** Wraps the application's own check: an error or a rejection of it refuses the client. */
function containErrors(check: AllowRequest, policy: OriginPolicy): AllowRequest {
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

/** Calls the functions one after the other, and allows a request if all of them do. */
function allowedByAll([first, ...rest]: readonly AllowRequest[]): AllowRequest {
  return (request, decide) => {
    if (!first) return decide(null, true);
    first(request, (error, success) =>
      success ? allowedByAll(rest)(request, decide) : decide(error, false),
    );
  };
}

/** The injection token of the options that the application gave to the module. */
export const FLASK_SOCKET_OPTIONS = Symbol('FLASK_SOCKET_OPTIONS');

/** The options of an application: those of `forRoot()`, overridden by those of `run()`. */
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

  /** The options with their defaults. */
  get options(): ResolvedOptions {
    return this.#resolved;
  }

  /** Adds options, which override earlier ones. */
  merge(more: FlaskSocketOptions): void {
    this.#given = { ...this.#given, ...definedOptions(more) };
    this.#resolved = resolveOptions(this.#given);
    this.#limits = resolveLimits(this.#resolved.limits);
  }

  /** Reads option `logger` at each line, since `run()` may change it. */
  readonly logger = createLog(() => this.#resolved.logger);
}

/** Creates a log that reads option `logger` at each line. */
export function createLog(option: () => FlaskSocketOptions['logger']): GuardedLog {
  const usual: FlaskSocketLogger = new Logger('FlaskSocket');
  return new GuardedLog(() => {
    const logger = option();
    return logger === false ? SILENT : (logger ?? usual);
  });
}
