import type { Backend, Parts } from '../back-end.js';
import { adapterOptions, EMITTER, eventPacket, REQUESTS } from '../cluster-message.js';
import { msgpack } from '../codec.js';
import type { Command, Written } from '../queue.js';
import { redisDriver, type RedisDriver } from './redis-session.js';

/** Redis, through socket.io's own adapter on PUBLISH and SUBSCRIBE; a process that only emits does without it. */
export const backend: Backend = {
  name: 'Redis',
  packages: { driver: 'redis', adapter: '@socket.io/redis-adapter' },
  open: ({ url, channel }) => redisParts(redisDriver(url), channel),
};

/** What a Redis brings, however its driver has found it. */
export function redisParts(driver: RedisDriver, channel: string): Parts {
  return {
    driver,
    adapter: async (link) => (await import('./redis-adapter.js')).redisAdapter(link, driver),
    write: (command) => write(channel, command),
  };
}

/** A command as socket.io's Redis adapter takes it. */
export function write(channel: string, command: Command): Written {
  const { to } = command;
  const opts = adapterOptions(to);
  if (command.kind === 'emit') {
    const [room] = to.rooms.length === 1 ? to.rooms : [];
    const topic = `${channel}#${to.nsp}#${room === undefined ? '' : `${room}#`}`;
    return { topic, payload: msgpack.encode([EMITTER, eventPacket(command), opts]) };
  }
  const more = command.kind === 'disconnect' ? { close: command.close } : { rooms: command.rooms };
  const request = { uid: EMITTER, type: REQUESTS[command.kind], opts, ...more };
  return { topic: `${channel}-request#${to.nsp}#`, payload: Buffer.from(JSON.stringify(request)) };
}
