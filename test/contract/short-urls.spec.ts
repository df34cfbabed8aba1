import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SocketIO } from 'nestjs-flask-socket';
import { createEmitter } from 'nestjs-flask-socket/emitter';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { execute } from '../../lib/cli/execute.js';
import { next, startApp } from '../support/app.js';
import * as brokers from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

interface InShort {
  name: string;
  needs: string;
  broker: () => Promise<brokers.Broker>;
  /** Where its clients look for it. */
  port: number;
  urls: (port: string) => string[];
  /** A URL with a login that it refuses. */
  wrong: (port: string) => string;
}

/** Brokers as they are set up, and the URLs that have to do for them. */
const table: InShort[] = [
  {
    name: 'RabbitMQ',
    needs: 'rabbitmq-server',
    broker: brokers.rabbitBroker,
    port: 5672,
    urls: (port) => [
      'amqp://',
      'amqp://localhost',
      'amqp:///',
      `amqp://:${port}`,
      `amqp://127.0.0.1:${port}/`,
    ],
    wrong: (port) => `amqp://guest:wrong@127.0.0.1:${port}`,
  },
  {
    name: 'Redis',
    needs: 'redis-server',
    broker: () => brokers.redisBroker('--user', 'app', 'on', '>secret', '~*', '&*', '+@all'),
    port: 6379,
    urls: (port) => ['redis://', 'redis://localhost', 'redis:///0', `redis://:${port}`, 'redis-streams://'],
    wrong: (port) => `redis://app:wrong@127.0.0.1:${port}`,
  },
  {
    name: 'NATS',
    needs: 'nats-server',
    broker: () =>
      brokers.natsBroker(
        'authorization { users: [{ user: app, password: secret }, { user: anybody, password: known }] }\n' +
          'no_auth_user: anybody',
      ),
    port: 4222,
    urls: (port) => ['nats://', 'nats://localhost', `nats://:${port}`],
    wrong: (port) => `nats://app:wrong@127.0.0.1:${port}`,
  },
  {
    name: 'PostgreSQL',
    needs: 'postgresql',
    broker: () => brokers.postgresBroker(),
    port: 5432,
    urls: (port) => ['postgres://postgres@localhost', `postgres://postgres@127.0.0.1:${port}`],
    wrong: (port) => `postgres://nobody:wrong@127.0.0.1:${port}/postgres`,
  },
];

/** The broker's usual port, which another test may have at the moment. */
async function usualPort(port: number, target: string): Promise<Server> {
  for (;;) {
    const server = createServer((socket) => {
      const behind = connect(Number(target), '127.0.0.1');
      behind.on('error', () => socket.destroy()).on('close', () => socket.end());
      socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
      socket.pipe(behind).pipe(socket);
    });
    server.listen(port, '::');
    const taken = await Promise.race([once(server, 'listening').then(() => false), once(server, 'error')]);
    if (!taken) return server;
    await delay(250);
  }
}

const installed = table.filter(({ needs }) => have(needs));

describe.each(installed)('$name, as it is set up', { timeout: 60_000 }, ({ broker, port, urls, wrong }) => {
  let running: brokers.Broker;
  let front: Server;
  const portOf = () => new URL(running.url).port;

  beforeAll(async () => {
    running = await broker();
    await running.start();
    front = await usualPort(port, portOf());
  }, 120_000);

  afterAll(async () => {
    front.close();
    await running.kill();
  });

  it.each(urls('PORT'))('P4 O1 %s will do for a server, an emitter and the command line', async (short) => {
    const url = short.replace('PORT', portOf());
    const app = await startApp({ options: { messageQueue: url } });
    await vi.waitUntil(() => app.get(SocketIO).health().status === 'up', 20_000);
    const client = await app.connect();
    const emitter = createEmitter(url);
    onTestFinished(() => emitter.close());
    const heard = [next(client, 'from an emitter'), next(client, 'from the shell')];
    await emitter.emit('from an emitter', 1);
    const errors: string[] = [];
    const silent = { env: {}, stdin: process.stdin, write: () => {} };
    const writeError = (text: string) => void errors.push(text);
    const code = await execute(['emit', 'from the shell', '2', '--queue', url], { ...silent, writeError });
    expect([code, errors, await Promise.all(heard)]).toEqual([0, [], [[1], [2]]]);
  });

  it.skipIf(wrong('0') === '')(
    'P4 P6 N6 a login that is refused is called so, with what to write',
    async () => {
      const url = wrong(portOf());
      const app = await startApp({ options: { messageQueue: url } });
      await vi.waitUntil(() => app.log.of('error').length > 0, 20_000);
      const { status, queue } = app.get(SocketIO).health();
      const emitter = createEmitter(url, { timeout: 1_000 });
      onTestFinished(() => emitter.close());
      const scheme = url.slice(0, url.indexOf(':'));
      const remedy = `Write a user and a password that it knows into its URL: ${scheme}://user:password@host`;
      expect(app.log.of('error')).toEqual([expect.stringContaining('refuses the login')]);
      expect(app.log.of('error')[0]).toContain(remedy);
      expect([status, queue?.loginRefused]).toEqual(['degraded', true]);
      await expect(emitter.emit('x')).rejects.toThrow(/FSK_NOT_SENT.*refuses the login .*user:password@host/);
    },
  );
});
