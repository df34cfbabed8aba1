import { connect as connectTcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  disconnect,
  OnDisconnect,
  OnEvent,
  Reason,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ask, startApp } from '../../support/app.js';
import { Gate, Journal } from '../../support/journal.js';
import { RawPolling, WIRES } from '../../support/raw-polling.js';
import { whenClosed } from '../../support/when-closed.js';

const MANY = 10_000;

interface RawConnection {
  on(event: 'packet', listener: () => void): void;
}

async function start(options: FlaskSocketOptions = {}) {
  const heard = new Journal<unknown>();
  const left = new Journal();
  const gate = new Gate();

  @SocketGateway()
  class CountingGateway {
    @OnEvent('count')
    count(value: unknown) {
      heard.add(value);
    }

    @OnEvent('wait')
    async wait(value: unknown) {
      await gate.opened;
      heard.add(value);
    }

    @OnEvent('leave')
    leave(closesAll: boolean) {
      if (closesAll) app.get(SocketIO).server.disconnectSockets(true);
      else disconnect();
    }

    @OnDisconnect()
    left(@Reason() reason: string) {
      left.add(reason);
    }
  }
  const limits = { eventRate: false, eventBurst: false } as const;
  const app = await startApp({
    providers: [CountingGateway],
    options: { allowEIO3: true, limits, ...options },
  });
  return { app, heard, left, gate };
}

const event = (...data: unknown[]) => `42${JSON.stringify(data)}`;
const counts = (count: number) => Array.from({ length: count }, (_, value) => event('count', value));
const numbers = (count: number) => Array.from({ length: count }, (_, value) => value);

describe('the packets of one POST', () => {
  it.each(WIRES)('L9 arrive all and in their order, %s', async (wire) => {
    const { app, heard } = await start();
    const client = await RawPolling.connect(app.url, wire);

    const status = await client.post(counts(MANY));

    expect(status).toBe(200);
    expect(await heard.reached(MANY)).toEqual(numbers(MANY));
  });

  it.each(WIRES)('L9 keep what is special in their texts, %s', async (wire) => {
    const { app, heard } = await start();
    const client = await RawPolling.connect(app.url, wire);
    const texts = ['a\nb', String.raw`a\nb`, 'ä😀\u2028', '1:2+3%41&d=5 '];

    await client.post(texts.map((text) => event('count', text)));

    expect(await heard.reached(texts.length)).toEqual(texts);
  });

  it.each(WIRES)('L9 let others have their turn between them, %s', async (wire) => {
    const { app, heard } = await start();
    const other = await app.connect();
    const client = await RawPolling.connect(app.url, wire);
    const posted = client.post(counts(2 * MANY));

    await heard.reached(1);
    const answered = ask(other, 'count', 'other').then(() => heard.entries.length);
    await Promise.all([posted, heard.reached(2 * MANY + 1)]);

    expect(await answered).toBeLessThan(2 * MANY);
  });

  it('L9 wait while nothing is to be read from the client', async () => {
    const { app, heard, gate } = await start({ asyncHandlers: false });
    const packets = new Journal();
    app
      .get(SocketIO)
      .server.engine.on('connection', (connection: RawConnection) =>
        connection.on('packet', () => packets.add('one')),
      );
    const client = await RawPolling.connect(app.url);
    const posted = client.post([event('wait', 'first'), ...counts(MANY)]);

    await packets.reached(1_000);
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    const whileWaiting = packets.entries.length;
    gate.open();
    const status = await posted;

    expect(whileWaiting).toBeLessThan(2_000);
    expect({ status, heard: await heard.reached(MANY + 1) }).toEqual({
      status: 200,
      heard: ['first', ...numbers(MANY)],
    });
  });

  it.each([
    ['a namespace', 'its end', false, false],
    ['a namespace', 'as engine.io tells it', false, true],
    ['all', 'its end', true, false],
    ['all', 'as engine.io tells it', true, true],
  ])(
    'L9 are dropped when one of them disconnects their client from %s, which is told %s',
    async (_all, _told, all, isEngines) => {
      const { app, heard, left } = await start(isEngines ? { limits: false } : {});
      const client = await RawPolling.connect(app.url);
      const polled = client.poll();

      const status = await client.post([...counts(1_000), event('leave', all), ...counts(MANY)]);

      await left.reached(1);
      expect({ status, polled: await polled, left: left.entries, heard: heard.entries }).toEqual({
        status: 200,
        polled: '41',
        left: ['server namespace disconnect'],
        heard: numbers(1_000),
      });
    },
  );

  it('L9 end with that by which a client says goodbye', async () => {
    const { app, heard, left } = await start();
    const client = await RawPolling.connect(app.url);

    const status = await client.post([...counts(1_000), '1', ...counts(1_000)]);

    await left.reached(1);
    expect({ status, left: left.entries, next: await client.poll() }).toEqual({
      status: 200,
      left: ['transport close'],
      next: 400,
    });
    expect(heard.entries.length).toBeLessThanOrEqual(1_000);
  });

  it('L9 C7 end where one is no packet, and the connection with them', async () => {
    const { app, left } = await start();
    const client = await RawPolling.connect(app.url);

    const status = await client.post([...counts(100), 'x', ...counts(100)]);

    expect({ status, left: await left.reached(1) }).toEqual({ status: 200, left: ['parse error'] });
  });
});

