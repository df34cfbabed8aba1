import { randomBytes } from 'node:crypto';
import { connect, type Socket as TcpSocket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { OnDisconnect, SocketGateway, SocketIO, type FlaskSocketOptions } from 'nestjs-flask-socket';
import type { Server } from 'socket.io';
import type { Socket } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { inbox, startApp, type RunningApp } from '../../support/app.js';
import { Journal } from '../../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE, type RawPacket } from '../../support/raw-client.js';

const KB = 1_024;
const MB = KB * KB;
const TEXT = 'x'.repeat(64 * KB);

interface EngineSocket {
  readonly writeBuffer: readonly unknown[];
}

/** An application that notes for which reason clients leave. */
async function start(options: FlaskSocketOptions = {}) {
  const left = new Journal();

  @SocketGateway()
  class NewsGateway {
    @OnDisconnect()
    disconnect(reason: string) {
      left.add(reason);
    }
  }
  const app = await startApp({ providers: [NewsGateway], options });
  const { server } = app.get(SocketIO);
  const reached = () => app.get(SocketIO).limits.reached.pendingBytes;
  return { app, left, server, reached };
}

/** The packets that wait for the client that came first; none once it has gone. */
function queueOf({ sockets: { sockets } }: Server): readonly unknown[] {
  const [first] = sockets.values();
  return (first?.conn as unknown as EngineSocket | undefined)?.writeBuffer ?? [];
}

/** Sends news to all, one in a turn, until so many packets wait for the client that came first. */
async function feed(server: Server, count: number): Promise<void> {
  while (queueOf(server).length < count && server.sockets.sockets.size > 0) {
    server.emit('news', TEXT);
    await nextTurn();
  }
}

/** Resolves when all that waits for the client that came first has been handed to its transport. */
async function handedOver(server: Server): Promise<void> {
  while (queueOf(server).length > 0) await nextTurn();
}

/** Resolves when a number of news has come. */
async function heard(client: RawClient, count: number): Promise<RawPacket[]> {
  const isNews = ({ type, data }: RawPacket) => type === TYPE.event && (data as unknown[])[0] === 'news';
  await client.received.find((packet) => isNews(packet) && (packet.data as unknown[])[1] === count - 1);
  return client.received.entries.filter(isNews);
}

/** Reads no more, so that what comes stays in the kernel. */
function stopReading({ io }: Socket): TcpSocket {
  const { ws } = io.engine.transport as unknown as { ws: { _socket: TcpSocket } };
  return ws._socket.pause();
}

/** A client over polling whose requests are made by hand. */
class Poller {
  private constructor(
    private readonly port: number,
    readonly sid: string,
  ) {}

  static async connect({ port }: RunningApp): Promise<Poller> {
    const opened = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
    const poller = new Poller(port, sid);
    await fetch(poller.url, { method: 'POST', body: '40' });
    await poller.poll(); // the acceptance
    return poller;
  }

  get path(): string {
    return `/socket.io/?EIO=4&transport=polling&sid=${this.sid}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}${this.path}`;
  }

  async poll(): Promise<string> {
    return (await fetch(this.url)).text();
  }

  /** A poll on a TCP connection of its own, whose response is not read. */
  pollUnread(headers = ''): TcpSocket {
    const tcp = connect(this.port, '127.0.0.1').pause();
    tcp.on('error', () => {});
    tcp.write(`GET ${this.path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
    onTestFinished(() => void tcp.destroy());
    return tcp;
  }
}

it.each(DIALECTS)(
  'L2 a client of %s that does not read is disconnected as a slow reader, and one that reads loses nothing',
  async (dialect) => {
    const { app, left, server } = await start(optionsFor(dialect));
    const slow = await RawClient.connect(app.port, dialect);
    const other = await RawClient.connect(app.port, dialect);
    slow.socket.pause();

    let sent = 0;
    while (queueOf(server).length < 30) {
      server.emit('news', sent, TEXT);
      await heard(other, ++sent);
    }
    await left.has('slow reader');
    server.emit('news', sent, 'still here');
    const news = await heard(other, ++sent);

    expect({
      left: left.entries,
      news: news.map(({ data }) => (data as unknown[])[1]),
      reached: app.get(SocketIO).limits.reached.pendingBytes,
      log: app.log.of('warn'),
    }).toEqual({
      left: ['slow reader'],
      news: Array.from({ length: sent }, (_, number) => number),
      reached: 1,
      log: [
        expect.stringMatching(
          /^A client reads too slowly: \d{7} bytes wait for it, .*127\.0\.0\.1 \(limits\.pendingBytes: 1048576\)$/,
        ),
      ],
    });
  },
);

it.each([
  ['has no request waiting', 0],
  ['reads no response, on several TCP connections', 5],
])('L2 a client over polling that %s is disconnected as a slow reader', async (_, polls) => {
  const { app, left, server } = await start({ limits: { pendingBytes: 4 * MB } });
  const poller = await Poller.connect(app);

  const connections: TcpSocket[] = [];
  while (connections.length < polls && left.entries.length === 0) {
    await feed(server, 180);
    connections.push(poller.pollUnread());
    await handedOver(server);
  }
  if (polls === 0) await feed(server, 100);

  await left.has('slow reader');
  await Promise.all(connections.map((tcp) => new Promise((resolve) => tcp.resume().once('close', resolve))));
  expect((await fetch(poller.url)).status).toBe(400); // it may come back
});

it('L2 what is compressed for a client that does not read is counted', async () => {
  const { app, left, server } = await start({ server: { perMessageDeflate: { threshold: 0 } } });
  const slow = await RawClient.connect(app.port);
  expect(slow.socket.extensions).toContain('permessage-deflate');
  slow.socket.pause();

  while (left.entries.length === 0) {
    server.emit('news', randomBytes(16 * KB).toString('base64'));
    await nextTurn();
  }
  expect(left.entries).toEqual(['slow reader']);
});

it('L2 it holds on an engine of the application, too', async () => {
  const { app, left, server } = await start({ server: { wsEngine: WebSocketServer as never } });
  const slow = await RawClient.connect(app.port);
  slow.socket.pause();
  await feed(server, 30);

  expect(await left.reached(1)).toEqual(['slow reader']);
});

it('L2 it holds after an upgrade, and the client of Socket.IO comes back, as a new one', async () => {
  const { app, left, server } = await start({ connectionStateRecovery: true });
  const client = await app.connect('/', {
    transports: ['polling', 'websocket'],
    reconnection: true,
    reconnectionDelay: 1,
  });
  while (client.io.engine.transport.name === 'polling') await nextTurn();
  const tcp = stopReading(client);
  await feed(server, 30);
  await left.has('slow reader');

  const back = new Promise((resolve) => client.once('connect', () => resolve(client.recovered)));
  tcp.resume();
  expect(await back).toBe(false); // else it would be sent all that it could not read
});

it("L2 listeners of the raw server and Nest's own gateways hear the reason, too", async () => {
  const heardBy = new Journal<unknown>();

  @WebSocketGateway()
  class OwnGateway {
    @SubscribeMessage('anything')
    anything() {}

    handleDisconnect() {
      heardBy.add('gateway');
    }
  }
  const app = await startApp({ providers: [OwnGateway] });
  const { server } = app.get(SocketIO);
  server.on('connection', (socket) => socket.on('disconnect', (reason) => heardBy.add(reason)));
  const slow = await RawClient.connect(app.port);
  slow.socket.pause();
  await feed(server, 30);

  expect(new Set(await heardBy.reached(2))).toEqual(new Set(['gateway', 'slow reader']));
});

it('L2 one message larger than the limit is waited for, and so is what is read meanwhile', async () => {
  const { app, left, server, reached } = await start();
  const file = 'x'.repeat(20 * MB);
  const patient = await app.connect();
  const tcp = stopReading(patient);
  const events = inbox(patient);
  server.emit('file', file);
  for (let count = 0; count < 10; count++) server.emit('news', TEXT);
  const slow = await RawClient.connect(app.port);
  slow.socket.pause();
  for (let count = 0; count < 160; count++)
    server.sockets.sockets.forEach((socket) => socket.id === patient.id || socket.emit('news', TEXT));
  await left.has('slow reader'); // the other one, later

  tcp.resume();
  while (events.length < 11) await nextTurn();
  expect({ first: events[0]![1] === file, reached: reached() }).toEqual({ first: true, reached: 1 });
});

it('L2 a burst of many times the limit is no offence of a client that reads it', async () => {
  const { app, left, server, reached } = await start();
  const client = await app.connect();
  const events = inbox(client);
  for (let count = 0; count < 200; count++) server.emit('news', TEXT); // 12 MB
  while (events.length < 200) await nextTurn();

  expect({ left: left.entries, reached: reached() }).toEqual({ left: [], reached: 0 });
});

it('L2 what is queued at once is bounded: above 16 times the limit the client goes at once', async () => {
  const { app, left, server } = await start({ limits: { pendingBytes: 100_000 } });
  const slow = await RawClient.connect(app.port);
  slow.socket.pause();
  const { conn } = [...server.sockets.sockets.values()][0]!;
  for (let count = 0; count < 100_000; count++) server.emit('a');

  expect((conn as unknown as EngineSocket).writeBuffer.length).toBeLessThan(16 * 2_000); // a packet counts 64 bytes beside its data
  expect(await left.reached(1)).toEqual(['slow reader']);
  await nextTurn();
  expect((conn as unknown as EngineSocket).writeBuffer).toEqual([]);
});

it('L2 volatile events are dropped for a client that is behind, and none of the others', async () => {
  const { app, server, left } = await start();
  const client = await app.connect();
  const tcp = stopReading(client);
  await feed(server, 10);
  const events = inbox(client);
  server.volatile.emit('position', 1);
  server.emit('end');
  tcp.resume();
  while (events.at(-1)?.[0] !== 'end') await nextTurn();

  expect({ dropped: events.every(([name]) => name !== 'position'), left: left.entries }).toEqual({
    dropped: true,
    left: [],
  });
});

it.each([false, { pendingBytes: false }] as const)('L2 limits: %j listens to nothing', async (limits) => {
  const { app, server } = await start({ limits });
  await app.connect();
  const [socket] = server.sockets.sockets.values();

  expect(socket!.conn.listenerCount('packetCreate')).toBe(0);
});
