import type { Link } from '../broker-link.js';
import { inTime } from './with-timeout.js';
import type { RedisDriver, Subscription } from './redis-driver.js';

type Hear = (payload: Buffer, topic: string) => void;

const PUBLISHED = Promise.resolve();

/**
 * What socket.io's Redis adapters take for a client of the package `redis`, for publishing and for subscribing: each
 * message passes the link, so that an outage ends nothing and nothing malformed reaches the adapter.
 */
export function redisClientView(link: Link, driver: RedisDriver) {
  const subscribe = (as: Subscription) => (topics: string | string[], hear: Hear) => {
    for (const topic of [topics].flat()) driver.subscribe(topic, link.guarded(hear), as);
  };
  const unsubscribe = (as: Subscription) => (topics: string | string[]) => {
    for (const topic of [topics].flat()) driver.unsubscribe(topic, as);
  };
  const publish = (topic: string, payload: string | Buffer) => {
    link.publish(topic, typeof payload === 'string' ? Buffer.from(payload) : payload);
    return PUBLISHED;
  };
  return {
    publish,
    sPublish: publish,
    subscribe: subscribe('exact'),
    pSubscribe: (pattern: string, hear: Hear) => subscribe('pattern')(literal(pattern), hear),
    sSubscribe: subscribe('sharded'),
    unsubscribe: unsubscribe('exact'),
    pUnsubscribe: (pattern: string) => unsubscribe('pattern')(literal(pattern)),
    sUnsubscribe: unsubscribe('sharded'),
    sendCommand: ([, numSub, topic]: [string, string, string]) =>
      inTime(driver.count(topic, numSub === 'NUMSUB' ? 'exact' : 'sharded').then((count) => [topic, count])),
    on: () => {},
    off: () => {},
  };
}

/** The same pattern with its last `*` alone: the others are part of a namespace's name. */
function literal(pattern: string): string {
  return `${pattern.slice(0, -1).replace(/[*?[\]\\]/g, String.raw`\$&`)}*`;
}
