import type { Question } from '../harness/question.js';
import { EVERYTHING } from '../servers.js';
import { throughput, underLoad } from './under-load.js';

export const reply: Question = {
  name: 'reply',
  title: 'Events answered by an event, under load',
  about: '50 clients with 8 events in flight each; the handler emits an event to the sender.',
  servers: EVERYTHING,
  metrics: throughput('event'),
  subject: (server, bench) =>
    underLoad(server, bench, { clients: 50, ask: 'closedLoop', event: 'reply', inFlight: 8 }),
};
