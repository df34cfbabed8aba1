import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connected, next } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';

describe.skipIf(!have('redis-server'))('the departure board of sample/05-external-emitter', () => {
  let redis: Broker;
  let app: INestApplication;
  let board: Socket;

  beforeAll(async () => {
    redis = await redisBroker();
    await redis.start();
    vi.stubEnv('MESSAGE_QUEUE', redis.url);
    const { AppModule } = await import('../../sample/05-external-emitter/app.module.js');
    app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    board = io(`${await app.getUrl()}/board`);
    await connected(board);
  });

  afterAll(async () => {
    board?.close();
    await app?.close();
    await redis?.kill();
    vi.unstubAllEnvs();
  });

  it('is a page that listens to all that the others say', async () => {
    const page = await (await fetch(await app.getUrl())).text();

    for (const event of ['departure', 'delay', 'message', 'time']) expect(page).toContain(`'${event}'`);
    expect(page).toContain("io('/board')");
  });

  it('shows what a script in plain Node announces', async () => {
    const events = [next(board, 'departure'), next(board, 'delay'), next(board, 'message')];

    await import('../../sample/05-external-emitter/announce.js');

    expect(await Promise.all(events)).toEqual([
      [{ train: 'ICE 75', to: 'Zürich' }],
      ['ICE 75', 10],
      ['Mind the gap.'],
    ]);
  });

  it('shows the time that a Nest worker tells', async () => {
    const { StationClock, WorkerModule } = await import('../../sample/05-external-emitter/worker.module.js');
    const worker = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
    onTestFinished(() => worker.close());
    const time = next(board, 'time');

    worker.get(StationClock).tell(new Date('2026-01-01T12:34:56Z'));

    expect(await time).toEqual(['12:34:56']);
  });
});
