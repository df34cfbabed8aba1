import { redisBroker } from '../../support/brokers.js';
import { backEnd } from '../back-ends.js';
import { holdsFor } from '../contract.js';
import { drives } from '../suite.driver.js';

const sharded = backEnd('Redis, sharded');

holdsFor(sharded); // in a cluster
drives({ ...sharded, name: 'Redis, sharded, without a cluster', broker: redisBroker });
