import type { Question } from '../harness/question.js';
import { EVERYTHING } from '../servers.js';
import { throughput, underLoad } from './under-load.js';

export const echo: Question = {
  name: 'echo',
  title: 'Acknowledged events under load',
  about:
    '50 clients with 8 events in flight each; the handler returns its data, which becomes the acknowledgement.',
  servers: EVERYTHING,
  metrics: throughput('event'),
  subject: (server, bench) =>
    underLoad(server, bench, { clients: 50, ask: 'closedLoop', event: 'echo', inFlight: 8 }),
};
