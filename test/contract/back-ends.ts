import * as brokers from '../support/brokers.js';
import { capabilities, type Capabilities } from './capabilities.mjs';

/** A back end of `messageQueue`, and what it is able to do. */
export interface BackEnd {
  name: keyof typeof capabilities;
  /** Its entry in system-packages.mjs. */
  needs: string;
  broker: () => Promise<brokers.Broker>;
  /** Option `messageQueue` for the URL of the broker. */
  queue: (url: string) => string;
  /** Where its processes listen in namespace `/`, as its driver names the topics. */
  topics: (channel: string) => string[];
  /** How long the suite takes the broker away, in milliseconds. */
  outage: number;
}

const clusterTopics = (channel: string) => [`${channel}#/#`, `${channel}#/#a room#`];
const asIs = (url: string) => url;

/** What one of them can do, other than what all can. */
export const canDo = ({ name }: BackEnd): Capabilities => capabilities[name];

/** One suite is run by all of them. */
export const backEnds: BackEnd[] = [
  {
    name: 'Redis',
    needs: 'redis-server',
    broker: brokers.redisBroker,
    queue: asIs,
    topics: (channel) => [...clusterTopics(channel), `${channel}-request#/#`, `${channel}-response#/#`],
    outage: 10_000,
  },
  {
    name: 'Redis, sharded',
    needs: 'redis-server',
    broker: brokers.redisClusterBroker,
    queue: (url) => url.replace('redis:', 'redis-sharded:'),
    topics: clusterTopics,
    outage: 3_000,
  },
  {
    name: 'Redis Streams',
    needs: 'redis-server',
    broker: brokers.redisBroker,
    queue: (url) => url.replace('redis:', 'redis-streams:'),
    topics: (channel) => [`${channel}#stream`, ...clusterTopics(channel)],
    outage: 3_000,
  },
  {
    name: 'RabbitMQ',
    needs: 'rabbitmq-server',
    broker: brokers.rabbitBroker,
    queue: asIs,
    topics: clusterTopics,
    outage: 3_000,
  },
  {
    name: 'NATS',
    needs: 'nats-server',
    broker: brokers.natsBroker,
    queue: asIs,
    topics: clusterTopics,
    outage: 3_000,
  },
  {
    name: 'PostgreSQL',
    needs: 'postgresql',
    broker: brokers.postgresBroker,
    queue: asIs,
    topics: clusterTopics,
    outage: 3_000,
  },
];

/** One of them. */
export function backEnd(name: BackEnd['name']): BackEnd {
  return backEnds.find((other) => other.name === name)!;
}
