import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, UseGuards, type CanActivate } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { emit, OnDisconnect, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, next, startApp } from '../support/app.js';
import { Journal } from '../support/journal.js';

const als = new AsyncLocalStorage<string>();

@Injectable()
class EnteringGuard implements CanActivate {
  canActivate() {
    als.enterWith('Ann');
    return true;
  }
}

const left = new Journal<string>();
const entered = new Journal<string>();

function enter(where: string) {
  als.enterWith('Ann');
  entered.add(where);
}

@SocketGateway()
class LeakingGateway {
  @UseGuards(EnteringGuard)
  @OnEvent('guarded')
  guarded() {
    return als.getStore();
  }

  @OnEvent('method')
  method() {
    als.enterWith('Ann');
    return als.getStore();
  }

  @OnEvent('asks')
  asks() {
    emit('question', 1, { callback: () => enter('a callback') });
  }

  @OnEvent('look')
  look() {
    return als.getStore() ?? 'nobody';
  }

  @OnDisconnect()
  disconnect() {
    left.add(`/ ${als.getStore()}`);
    als.enterWith('Ann');
  }

  @OnDisconnect('/other')
  otherDisconnect() {
    left.add(`/other ${als.getStore()}`);
    als.enterWith('Ann');
  }

  @OnEvent('x', '/other')
  x() {}
}

@WebSocketGateway()
class NestsGateway {
  @SubscribeMessage('nests')
  nests() {
    als.enterWith('Ann');
    return als.getStore();
  }

  @SubscribeMessage('nests look')
  look() {
    return als.getStore() ?? 'nobody';
  }
}

const start = () => startApp({ providers: [LeakingGateway, NestsGateway] });

describe('K4 what enterWith() writes into an AsyncLocalStorage of the application ends with its event:', () => {
  const WRITERS = ['guarded', 'method', 'nests'];
  const READERS = ['look', 'nests look'];
  const CASES = (['websocket', 'polling'] as const).flatMap((transport) =>
    WRITERS.flatMap((writer) => READERS.map((reader) => [writer, reader, transport] as const)),
  );

  it.each(CASES)('%s, then %s, by %s', async (writer, reader, transport) => {
    const app = await start();
    const client = await app.connect('/', { transports: [transport] });

    const first = await ask(client, writer);
    const second = [await ask(client, reader), await ask(client, reader)];

    expect({ first, second }).toEqual({ first: ['Ann'], second: [['nobody'], ['nobody']] });
  });

  it('in a callback', async () => {
    entered.entries.splice(0);
    const app = await start();
    const client = await app.connect();
    const question = next(client, 'question');

    client.emit('asks');
    const [, answer] = (await question) as [number, () => void];
    answer();
    await entered.reached(1);

    expect(await ask(client, 'look')).toEqual(['nobody']);
  });

  it('in a middleware of the socket', async () => {
    entered.entries.splice(0);
    const app = await start();
    app.get(SocketIO).server.on('connection', (socket) => {
      socket.use(([name], done) => {
        if (name === 'enter') enter('a middleware');
        done();
      });
    });
    const client = await app.connect();

    client.emit('enter');
    await entered.reached(1);

    expect(await ask(client, 'look')).toEqual(['nobody']);
  });

  it('in @OnDisconnect(), although all namespaces of a client leave in one turn', async () => {
    const app = await start();
    const client = await app.connect();
    await app.also(client, '/other');

    left.entries.splice(0);
    client.io.engine.close();

    expect((await left.reached(2)).toSorted()).toEqual(['/ undefined', '/other undefined']);
  });
});
