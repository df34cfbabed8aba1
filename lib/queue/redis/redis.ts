import type { Backend, BackendParts } from '../back-end.js';
import { adapterOptions, EMITTER_UID, eventPacket, REQUEST_TYPES } from '../cluster-message.js';
import { msgpack } from '../codec.js';
import type { Command, TopicMessage } from '../queue.js';
import { redisDriver, type RedisDriver } from './redis-connection.js';

/** Redis, through socket.io's own adapter on PUBLISH and SUBSCRIBE. An emitter does not need the adapter. */
export const backend: Backend = {
  name: 'Redis',
  packages: { driver: 'redis', adapter: '@socket.io/redis-adapter' },
  open: ({ url, channel }) => redisParts(redisDriver(url), channel),
};

/** The parts of the back ends for Redis, whichever way the driver finds the server. */
export function redisParts(driver: RedisDriver, channel: string): BackendParts {
  return {
    driver,
    adapter: async (link) => (await import('./redis-adapter.js')).redisAdapter(link, driver),
    write: (command) => write(channel, command),
  };
}

/** A command in the format of socket.io's Redis adapter. */
export function write(channel: string, command: Command): TopicMessage {
  const { to } = command;
  const opts = adapterOptions(to);
  if (command.kind === 'emit') {
    const [room] = to.rooms.length === 1 ? to.rooms : [];
    const topic = `${channel}#${to.nsp}#${room === undefined ? '' : `${room}#`}`;
    return { topic, payload: msgpack.encode([EMITTER_UID, eventPacket(command), opts]) };
  }
  const more = command.kind === 'disconnect' ? { close: command.close } : { rooms: command.rooms };
  const request = { uid: EMITTER_UID, type: REQUEST_TYPES[command.kind], opts, ...more };
  return { topic: `${channel}-request#${to.nsp}#`, payload: Buffer.from(JSON.stringify(request)) };
}
