import { redisClusterBroker } from '../../support/brokers.js';
import { backEnd } from '../back-ends.js';
import { holdsFor } from '../contract.js';
import { drives } from '../suite.driver.js';

const streams = backEnd('Redis Streams');

holdsFor(streams);
drives({ ...streams, name: 'Redis Streams in a cluster', broker: redisClusterBroker });
