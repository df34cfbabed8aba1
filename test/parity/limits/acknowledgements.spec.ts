import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { emit, type EmitOptions, OnEvent, request, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import type { Server, Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { ask, next, startApp } from '../../support/app.js';
import { Journal } from '../../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE } from '../../support/raw-client.js';

/** How many acknowledgements are awaited from the clients of a namespace. */
const pending = (server: Server, namespace = '/') =>
  [...server.of(namespace).sockets.values()].map(
    (socket) => (socket as unknown as { acks: Map<number, unknown> }).acks.size, // typed private
  );

async function startAsking(options: EmitOptions, limits: object = {}) {
  const seen = new Journal<unknown>();
  @SocketGateway()
  class AskingGateway {
    @OnEvent('ask')
    ask(times: number) {
      const callback = (answer: unknown) => seen.add(`answer ${String(answer)}`);
      const onTimeout = () => seen.add(`timeout ${request.namespace} ${String(request.event.message)}`);
      for (let count = 0; count < times; count++)
        emit('question', count, { callback, onTimeout, ...options });
    }
  }
  const app = await startApp({ providers: [AskingGateway], options: { limits, allowEIO3: true } });
  return { app, seen, server: app.get(SocketIO).server };
}

describe('acknowledgements that do not come', () => {
  it('L8 are forgotten after the timeout, and the owner hears it once, in its context', async () => {
    const { app, seen, server } = await startAsking({ timeout: 50 });
    const client = await app.connect();
    await Promise.all([ask(client, 'ask', 1), next(client, 'question')]);

    expect(await seen.reached(1)).toEqual(['timeout / null']);
    expect(pending(server)).toEqual([0]);
  });

  it('L8 without onTimeout leave a debug line', async () => {
    const { app, server } = await startAsking({ timeout: 20, onTimeout: undefined as never });
    const client = await app.connect();
    await ask(client, 'ask', 1);
    await expect.poll(() => pending(server)).toEqual([0]);

    expect(app.log.of('debug')).toEqual([expect.stringContaining("No callback of 'question'")]);
  });

  it('L8 reach no callback when they come too late', async () => {
    const { app, seen } = await startAsking({ timeout: 20 });
    const client = await app.connect();
    const late = new Promise<(answer: string) => void>((resolve) => {
      client.on('question', (_, acknowledge: (answer: string) => void) => resolve(acknowledge));
    });
    await ask(client, 'ask', 1);
    await seen.reached(1);
    (await late)('too late');
    await ask(client, 'ask', 0);

    expect(seen.entries).toEqual(['timeout / null']);
  });

  it.each(DIALECTS)('L8 L10 are kept up to the limit: the oldest gives way, of %s', async (dialect) => {
    const seen = new Journal<string>();
    @SocketGateway()
    class AskingGateway {
      @OnEvent('ask')
      ask(times: number) {
        for (let count = 0; count < times; count++)
          emit('question', count, { callback: () => {}, onTimeout: () => seen.add(`gone ${count}`) });
      }
    }
    const options = { ...optionsFor(dialect), limits: { pendingAcknowledgements: 3 } };
    const app = await startApp({ providers: [AskingGateway], options });
    const client = await RawClient.connect(app.port, dialect);
    client.send({ type: TYPE.event, nsp: '/', data: ['ask', 5], id: 1 });

    expect(await seen.reached(2)).toEqual(['gone 0', 'gone 1']);
    expect(pending(app.get(SocketIO).server)).toEqual([3]);
    expect(app.get(SocketIO).limits.reached.pendingAcknowledgements).toBe(2);
    expect(app.log.of('warn')).toEqual([
      expect.stringMatching(
        /^Client \S+ of '\/' does not acknowledge: .* \(limits\.pendingAcknowledgements: 3\)$/,
      ),
    ]);
  });

  it('L8 of a gateway of Nest’s own and of the raw server are counted, too', async () => {
    @WebSocketGateway({ namespace: '/nest' })
    class NestGateway {
      @WebSocketServer() server!: Server;

      @SubscribeMessage('ask')
      ask(client: Socket) {
        for (let count = 0; count < 10; count++) client.emit('question', count, () => {});
        return { event: 'asked', data: true };
      }
    }
    const app = await startApp({
      providers: [NestGateway],
      options: { limits: { pendingAcknowledgements: 3 } },
    });
    const client = await app.connect('/nest');
    const asked = next(client, 'asked');
    client.emit('ask');
    await asked;

    expect(pending(app.get(SocketIO).server, '/nest')).toEqual([3]);
  });

  it('L8 are all kept without the limit', async () => {
    const { app, server } = await startAsking({}, { pendingAcknowledgements: false });
    const client = await app.connect();
    await ask(client, 'ask', 1_500);

    expect(pending(server)).toEqual([1_500]);
  });

  it('L8 an owner that asks again in onTimeout does not keep the server from others', async () => {
    let rounds = 0;
    @SocketGateway()
    class StubbornGateway {
      @OnEvent('ask')
      ask() {
        for (let count = 0; count < 5; count++) this.again();
      }

      again() {
        emit('question', 1, { callback: () => {}, onTimeout: () => ++rounds < 100 && this.again() });
      }

      @OnEvent('echo')
      echo(value: unknown) {
        return value;
      }
    }
    const app = await startApp({
      providers: [StubbornGateway],
      options: { limits: { pendingAcknowledgements: 2 } },
    });
    const [client, other] = [await app.connect(), await app.connect()];
    client.emit('ask');

    expect(await ask(other, 'echo', 'here')).toEqual(['here']);
    await expect.poll(() => rounds).toBeGreaterThanOrEqual(100);
    expect(Math.max(...pending(app.get(SocketIO).server))).toBeLessThanOrEqual(2);
  });
});
