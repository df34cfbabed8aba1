import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { Inject } from '@nestjs/common';
import {
  call,
  emit,
  g,
  joinRoom,
  OnEvent,
  request,
  rooms,
  session,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { describe, expect, it } from 'vitest';
import { ask, next, startApp } from '../support/app.js';

/** Made by the test: the application does not know it. */
class ChatGateway {
  constructor(private readonly greeting: string) {}

  join(room: string) {
    joinRoom(room);
    emit('joined', `${this.greeting} ${String(session['username'])}`, { to: room });
    return { sid: request.sid, user: request.user, event: request.event, trace: g['trace'], rooms: rooms() };
  }

  async fail() {
    await Promise.resolve();
    throw new RangeError('as it was told');
  }

  endless() {
    return new Promise<void>(() => {});
  }
}

async function started(namespace = '/chat') {
  const running = await startApp({ options: { namespaces: ['/', '/chat'] } });
  const client = await createTestClient(running.app, { namespace, timeout: 500 });
  return { running, client, gateway: new ChatGateway('Welcome') };
}

describe('a handler that a test calls directly', () => {
  it('Q3 K1 K3 has the context that the test wants', async () => {
    const { client, gateway } = await started();

    const answer = await client.run(() => gateway.join('lobby'), {
      event: 'join',
      args: ['lobby'],
      session: { username: 'Ann' },
      user: { id: 7 },
      g: { trace: 'abc' },
    });

    expect(answer).toEqual({
      sid: client.sid(),
      user: { id: 7 },
      event: { message: 'join', args: ['lobby'] },
      trace: 'abc',
      rooms: [client.sid(), 'lobby'],
    });
    expect(client.getReceived()).toEqual([{ name: 'joined', args: ['Welcome Ann'], namespace: '/chat' }]);
  });

  it('Q3 K4 has one of its own for each call; the session stays', async () => {
    const { client } = await started();

    await client.run(() => (session['seen'] = true), { g: { trace: 1 } });
    const later = await client.run(() => [session['seen'], g['trace'], request.event.message]);

    expect(later).toEqual([true, undefined, 'test']);
  });

  it('Q3 rejects with what it throws, and logs nothing of it', async () => {
    const { running, client, gateway } = await started();

    await expect(client.run(() => gateway.fail())).rejects.toThrow(new RangeError('as it was told'));
    expect(running.log.of('error')).toEqual([]);
  });

  it('Q3 rejects where it does not end, and where the client is not connected', async () => {
    const { client, gateway } = await started();

    await expect(client.run(() => gateway.endless())).rejects.toMatchObject({ code: 'FSK_TEST_TIMEOUT' });
    await expect(client.run(() => 1, { namespace: '/' })).rejects.toMatchObject({
      code: 'FSK_TEST_DISCONNECTED',
    });
  });

  it('Q3 E7 may ask its client', async () => {
    const { client } = await started();
    client.on('question', (text: string) => `${text}!`);

    expect(await client.run(() => call('question', 'well'))).toBe('well!');
  });
});

/** Handlers that leave something for later. */
@SocketGateway()
class LaterGateway {
  readonly bus = new EventEmitter();

  constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

  @OnEvent('listen')
  listen() {
    const bound = AsyncResource.bind((text: string) => emit('heard', text));
    this.bus.once('told', bound);
  }

  @OnEvent('tell')
  tell(text: string) {
    this.bus.emit('told', text);
  }

  @OnEvent('work')
  async work() {
    const inContext = AsyncLocalStorage.snapshot();
    const task = this.socketio.startBackgroundTask(async () => {
      await this.socketio.sleep(1);
      return [without(() => emit('worked')), inContext(() => emit('worked', request.event.message))];
    });
    return { error: (await task)![0] };
  }

  @OnEvent('ask')
  async ask() {
    return await call('question', 'me?', { timeout: 200 }).catch((error: { code: string }) => error.code);
  }

  @OnEvent('ask back')
  back() {
    return 'you';
  }

  @OnEvent('ask back at once', { ordering: 'concurrent' })
  backAtOnce() {
    return 'you';
  }
}

function without(act: () => void): unknown {
  try {
    return act();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the context, later', () => {
  it('K4 is that of who bound the function, not of who calls it', async () => {
    const running = await startApp({ providers: [LaterGateway] });
    const [listener, other] = [await running.connect(), await running.connect()];
    const heard = next(listener, 'heard');
    let strayed = false;
    other.on('heard', () => (strayed = true));

    await ask(listener, 'listen');
    await ask(other, 'tell', 'news');

    expect([await heard, strayed]).toEqual([['news'], false]);
  });

  it('K4 Q2 is in a background task where it was taken along, and nowhere else', async () => {
    const running = await startApp({ providers: [LaterGateway] });
    const client = await running.connect();
    const worked = next(client, 'worked');

    const [answer] = await ask(client, 'work');

    expect([answer, await worked]).toEqual([{ error: 'FSK_NO_CONTEXT' }, ['work']]);
  });
});

describe('a client that asks back before it answers (asyncHandlers: false)', () => {
  it.each([
    ['waits for the handler that waits for it', 'ask back', 'FSK_CALL_TIMEOUT'],
    ['does not, where that handler is concurrent', 'ask back at once', 'you'],
  ])('N2 E7 %s', async (_, event, expected) => {
    const running = await startApp({ providers: [LaterGateway], options: { asyncHandlers: false } });
    const client = await running.connect();
    client.on('question', (_text: string, answer: (value: unknown) => void) => {
      client.emit(event, answer);
    });

    expect(await ask(client, 'ask')).toEqual([expected]);
  });
});
