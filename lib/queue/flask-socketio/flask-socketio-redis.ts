import type { Backend } from '../back-end.js';
import { redisDriver } from '../redis/redis-clients.js';
import { flaskSocketioParts } from './flask-socketio.js';

/** Redis, as python-socketio uses it: PUBLISH and SUBSCRIBE on one channel. */
export const backend: Backend = {
  name: 'Redis with Flask-SocketIO',
  packages: { driver: 'redis' },
  open: ({ url, channel }) => flaskSocketioParts(redisDriver(url), channel),
};
