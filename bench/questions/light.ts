import type { Question } from '../harness/question.js';
import { latency, underLoad } from './under-load.js';

export const light: Question = {
  name: 'light',
  title: 'Light load',
  about:
    '2,000 acknowledged events per second from 50 clients, sent whatever the server does, at random moments that are the same for all servers. The load generator does not sleep in between.',
  servers: [
    'bare',
    'nest',
    'nest-scoped',
    'ours',
    'ours-unlimited',
    'against',
    'ours-staged',
    'ours-scoped-1',
  ],
  metrics: latency,
  subject: (server, bench) => underLoad(server, bench, { clients: 50, ask: 'openLoop', rate: 2_000 }),
};
