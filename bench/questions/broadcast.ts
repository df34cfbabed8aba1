import type { Question } from '../harness/question.js';
import { throughput, underLoad } from './under-load.js';

export const broadcast: Question = {
  name: 'broadcast',
  title: 'Broadcast to 300 clients',
  about: 'One of 300 clients keeps 4 events in flight; the handler emits to everybody.',
  servers: ['bare', 'nest', 'ours', 'ours-unlimited', 'against', 'flask'],
  metrics: throughput('delivery'),
  subject: (server, bench) => underLoad(server, bench, { clients: 300, ask: 'broadcasts', inFlight: 4 }),
};
