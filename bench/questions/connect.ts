import type { Load } from '../load/measured.js';
import { cpuOf, startServer, type Question } from '../harness/question.js';

export const connect: Question = {
  name: 'connect',
  title: 'Connecting',
  about:
    'Clients that open a WebSocket connection, connect to the main namespace of a server with 20 handlers, disconnect and close, 10 at a time.',
  servers: ['bare', 'nest', 'nest-scoped', 'ours', 'ours-unlimited', 'against'],
  metrics: [{ key: 'cpu', title: 'CPU per cycle', unit: 'µs', digits: 0 }],
  async subject(name, { load, scale }) {
    const server = await startServer(name);
    const count = 500 * scale;
    const { port } = server.ready;
    return {
      process: server,
      warmUp: async () => void (await load.ask({ ask: 'cycles', port, count, atOnce: 10 })),
      async round() {
        const { cpu } = await cpuOf(server, () => load.ask<Load>({ ask: 'cycles', port, count, atOnce: 10 }));
        return { cpu: cpu / count };
      },
      stop: () => server.stop(),
    };
  },
};
