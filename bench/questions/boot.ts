import { startServer, type Question } from '../harness/question.js';

export const boot: Question = {
  name: 'boot',
  title: 'Boot',
  about:
    'From the start of the process until it listens; 10 gateways with 20 handlers each. (Bare socket.io has nothing to set up: its handlers are registered when clients connect.)',
  servers: ['bare', 'nest', 'ours', 'against'],
  metrics: [
    { key: 'cpu', title: 'CPU', unit: 'ms', digits: 0 },
    { key: 'listening', title: 'until it listens', unit: 'ms', digits: 0 },
  ],
  rounds: 9,
  async subject(name) {
    return {
      async round() {
        const server = await startServer(name, { env: { GATEWAYS: '10' } });
        await server.stop();
        return { cpu: server.ready.bootCpuMilliseconds, listening: server.ready.bootMilliseconds };
      },
      stop: async () => {},
    };
  },
};
