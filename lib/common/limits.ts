/**
 * What one client, and one address, may cost the server. `false` instead of a number switches a limit off.
 *
 * @see docs/security.md#limits
 * @example
 * ```ts
 * import { FlaskSocketModule } from 'nestjs-flask-socket';
 *
 * FlaskSocketModule.forRoot({ limits: { eventRate: 50, roomsPerConnection: false } });
 * ```
 */
export interface Limits {
  /** Events that one client may send in a second; above it, reading from the client pauses. Default: 500. */
  eventRate?: number | false;
  /** Events that one client may send at once, after having sent fewer than `eventRate`. Default: 2,000. */
  eventBurst?: number | false;
  /** Milliseconds after which a client that stays above `eventRate` is disconnected. Default: 10,000. */
  rateTimeout?: number | false;
  /** What happens to events above `eventRate`: they wait, or are refused with an error. Default: `pause`. */
  eventPolicy?: 'pause' | 'refuse';
  /** Bytes that may wait for a client that reads too slowly; above it, the client is disconnected. Default: 1,048,576. */
  pendingBytes?: number | false;
  /** Milliseconds that a client may take to connect to a namespace. Default: 10,000. */
  connectTimeout?: number | false;
  /** Connections that one address may have. Default: no limit. */
  connectionsPerAddress?: number | false;
  /** Connections of one address that may wait for their first namespace. Default: 100. */
  handshakesPerAddress?: number | false;
  /** Namespaces that one client may be connected to. Default: 100. */
  namespacesPerConnection?: number | false;
  /** Rooms that a client may be in, in one namespace. Default: 1,000. */
  roomsPerConnection?: number | false;
  /** How deep the data of a packet may be nested. Default: 100. */
  payloadDepth?: number | false;
  /** Keys and items that the data of one packet may have. Default: 10,000. */
  payloadKeys?: number | false;
  /** Acknowledgements that the server may wait for from one client in one namespace. Default: 1,000. */
  pendingAcknowledgements?: number | false;
}

/** What a limit is when it is not given. */
export const LIMIT_DEFAULTS = {
  eventRate: 500,
  eventBurst: 2_000,
  rateTimeout: 10_000,
  eventPolicy: 'pause',
  pendingBytes: 1_048_576,
  connectTimeout: 10_000,
  connectionsPerAddress: Infinity,
  handshakesPerAddress: 100,
  namespacesPerConnection: 100,
  roomsPerConnection: 1_000,
  payloadDepth: 100,
  payloadKeys: 10_000,
  pendingAcknowledgements: 1_000,
} as const satisfies Limits;

/** The limits that are counted: those with a number. */
export type LimitName = Exclude<keyof Limits, 'eventPolicy'>;

/** Limits with their defaults filled in; `Infinity` is no limit. */
export type ResolvedLimits = Readonly<Record<LimitName, number> & { eventPolicy: 'pause' | 'refuse' }>;

/** The limits of a running server: `socketio.limits`. */
export type ServerLimits = ResolvedLimits & {
  /** How often each limit acted in this process. */
  readonly reached: Readonly<Record<LimitName, number>>;
};

/** The names of the limits that are counted. */
export const LIMIT_NAMES = Object.keys(LIMIT_DEFAULTS).filter(
  (name): name is LimitName => name !== 'eventPolicy',
);

/** Fills in the defaults. `false` is no limit at all. */
export function resolveLimits(limits: Limits | false = {}): ResolvedLimits {
  const value = (name: LimitName): number => {
    const given = limits === false ? false : limits[name];
    return given === false ? Infinity : (given ?? LIMIT_DEFAULTS[name]);
  };
  const numbers = Object.fromEntries(LIMIT_NAMES.map((name) => [name, value(name)])) as Record<
    LimitName,
    number
  >;
  return { ...numbers, eventPolicy: (limits || {}).eventPolicy ?? LIMIT_DEFAULTS.eventPolicy };
}

/** Whether no limit is set at all. */
export function limitsAreOff(limits: ResolvedLimits): boolean {
  return LIMIT_NAMES.every((name) => limits[name] === Infinity);
}