describe('a POST that takes its time', () => {
  afterEach(() => void vi.useRealTimers());

  /** The clock is the test's. */
  async function startWith(options: FlaskSocketOptions = {}) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const started = await start(options);
    return { ...started, client: await RawPolling.connect(started.app.url) };
  }

  /** What has been sent has been read. */
  async function read(app: { url: string }, times = 20): Promise<void> {
    for (let time = 0; time < times; time++) await fetch(app.url);
  }

  it('L9 is cut within ten seconds if it brings hardly anything, and its client with it', async () => {
    const { app, client, left } = await startWith();
    const waiting = client.poll();
    const upload = client.begin({ 'content-length': 1_000 });
    for (let second = 0; second < 10; second++) {
      upload.send('4');
      await read(app, 2);
      vi.advanceTimersByTime(1_000);
    }

    await upload.closed;
    expect({ status: await upload.status, left: await left.reached(1), polled: await waiting }).toEqual({
      status: 408,
      left: ['transport error'],
      polled: '1',
    });
    expect(app.log.of('warn')).toEqual([
      'A POST request brought less than 65536 bytes in 9 seconds. Its client is disconnected: 127.0.0.1',
    ]);
  });

  it('L9 is taken as long as it brings something', async () => {
    const { app, client, heard } = await startWith();
    const body = event('count', 'x'.repeat(300_000));
    const upload = client.begin({ 'content-length': body.length });
    const part = 70_000;
    for (let sent = 0; sent < body.length; sent += part) {
      upload.send(body.slice(sent, sent + part));
      await read(app);
      vi.advanceTimersByTime(9_000);
    }

    expect(await upload.status).toBe(200);
    expect(await heard.reached(1)).toEqual(['x'.repeat(300_000)]);
  });

  it.each([
    ['its client is unknown', '400', 'x', 1_000],
    ['it is too large', '413', '', 1_100_000],
  ])('L9 does not stay open when it has been answered, because %s', async (_, status, suffix, length) => {
    const { app, client } = await startWith();
    const { pathname, search } = new URL(client.url);
    const tcp = connectTcp(app.port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void tcp.destroy());
    const closed = whenClosed(tcp);
    const said = new Journal();
    tcp.on('data', (bytes) => said.add(bytes.toString()));
    tcp.write(`POST ${pathname}${search}${suffix} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n4`);
    const dribbling = setInterval(() => tcp.write('4'), 100); // Node closes what is silent
    onTestFinished(() => clearInterval(dribbling));
    await said.find((text) => text.startsWith(`HTTP/1.1 ${status}`));
    await read(app);
    vi.advanceTimersByTime(5_000);

    await expect(closed).resolves.toBeUndefined();
  });
});

describe('a POST that is too much', () => {
  it('L9 C7 is refused before it comes, if it says how large it is', async () => {
    const { app, left } = await start();
    const client = await RawPolling.connect(app.url);

    const upload = client.begin({ 'content-length': 1_100_000 });

    expect({ status: await upload.status, left: await left.reached(1) }).toEqual({
      status: 413,
      left: ['transport error'],
    });
  });

  it('L9 is not read for ever', async () => {
    const { app } = await start();
    const client = await RawPolling.connect(app.url);
    const upload = client.begin();
    const { request: sending } = upload;
    const more = () => {
      while (!sending.destroyed && sending.write(Buffer.alloc(1_000_000, 'x')));
    };
    sending.on('drain', more);
    more();

    await upload.closed;
    expect([413, undefined]).toContain(await upload.status); // it may be busy with sending
  });

  it('L9 in crumbs is refused, and its client with it', async () => {
    const { app, left } = await start();
    const client = await RawPolling.connect(app.url);
    const upload = client.begin();
    for (let crumb = 0; crumb < 2_000; crumb++) upload.send('4');

    await upload.closed;
    expect(await left.reached(1)).toEqual(['transport error']);
    expect(app.log.of('warn')).toEqual([
      'A POST request came in pieces of a few bytes. Its client is disconnected: 127.0.0.1',
    ]);
  });
});

it('L9 C7 a compressed bomb ends its client over WebSocket', async () => {
  const { app, left } = await start({ server: { perMessageDeflate: { threshold: 0 } } });
  const address = `${app.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const bomb = new WebSocket(address, { perMessageDeflate: { threshold: 0 } });
  const closed = new Promise<number>((resolve) => bomb.once('close', resolve));
  await new Promise((resolve) => bomb.once('message', resolve));
  bomb.send('40');
  await new Promise((resolve) => bomb.once('message', resolve));

  bomb.send(`42["count","${'x'.repeat(50_000_000)}"]`);

  expect({ code: await closed, left: await left.reached(1) }).toEqual({
    code: 1009,
    left: ['transport error'],
  });
});

it('L9 with `limits: false` requests are read as engine.io reads them', async () => {
  const { app, heard } = await start({ limits: false });
  const client = await RawPolling.connect(app.url);
  const { clients } = app.get(SocketIO).server.engine as unknown as {
    clients: Record<string, { transport: object }>;
  };

  await client.post(counts(100));

  expect(await heard.reached(100)).toEqual(numbers(100));
  expect(Object.keys(Object.values(clients)[0]!.transport)).not.toContain('onDataRequest');
});
