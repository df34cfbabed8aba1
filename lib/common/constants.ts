import type { PacketType as Parsers } from 'socket.io-parser';

/** The namespace of handlers and emits that name none. */
export const DEFAULT_NAMESPACE = '/';

/** As a namespace: every connected one. As an event: every event without a handler of its own. */
export const ANY = '*';

/** Longest event name that reaches a handler, in UTF-16 code units. */
export const MAX_EVENT_NAME = 128;

/** Names that Socket.IO keeps for itself on either side of the wire. */
export const RESERVED_EVENTS: ReadonlySet<string> = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
]);

/** socket.io-parser's types of packets; the emitter does not load that package. */
export const PacketType = {
  CONNECT: 0,
  DISCONNECT: 1,
  EVENT: 2,
  ACK: 3,
  CONNECT_ERROR: 4,
  BINARY_EVENT: 5,
  BINARY_ACK: 6,
} as const satisfies typeof Parsers;

/** The default error of a refused client (python-socketio's sentence). */
export const CONNECTION_REJECTED = 'Connection rejected by server';

/** Sent to clients in place of an error whose text may hold internals. */
export const INTERNAL_ERROR = 'Internal server error';

/** What a client is told that sends more than option `limits` allows. */
export const TOO_MANY_EVENTS = 'Too many events';

/** The reason for `@OnDisconnect()` of a client that was above its rate for too long. */
export const RATE_LIMITED = 'rate limited';

/** Socket.IO's error for a namespace that does not exist. */
export const INVALID_NAMESPACE = 'Invalid namespace';

/** The event with which Nest reports a failed handler to its client. */
export const EXCEPTION_EVENT = 'exception';

/** The error for the client, and the reason for `@OnDisconnect()`, when `request.expiresAt` has passed. */
export const EXPIRED = { status: 'error', message: 'Connection expired', code: 'EXPIRED' } as const;
export const EXPIRED_REASON = 'expired';

/** How long option `identify` may take, in milliseconds. */
export const IDENTIFY_TIMEOUT = 10_000;

/** The limit of Node's timers, in milliseconds: some 24 days. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** How long a client may be away and be recovered, in milliseconds (Socket.IO's default). */
export const RECOVERY_WINDOW = 120_000;

/** How long `members()` waits for the other processes, in milliseconds. */
export const MEMBERS_TIMEOUT = 5_000;

/** How long `call()` waits for the client, in milliseconds (Flask-SocketIO's default). */
export const CALL_TIMEOUT = 60_000;
