import { args, createEmitter, type Emitter } from 'nestjs-flask-socket/emitter';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { inbox, next, startApp, type RunningApp } from '../support/app.js';
import type { Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';
import { backEnds } from './back-ends.js';

const queueSecret = 'a secret of 24 characters';
const channel = 'emitters';

describe.each(backEnds.filter(({ needs }) => have(needs)))('an emitter on $name', ({ broker, queue }) => {
  let running: Broker;
  let server: RunningApp;
  let emitter: Emitter;
  let client: Socket;

  beforeAll(async () => {
    running = await broker();
    await running.start();
  });

  afterAll(() => running?.kill());

  /** A server and its client, heard by an emitter that has said something already: all is connected. */
  async function open(): Promise<unknown[][]> {
    const options = { messageQueue: queue(running.url), channel, queueSecret };
    server = await startApp({ options });
    client = await server.connect('/');
    emitter = createEmitter(queue(running.url), { channel, queueSecret, timeout: 15_000 });
    onTestFinished(() => emitter.close());
    await serverHears();
    return inbox(client);
  }

  /** A server that does not wait for its broker may be there before it hears it. */
  async function serverHears(): Promise<void> {
    const heard = next(client, 'hello');
    const again = setInterval(() => void emitter.emit('hello'), 100);
    await heard.finally(() => clearInterval(again));
    const last = next(client, 'settled');
    await emitter.emit('settled');
    await last;
  }

  it('O1 emits, joins, leaves, closes and disconnects, in this order', async () => {
    const received = await open();
    const sid = client.id!;
    const gone = next(client, 'disconnect');

    await emitter.emit('my event', args('one', { bytes: Buffer.from('two') }));
    await emitter.joinRoom('lobby', { sid });
    await emitter.send('joined', { to: ['lobby', sid] });
    await emitter.leaveRoom('lobby', { sid });
    await emitter.send('left', { to: 'lobby' });
    await emitter.joinRoom('lobby', { sid });
    await emitter.closeRoom('lobby');
    await emitter.send('closed', { to: 'lobby' });
    await emitter.emit('others', 1, { skipSid: sid });
    await emitter.disconnect({ sid });

    expect((await gone)[0]).toBe('io server disconnect');
    expect(received).toEqual([
      ['my event', 'one', { bytes: Buffer.from('two') }],
      ['message', 'joined'],
    ]);
  });

  it('O1 keeps the order of calls that nobody waited for', async () => {
    const received = await open();
    const last = next(client, 'last');
    const numbers = Array.from({ length: 200 }, (_, index) => index);

    for (const number of numbers) void emitter.emit('number', number);
    await emitter.emit('last');
    await last;

    expect(received).toEqual([...numbers.map((number) => ['number', number]), ['last']]);
  });

  it(
    'O1 rejects in time when its broker is not there, closes, and is there again with it',
    { timeout: 120_000 },
    async () => {
      await open();
      const hasty = createEmitter(queue(running.url), { channel, queueSecret, timeout: 1_000 });
      onTestFinished(() => hasty.close());

      await running.kill();
      const started = performance.now();
      await expect(hasty.emit('my event')).rejects.toMatchObject({ code: 'FSK_NOT_SENT' });
      await hasty.close();
      expect(performance.now() - started).toBeLessThan(12_000);

      await running.start();
      await serverHears();
    },
  );
});
