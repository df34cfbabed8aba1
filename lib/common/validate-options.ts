import { closest, distance } from 'fastest-levenshtein';
import { ANY } from './constants.js';
import { failure } from './errors.js';
import { LIMIT_NAMES } from './limits.js';
import { checkNamespace } from './namespace.js';
import { DEFAULTS, type FlaskSocketOptions, type RecoveryOptions, type ResolvedOptions } from './options.js';
import { problemOfOrigin } from './origins.js';
import { printableValue } from './printable.js';

/** Returns the problem of a value, if there is one. */
export type Check = (value: unknown) => string | undefined;

const must =
  (what: string, holds: (value: unknown) => boolean): Check =>
  (value) =>
    holds(value) ? undefined : `must be ${what}, not ${printableValue(value)}`;

const isBoolean = must('true or false', (value) => typeof value === 'boolean');
/** A number above 0. */
export const positiveNumber = must(
  'a number above 0',
  (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
);
const nonNegativeNumber = must('a number of 0 or more', (value) => typeof value === 'number' && value >= 0);
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const stringsIn = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string');

const isUrl = (value: unknown) => typeof value === 'string' && /^[a-z][a-z0-9+.-]*:\/\//i.test(value);
const isQueueAddress = (value: unknown) => {
  if (!isObject(value)) return false;
  const { url, protocol = 'socket.io' } = value as { url?: unknown; protocol?: unknown };
  return isUrl(url) && (protocol === 'socket.io' || protocol === 'flask-socketio');
};
const isMiddleware = (value: unknown) => typeof value === 'function';
const hasOpen = (value: unknown) =>
  isObject(value) && typeof (value as { open?: unknown }).open === 'function';

const isRecovery = (value: unknown) => {
  if (!isObject(value)) return false;
  const { maxDisconnectionDuration: time = 1, skipMiddlewares = false, ...rest } = value as RecoveryOptions;
  const isTime = typeof time === 'number' && time > 0 && Number.isFinite(time);
  return isTime && typeof skipMiddlewares === 'boolean' && Object.keys(rest).length === 0;
};

const aLimit = must('a number above 0, or false for no limit', (value) => {
  return value === false || (typeof value === 'number' && value > 0);
});

const LIMIT_CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(LIMIT_NAMES.map((name) => [name, aLimit])),
  eventPolicy: must("'pause' or 'refuse'", (value) => value === 'pause' || value === 'refuse'),
};

/** Throws for an unknown or invalid limit. */
const limits: Check = (value) => {
  if (value === false) return undefined;
  if (!isObject(value)) return `must be an object of limits, or false, not ${printableValue(value)}`;
  checkAll(definedOptions(value as object), LIMIT_CHECKS, 'FlaskSocketModule\'s option "limits"');
  return undefined;
};

const anOriginCheck = must(
  "an origin like 'https://app.example', a list of them, '*' or a function",
  (value) => typeof value === 'function',
);

