import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Controller, Get, Injectable, Res, type OnModuleDestroy } from '@nestjs/common';
import { OnDisconnect, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ask, flushed, next, startApp } from '../support/app.js';

/** A promise that is resolved from outside. */
class Gate {
  open = (): void => {};
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

describe('a stop', () => {
  it('P7 ends handlers and connections before the resources of the application', async () => {
    const steps: string[] = [];
    const gate = new Gate();
    @Injectable()
    class Database implements OnModuleDestroy {
      onModuleDestroy() {
        steps.push('database closed');
      }
    }
    @SocketGateway()
    class SlowGateway {
      @OnEvent('act')
      async act() {
        await gate.opened;
        steps.push('handled');
        return 'done';
      }

      @OnDisconnect()
      async left() {
        await new Promise(setImmediate);
        steps.push('left');
      }
    }
    const app = await startApp({ providers: [SlowGateway, Database] });
    const client = await app.connect();
    const answer = ask(client, 'act');
    await flushed(client);

    const closing = app.app.close();
    gate.open();
    await closing;

    expect([await answer, steps]).toEqual([['done'], ['handled', 'left', 'database closed']]);
  });

  it.each([
    ['promise', () => new Promise(() => {})],
    ['stream', () => NEVER],
  ])('P7 awaits disconnect handlers though another handler never ends: a %s', async (_, endless) => {
    const steps: string[] = [];
    @SocketGateway()
    class EndlessGateway implements OnModuleDestroy {
      @OnEvent('act')
      act() {
        return endless();
      }

      @OnDisconnect()
      async left() {
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
        steps.push('left');
      }

      onModuleDestroy() {
        steps.push('destroyed');
      }
    }
    const app = await startApp({ providers: [EndlessGateway], options: { shutdownTimeout: 2_000 } });
    const client = await app.connect();
    await app.connect();
    client.emit('act');
    await flushed(client);

    await app.app.close();

    expect(steps).toEqual(['left', 'left', 'destroyed']);
  });

  it('P7 tells all clients, whatever their number, each once', async () => {
    const left: string[] = [];
    @SocketGateway()
    class CountingGateway {
      @OnDisconnect()
      left(reason: string) {
        left.push(reason);
      }
    }
    const options = { limits: { handshakesPerAddress: 230 } };
    const app = await startApp({ providers: [CountingGateway], options });
    const clients = await Promise.all(Array.from({ length: 230 }, () => app.connect()));
    const told = Promise.all(clients.map((client) => next(client, 'disconnect')));

    await app.get(SocketIO).stop();

    expect(new Set((await told).map(([reason]) => reason))).toEqual(new Set(['transport close']));
    expect(left).toEqual(clients.map(() => 'server shutting down'));
  });

  it('P7 lets a client that is just connecting come back elsewhere, instead of refusing it for good', async () => {
    const gate = new Gate();
    @SocketGateway('/busy')
    class BusyGateway {
      @OnEvent('act')
      async act() {
        await gate.opened;
        return 'done';
      }
    }
    const app = await startApp({ providers: [BusyGateway], options: { namespaces: '*' } });
    const busy = await app.connect('/busy');
    const fresh = app.open('/late', { autoConnect: false });
    const refusals: unknown[] = [];
    const answer = ask(busy, 'act');
    await flushed(busy);
    await new Promise<void>((resolve) => fresh.io.open(() => resolve())); // the connection, without a namespace

    const closing = app.app.close();
    const late = busy.io.socket('/late', {}).connect();
    for (const client of [late, fresh]) client.on('connect_error', (error) => refusals.push(error.message));
    const ended = [late, fresh].map((client) => next(client, 'disconnect'));
    fresh.connect();
    expect(await ended[1]).toEqual(['transport close', expect.anything()]);
    gate.open();
    expect(await answer).toEqual(['done']);
    await closing;

    expect((await ended[0]!)[0]).toBe('transport close');
    expect([refusals, late.active, fresh.active]).toEqual([[], true, true]);
  });

  it('P7 cuts responses that do not end, when the time is over', async () => {
    @Controller('stream')
    class StreamController {
      @Get()
      stream(@Res() response: { write(text: string): void }) {
        response.write('data: hello\n\n');
      }
    }
    const app = await startApp({ controllers: [StreamController], options: { shutdownTimeout: 300 } });
    const request = get(`${app.url}/stream`).on('error', () => {});
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => {}).resume();
    const cut = new Promise((resolve) => response.on('close', resolve));

    await app.app.close();
    await cut;

    expect(response.complete).toBe(false);
  });

  it('P7 does not wait for a broker that is away', async () => {
    const app = await startApp({ options: { messageQueue: 'redis://127.0.0.1:1', shutdownTimeout: 500 } });
    const client = await app.connect();
    const gone = next(client, 'disconnect');
    await app.app.close();
    expect((await gone)[0]).toBe('transport close');
  });
});
