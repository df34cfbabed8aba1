import { failure } from '../common/errors.js';
import type { QueueAddress } from '../common/options.js';
import type { Backend } from './back-end.js';

/** The back end for each scheme of a URL, imported on demand. */
const BACK_ENDS: Readonly<Record<string, () => Promise<{ backend: Backend }>>> = {
  redis: () => import('./redis/redis.js'),
  rediss: () => import('./redis/redis.js'),
  'redis+sentinel': () => import('./redis/redis-sentinel.js'),
  'redis-sharded': () => import('./redis/redis-sharded.js'),
  'rediss-sharded': () => import('./redis/redis-sharded.js'),
  'redis-streams': () => import('./redis/redis-streams.js'),
  'rediss-streams': () => import('./redis/redis-streams.js'),
  amqp: () => import('./amqp.js'),
  amqps: () => import('./amqp.js'),
  nats: () => import('./nats.js'),
  tls: () => import('./nats.js'), // how NATS itself writes it
  postgres: () => import('./postgres/postgres.js'),
  postgresql: () => import('./postgres/postgres.js'),
  workers: () => import('./workers.js'),
};

/** The schemes of `messageQueue`, for documentation and tests. */
export const SCHEMES = Object.keys(BACK_ENDS);

/** The back ends with python-socketio's protocol. */
const FLASK_SOCKETIO: typeof BACK_ENDS = {
  redis: () => flaskSocketio('onRedis'),
  rediss: () => flaskSocketio('onRedis'),
  amqp: () => flaskSocketio('onRabbitMq'),
  amqps: () => flaskSocketio('onRabbitMq'),
};

async function flaskSocketio(broker: 'onRedis' | 'onRabbitMq'): Promise<{ backend: Backend }> {
  const backEnds = await import('./flask-socketio/flask-socketio.js');
  return { backend: backEnds[broker] };
}

/** The back end of a URL; throws `FSK_UNKNOWN_QUEUE` for an unknown scheme. */
export async function backendOf(address: QueueAddress): Promise<Backend> {
  return (await loaderOf(address)()).backend;
}

/** Throws `FSK_UNKNOWN_QUEUE` for an unknown scheme; imports nothing. */
export function checkScheme(address: QueueAddress): void {
  loaderOf(address);
}

function loaderOf({ url, protocol }: QueueAddress): (typeof BACK_ENDS)[string] {
  const backEnds = protocol === 'flask-socketio' ? FLASK_SOCKETIO : BACK_ENDS;
  const scheme = schemeOf(url);
  const load = Object.hasOwn(backEnds, scheme) ? backEnds[scheme] : undefined;
  if (!load) throw failure('FSK_UNKNOWN_QUEUE', scheme, `${Object.keys(backEnds).join('://, ')}://`);
  return load;
}

/** What stands before `://`. */
function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase() ?? '';
}