/** The check of each option. */
export const CHECKS: Record<keyof FlaskSocketOptions, Check> = {
  path: must('a path like "/socket.io"', (value) => typeof value === 'string' && /^\/?[^\s?#]+$/.test(value)),
  messageQueue: must(
    "the URL of a broker like 'redis://localhost', an object with such a url, or an adapter factory",
    (value) => isUrl(value) || typeof value === 'function' || isQueueAddress(value),
  ),
  channel: must('a name', (value) => typeof value === 'string' && value !== ''),
  queueSecret: (value) =>
    typeof value === 'string' && value.length >= 16 ? undefined : 'must be a text of 16 characters or more',
  asyncMode: (value) => {
    if (value === 'ws' || value === 'eiows') return undefined;
    throw failure('FSK_UNKNOWN_ENGINE', String(value), 'ws, eiows (npm install eiows)');
  },
  asyncHandlers: isBoolean,
  alwaysConnect: isBoolean,
  namespaces: (value) => {
    if (value === ANY) return undefined;
    if (!Array.isArray(value)) return `must be '*' or a list of namespaces, not ${printableValue(value)}`;
    value.forEach((namespace) => checkNamespace(namespace, 'option "namespaces"'));
    return undefined;
  },
  identify: must('a function that takes the request', (value) => typeof value === 'function'),
  session: must(
    'a middleware like that of express-session, a list of them, or an object with open(request)',
    (value) =>
      isMiddleware(value) ||
      (Array.isArray(value) && value.length > 0 && value.every(isMiddleware)) ||
      hasOpen(value),
  ),
  manageSession: isBoolean,
  sessionRefresh: nonNegativeNumber,
  sessionTimeout: positiveNumber,
  corsAllowedOrigins: (value) => {
    const list = typeof value === 'string' ? [value] : value;
    if (!stringsIn(list)) return anOriginCheck(value);
    return list.map(problemOfOrigin).find(Boolean);
  },
  corsCredentials: isBoolean,
  cookie: must(
    'a name or an object',
    (value) => (typeof value === 'string' && value !== '') || isObject(value),
  ),
  transports: must(
    "a list of 'polling' and 'websocket'",
    (value) =>
      stringsIn(value) &&
      value.length > 0 &&
      value.every((name) => name === 'polling' || name === 'websocket'),
  ),
  allowUpgrades: isBoolean,
  allowEIO3: isBoolean,
  pingInterval: positiveNumber,
  pingTimeout: positiveNumber,
  maxHttpBufferSize: positiveNumber,
  httpCompression: isBoolean,
  compressionThreshold: nonNegativeNumber,
  serializer: must(
    "'default', 'msgpack' or a parser with Encoder and Decoder",
    (value) =>
      value === 'default' ||
      value === 'msgpack' ||
      (typeof value === 'object' && value !== null && 'Encoder' in value && 'Decoder' in value),
  ),
  connectionStateRecovery: must(
    'true, false, or an object with maxDisconnectionDuration (above 0) and skipMiddlewares',
    (value) => typeof value === 'boolean' || isRecovery(value),
  ),
  limits,
  shutdownTimeout: nonNegativeNumber,
  logger: must('a logger (log, error, warn) or false', (value) => value === false || isObject(value)),
  debug: isBoolean,
  server: must('an object', isObject),
};

/** The names of the options, for documentation and tests. */
export const OPTION_NAMES = Object.keys(CHECKS) as (keyof FlaskSocketOptions)[];

/** The options without those that are `undefined`. */
export function definedOptions<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** The options with their defaults. Throws for an unknown or invalid one. */
export function resolveOptions(options: FlaskSocketOptions): ResolvedOptions {
  const { messageQueue } = options;
  const chosen = definedOptions({ ...options, messageQueue: messageQueue === '' ? undefined : messageQueue }); // MESSAGE_QUEUE=
  checkAll(chosen, CHECKS);
  rejectWildcardWithCredentials(chosen);
  const resolved = { ...DEFAULTS, ...chosen } as ResolvedOptions;
  return { ...resolved, path: resolved.path.startsWith('/') ? resolved.path : `/${resolved.path}` };
}

/** Throws for an unknown or invalid option of `owner`. */
export function checkAll(options: object, checks: Readonly<Record<string, Check>>, owner?: string): void {
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) throw failure('FSK_UNKNOWN_OPTION', name, nearest(name, Object.keys(checks)), owner);
    const problem = check(value);
    if (problem) throw failure('FSK_INVALID_OPTION', name, problem, owner);
  }
}

function nearest(name: string, names: readonly string[]): string | undefined {
  const squeezed = name.replaceAll('_', '').toLowerCase();
  const guess = closest(
    squeezed,
    names.map((option) => option.toLowerCase()),
  );
  if (distance(squeezed, guess) > Math.max(2, name.length / 2)) return undefined;
  return names.find((option) => option.toLowerCase() === guess);
}

function rejectWildcardWithCredentials({ corsAllowedOrigins, corsCredentials }: FlaskSocketOptions): void {
  const everyone =
    corsAllowedOrigins === ANY || (Array.isArray(corsAllowedOrigins) && corsAllowedOrigins.includes(ANY));
  if (!everyone || corsCredentials !== true) return;
  throw failure(
    'FSK_INVALID_OPTION',
    'corsCredentials',
    "cannot be true with corsAllowedOrigins '*': every site could act as the logged-in user. Name the origins",
  );
}
