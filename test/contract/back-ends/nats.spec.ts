import { backEnd } from '../back-ends.js';
import { holdsFor } from '../contract.js';

holdsFor(backEnd('NATS'));
