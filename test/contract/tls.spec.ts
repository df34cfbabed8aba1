import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import * as brokers from '../support/brokers.js';
import { compiled, type Compiled } from '../support/compiled.js';
import { Links } from '../support/links.js';
import { root } from '../support/repository.js';
import { have } from '../support/system-packages.mjs';
import { Application, SOON } from './world.js';

interface Kind<B extends brokers.Broker = brokers.Broker> {
  name: string;
  needs: string;
  make: () => Promise<B>;
  /** The URL for the broker's own. */
  url?: (url: string) => string;
}

const withTls: Kind<brokers.TlsBroker>[] = [
  { name: 'Redis', needs: 'redis-server', make: brokers.redisTlsBroker },
  {
    name: 'Redis, sharded',
    needs: 'redis-server',
    make: brokers.redisTlsBroker,
    url: (url) => url.replace('rediss', 'rediss-sharded'),
  },
  {
    name: 'Redis Streams',
    needs: 'redis-server',
    make: brokers.redisTlsBroker,
    url: (url) => url.replace('rediss', 'rediss-streams'),
  },
  { name: 'RabbitMQ', needs: 'rabbitmq-server', make: brokers.rabbitTlsBroker },
  { name: 'NATS', needs: 'nats-server', make: brokers.natsTlsBroker },
  { name: 'PostgreSQL', needs: 'postgresql', make: brokers.postgresTlsBroker },
];

/** Those that begin without TLS, and agree on it. */
const withoutTls: Kind[] = [
  {
    name: 'NATS',
    needs: 'nats-server',
    make: () => brokers.natsBroker(),
    url: (url) => url.replace('nats:', 'tls:'),
  },
  {
    name: 'PostgreSQL',
    needs: 'postgresql',
    make: () => brokers.postgresBroker(),
    url: (url) => `${url}?sslmode=verify-full`,
  },
];

const patient = { timeout: 120_000 };
const isHere = ({ needs }: Kind) => have(needs);
const asIs = (url: string) => url;

let program: Compiled;
beforeAll(() => {
  program = compiled(`${root}test/contract/application.ts`);
});
afterAll(() => program.remove());

describe.each(withTls.filter(isHere))('$name with TLS', patient, ({ make, url = asIs }) => {
  let broker: brokers.TlsBroker;
  beforeAll(async () => {
    broker = await make();
    await broker.start();
  });
  afterAll(() => broker.kill());

  async function start(env?: NodeJS.ProcessEnv): Promise<Application> {
    const application = await Application.start(program.main, { messageQueue: url(broker.url) }, env);
    onTestFinished(() => application.close());
    return application;
  }

  it('P4 joins processes that trust its certificate', async () => {
    const trusting = { NODE_EXTRA_CA_CERTS: broker.ca };
    const [one, two] = await Promise.all([start(trusting), start(trusting)]);
    const client = io(two.url, { transports: ['websocket'], forceNew: true });
    onTestFinished(() => void client.close());
    const heard: unknown[] = [];
    client.on('news', (news) => heard.push(news));

    await vi.waitFor(async () => {
      await one.emit('news', 'secret');
      expect(heard).toContain('secret');
    }, SOON);
  });

  it('P4 P6 is not trusted by a process that was not told to, which says so', async () => {
    const wary = await start();
    const lines: string[] = [];
    await vi.waitUntil(async () => {
      lines.push(...(await wary.log()));
      return lines.some((line) => line.includes('is away'));
    }, SOON);
    expect(lines.join('\n')).toContain('self-signed certificate');
  });
});

describe.each(withoutTls.filter(isHere))('$name without TLS', patient, ({ make, url = asIs }) => {
  it('P4 P6 is told nothing if the URL asks for TLS', async () => {
    const broker = await make();
    onTestFinished(() => broker.kill());
    await broker.start();
    const links = new Links(() => url(broker.url));
    onTestFinished(() => links.close());

    const link = await links.open();
    await link.away();

    expect(link.lines.join('\n')).toMatch(/server does not support '?(tls|SSL)/);
  });
});
