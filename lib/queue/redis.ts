import { adapterOptions, eventPacket } from './cluster-message.js';
import { msgpack } from './codec.js';
import type { Link } from './link.js';
import { load } from './optional-package.js';
import type { AdapterFactory, Backend, Command, Written } from './queue.js';
import { guardRedisAdapter, redisParser, REQUESTS } from './redis-adapter-guard.js';
import { redisClientView } from './redis-client-view.js';
import { redisDriver } from './redis-clients.js';
import type { RedisDriver } from './redis-driver.js';

/** The sender's id in messages of a process that is no server. */
const EMITTER = 'emitter';

/** Redis, through socket.io's own adapter on PUBLISH and SUBSCRIBE. */
export const backend: Backend = {
  name: 'Redis',
  async open({ url, channel }) {
    const driver = await redisDriver(url);
    return {
      driver,
      adapter: (link) => redisAdapter(link, driver),
      write: (command) => write(channel, command),
    };
  },
};

/** socket.io's adapter, guarded. */
export async function redisAdapter(link: Link, driver: RedisDriver): Promise<AdapterFactory> {
  const { createAdapter } = await load<typeof import('@socket.io/redis-adapter')>(
    '@socket.io/redis-adapter',
    'a Redis message queue',
  );
  const client = redisClientView(link, driver);
  const create = createAdapter(client, client, { key: link.channel, parser: redisParser });
  return function factory(namespace: never) {
    return guardRedisAdapter(create(namespace), link);
  };
}

/** A command as socket.io's Redis adapter takes it. */
export function write(channel: string, { to, ...command }: Command): Written {
  const opts = adapterOptions(to);
  if (command.kind === 'emit') {
    const [room] = to.rooms.length === 1 ? to.rooms : [];
    const topic = `${channel}#${to.nsp}#${room === undefined ? '' : `${room}#`}`;
    return { topic, payload: msgpack.encode([EMITTER, eventPacket(to, command.values), opts]) };
  }
  const more = command.kind === 'disconnect' ? { close: command.close } : { rooms: command.rooms };
  const request = { uid: EMITTER, type: REQUESTS[command.kind], opts, ...more };
  return { topic: `${channel}-request#${to.nsp}#`, payload: Buffer.from(JSON.stringify(request)) };
}
