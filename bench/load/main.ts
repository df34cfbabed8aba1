import { answer, say } from '../harness/lines.js';
import { broadcasts } from './broadcasts.js';
import { closedLoop } from './closed-loop.js';
import { cycles } from './cycles.js';
import { openLoop } from './open-loop.js';
import { close, open } from './pools.js';

// The process that makes the load.
say({});
await answer({ open, close, closedLoop, broadcasts, openLoop, cycles });
