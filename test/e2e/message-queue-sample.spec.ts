import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

describe.skipIf(!have('redis-server'))('the two processes of sample/04-message-queue', () => {
  let redis: Broker;
  beforeAll(async () => {
    redis = await redisBroker();
    await redis.start();
    vi.stubEnv('MESSAGE_QUEUE', redis.url);
  });
  afterAll(async () => {
    await redis?.kill();
    vi.unstubAllEnvs();
  });

  async function start(): Promise<string> {
    const { AppModule } = await import('../../sample/04-message-queue/app.module.js');
    const app = await NestFactory.create(AppModule, { logger: false });
    onTestFinished(() => app.close());
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  }

  it('P4 R4 talk with each other, as the README says', async () => {
    const { chat } = await import('../../sample/04-message-queue/clients.js');
    const lines: string[] = [];

    await chat([await start(), await start()], (line) => void lines.push(line));

    expect(lines.toSorted()).toEqual([
      expect.stringMatching(/^client 1 hears "Hello, all processes" from process \d+$/),
      expect.stringMatching(/^client 2 hears "Hello, all processes" from process \d+$/),
      'in the room: 2 clients',
      'they answer: fine, says client 2',
    ]);
  });
});
