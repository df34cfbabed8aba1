import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { args, emit, Ip, OnEvent, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../support/portless.js';

@SocketGateway()
class EchoGateway {
  @OnEvent('echo')
  echo(...values: unknown[]) {
    emit('echo', args(...values));
    return args(...values);
  }

  @OnEvent('size')
  size(bytes: Buffer) {
    return bytes.length;
  }

  @OnEvent('bytes')
  bytes(size: number) {
    emit('bytes', Buffer.alloc(size, 7));
  }

  @OnEvent('later')
  async later(milliseconds: number) {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    emit('done');
  }

  @OnEvent('address')
  address(@Ip() ip: string) {
    return ip;
  }
}

type Prepare = (app: INestApplication) => Promise<unknown>;
const nothing: Prepare = async () => {};
const init: Prepare = (app) => app.init();
const listen: Prepare = (app) => app.listen(0, '127.0.0.1');
const fastify = () => new FastifyAdapter();

describe.each([
  ['Express, not initialised', undefined, nothing],
  ['Express, initialised', undefined, init],
  ['Express, listening', undefined, listen],
  ['Fastify, not initialised', fastify, nothing],
  ['Fastify, initialised', fastify, init],
  ['Fastify, listening', fastify, listen],
])('an application on %s', (_, adapter, prepare) => {
  it('Q3 has test clients', async () => {
    const app = await createApp({ providers: [EchoGateway], adapter });
    await prepare(app);
    const client = await createTestClient(app);

    expect(await client.call('echo', args(1, Buffer.from('two')))).toEqual([1, Buffer.from('two')]);
    expect(await client.call('address')).toBe('127.0.0.1');
    await client.close();
  });
});

describe('an application over TLS', () => {
  it('Q3 has test clients, of its own origin', async () => {
    const app = await createApp({ providers: [EchoGateway], https: {} });
    const client = await createTestClient(app, { headers: { origin: 'https://127.0.0.1' } });

    expect(await client.call('echo', 1)).toBe(1);
  });
});

describe('an application with msgpack', () => {
  it('Q3 has test clients', async () => {
    const app = await createApp({ providers: [EchoGateway], options: { serializer: 'msgpack' } });
    const client = await createTestClient(app, { auth: { token: 1 } });
    const data = { bytes: Buffer.from([1, 2]), list: [1, null, 'x'] };

    expect(await client.call('echo', args(data, 2))).toEqual([data, 2]);
    expect(client.getReceived()).toEqual([{ name: 'echo', args: [data, 2], namespace: '/' }]);
    await expect(client.emit('echo', () => {})).rejects.toThrow('FSK_NOT_SERIALIZABLE');
    await client.disconnect();
    expect(await client.connect()).toBe(true);
  });
});

describe('what is large', () => {
  it('Q3 arrives from the server as a whole, with all that follows', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    const client = await createTestClient(app);

    await Promise.all([
      client.emit('bytes', 5_000_000),
      client.emit('bytes', 1),
      client.emit('bytes', 5_000_000),
    ]);

    const sizes = client.getReceived().map((event) => (event.args as Buffer[])[0]?.length);
    expect(sizes).toEqual([5_000_000, 1, 5_000_000]);
  });

  it('Q3 arrives from the client up to the limit', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    const client = await createTestClient(app);

    expect(await client.call('size', Buffer.alloc(999_000))).toBe(999_000);
  });

  it('Q3 ends the connection of a client that goes beyond the limit', async () => {
    const app = await createApp({ providers: [EchoGateway], options: { maxHttpBufferSize: 1_000 } });
    const client = await createTestClient(app);

    await expect(client.call('size', Buffer.alloc(1_001))).rejects.toThrow('FSK_TEST_DISCONNECTED');

    expect(client.isConnected()).toBe(false);
    expect(client.disconnectReason()).toBe('transport close');
  });
});

describe('fake timers', () => {
  afterEach(() => void vi.useRealTimers());

  const hour = 3_600_000;

  it.each(['before', 'after'])('Q3 that begin %s the test client do not stop it', async (when) => {
    const app = await createApp({ providers: [EchoGateway] });
    if (when === 'before') vi.useFakeTimers();
    const client = await createTestClient(app);
    if (when === 'after') vi.useFakeTimers();

    expect(await client.call('echo', 1)).toBe(1);
    expect(await client.waitFor('echo')).toMatchObject({ args: [1] });
    await expect(client.waitFor('nothing', { timeout: 10 })).rejects.toThrow('FSK_TEST_TIMEOUT');
    await client.expectNothing(10);
  });

  it.each(['before', 'after'])('Q3 that begin %s the test client move its handlers', async (when) => {
    const app = await createApp({ providers: [EchoGateway] });
    if (when === 'before') vi.useFakeTimers();
    const client = await createTestClient(app);
    if (when === 'after') vi.useFakeTimers();

    const sent = client.emit('later', hour);
    await client.expectNothing();
    await vi.advanceTimersByTimeAsync(hour);
    await sent;

    expect(client.getReceived()).toHaveLength(1);
  });

  it.each(['before', 'after'])(
    'Q3 that begin %s the test client may jump an hour ahead: it stays connected',
    async (when) => {
      const app = await createApp({ providers: [EchoGateway] });
      if (when === 'before') vi.useFakeTimers();
      const client = await createTestClient(app);
      if (when === 'after') vi.useFakeTimers();

      vi.advanceTimersByTime(hour);

      expect(await client.call('echo', 1)).toBe(1);
      await vi.advanceTimersByTimeAsync(hour);
      expect(await client.call('echo', 2)).toBe(2);
    },
  );

  it('Q3 that end do not stop it', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    vi.useFakeTimers();
    const client = await createTestClient(app);
    vi.useRealTimers();

    expect(await client.call('echo', 1)).toBe(1);
    await client.close();
    expect(client.isConnected()).toBe(false);
  });
});

describe('a server that speaks without end', () => {
  it('Q3 does not keep a test client from going on', async () => {
    const app = await createApp({ providers: [EchoGateway] });
    const client = await createTestClient(app);
    const socketio = app.get(SocketIO);
    let speaking = true;
    const speak = () => {
      socketio.emit('tick');
      if (speaking) setImmediate(speak);
    };
    speak();

    const answer = await client.call('echo', 1);
    speaking = false;

    expect(answer).toBe(1);
  });
});

describe('other test runners', () => {
  it('Q3 node:test runs test clients, and nothing keeps the process alive', { timeout: 60_000 }, async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        '--test',
        '--test-reporter=tap',
        new URL('../support/runners/node-test.mjs', import.meta.url).pathname,
      ],
      { timeout: 30_000, env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
    );

    expect(stdout).toMatch(/^# pass 2$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
  });
});
