import { randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import {
  OnConnect,
  OnEvent,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
  type Limits,
} from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp, type RunningApp } from '../../support/app.js';
import { Gate, Journal } from '../../support/journal.js';
import { optionsFor, RawClient, TYPE, type Dialect } from '../../support/raw-client.js';
import { whenClosed } from '../../support/when-closed.js';
import { Wire } from '../../support/wire.js';

/** Namespaces that take everybody, nobody, and those for whom the gate is opened. */
async function start(limits: Limits | false = {}, options: FlaskSocketOptions = {}) {
  const gate = new Gate();
  const asked = new Journal();

  @SocketGateway()
  class OpenGateway {
    @OnEvent('echo')
    echo(value: unknown) {
      return value;
    }
  }

  @SocketGateway('/slow')
  class SlowGateway {
    @OnConnect()
    async connect() {
      asked.add('slow');
      await gate.opened;
    }
  }

  @SocketGateway('/closed')
  class ClosedGateway {
    @OnConnect()
    connect() {
      return false;
    }
  }
  const app = await startApp({
    providers: [OpenGateway, SlowGateway, ClosedGateway],
    options: { limits, ...options },
  });
  const { server } = app.get(SocketIO);
  const reached = () => app.get(SocketIO).limits.reached.connectTimeout;
  return { app, gate, asked, server, reached };
}

/** The engine's connections. */
const count = (server: SocketIO['server']) => server.engine.clientsCount;

/** A handshake over polling, with a library's help by no means. */
async function polling(app: RunningApp, version = 4) {
  const url = `${app.url}/socket.io/?EIO=${version}&transport=polling`;
  const opened = await (await fetch(url)).text();
  const { sid } = JSON.parse(opened.slice(opened.indexOf('{'))) as { sid: string };
  return {
    sid,
    poll: () => fetch(`${url}&sid=${sid}`),
    post: (body: string) => fetch(`${url}&sid=${sid}`, { method: 'POST', body }),
  };
}

/** A WebSocket without a library, to send parts of a frame. */
async function bareWebSocket({ port }: RunningApp, query = ''): Promise<TcpSocket> {
  const tcp = connectTcp(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void tcp.destroy());
  const said = new Journal();
  tcp.on('data', (bytes) => said.add(bytes.toString('latin1')));
  tcp.write(
    `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await said.find((text) => text.includes('101 Switching'));
  return tcp;
}

/** The beginning of a masked frame of 900,000 bytes. */
const PARTIAL = Buffer.concat([
  Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x0d, 0xbb, 0xa0, 1, 2, 3, 4]),
  randomBytes(100_000),
]);

describe('limits.connectTimeout', () => {
  it('L3 ends a client that asks for no namespace, and says why; one that has asked waits as long as it takes', async () => {
    const { app, gate, asked, reached } = await start({ connectTimeout: 500 });
    const patient = await Wire.open(app);
    patient.send('40/slow,');
    await asked.reached(1);
    const silent = await Wire.open(app);
    await silent.closed();
    gate.open();
    await patient.find((packet) => packet.startsWith('40/slow,{'));

    expect(silent.packets).toEqual(['44{"message":"Connect timeout"}']);
    expect(reached()).toBe(1);
    expect(app.log.of('warn')).toEqual([
      'A client from 127.0.0.1 asked for no namespace in 500 ms before it connected to a namespace: disconnected (limits.connectTimeout: 500)',
    ]);
  });

  it('L3 ends a client that polls, and says why to the request that waits', async () => {
    const { app, server } = await start({ connectTimeout: 500 });
    const { poll } = await polling(app);

    expect(await (await poll()).text()).toBe('44{"message":"Connect timeout"}');
    expect((await poll()).status).toBe(400);
    expect(count(server)).toBe(0);
  });

  it.each([
    ['was refused', '/closed', '44/closed'],
    ['was refused for a name that nobody serves', '/nowhere', '44/nowhere'],
  ])('L3 begins again for a client that %s', async (_, namespace, refused) => {
    const { app } = await start({ connectTimeout: 500 });
    const wire = await Wire.open(app);
    wire.send(`40${namespace},`);
    await wire.find((packet) => packet.startsWith(refused));
    await wire.closed();

    expect(wire.packets.at(-1)).toBe('44{"message":"Connect timeout"}');
  });

  it.each([
    ['by itself', (wire: Wire) => wire.send('41')],
    ['because the server wants it', (_: Wire, server: SocketIO['server']) => server.disconnectSockets()],
  ])('L3 begins again for a client that has left its last namespace %s', async (_, leave) => {
    const { app, server } = await start({ connectTimeout: 500 });
    const wire = await Wire.open(app);
    await wire.join();
    leave(wire, server);
    await wire.closed();

    expect(wire.packets.at(-1)).toBe('44{"message":"Connect timeout"}');
  });

  it('L3 lets a client that waits in one namespace be refused by another', async () => {
    const { app, gate, asked } = await start({ connectTimeout: 400 });
    const wire = await Wire.open(app);
    wire.send('40/slow,');
    await asked.reached(1);
    wire.send('40/closed,');
    await wire.find((packet) => packet.startsWith('44/closed'));
    const silent = await Wire.open(app);
    await silent.closed();
    gate.open();

    expect(await wire.find((packet) => packet.startsWith('40/slow,{'))).toBeTruthy();
  });

  it('L3 leaves a time-out that was given to socket.io to socket.io', async () => {
    const { app, server, reached } = await start({ connectTimeout: 20 }, { server: { connectTimeout: 150 } });
    expect(server.connectTimeout()).toBe(150);
    const silent = await Wire.open(app);
    await silent.closed();

    expect([silent.packets, reached()]).toEqual([[], 0]);
  });

  it.each([[false], [{ connectTimeout: false }]] as const)('L3 is off with limits: %o', async (limits) => {
    const { server } = await start(limits);

    expect(server.connectTimeout()).toBe(45_000); // socket.io's own
  });
});

describe('before a client has asked for a namespace', () => {
  it.each<[string, Dialect, (client: RawClient) => void]>([
    ['binary data', 'default', (client) => client.sendRaw(Buffer.from('x'))],
    ['binary data of protocol 3', 'protocol 3', (client) => client.sendRaw(Buffer.from('x'))],
    ['more than 64 KiB', 'default', (client) => client.sendRaw(`0${'x'.repeat(66_000)}`)],
    ['more than 64 KiB of msgpack', 'msgpack', (client) => client.sendRaw(randomBytes(66_000))],
  ])('L3 %s ends a client', async (_, dialect, send) => {
    const { app, server, reached } = await start({}, { ...optionsFor(dialect) });
    const client = await RawClient.open(app.port, dialect);
    if (dialect === 'protocol 3') {
      await client.join(); // which it has not asked for
      server.disconnectSockets();
      await client.received.find(({ type }) => type === TYPE.disconnect);
    }
    send(client);
    await client.closed();

    expect(reached()).toBe(1);
  });

  it('L3 parts of a message are refused when they are 64 KiB', async () => {
    const { app, server, reached } = await start();
    const tcp = await bareWebSocket(app);
    tcp.write(PARTIAL);
    await whenClosed(tcp);

    expect([count(server), reached()]).toEqual([0, 1]);
  });

  it('L3 parts of a message are refused on a WebSocket that is to replace polling, too', async () => {
    const { app, server, reached } = await start();
    const { sid } = await polling(app);
    const tcp = await bareWebSocket(app, `&sid=${sid}`);
    tcp.write(PARTIAL);
    await whenClosed(tcp);

    expect([count(server), reached()]).toEqual([0, 1]);
  });

  it('L3 the body of a request is refused with 413, and ends the client', async () => {
    const { app, server, reached } = await start();
    const { post } = await polling(app);

    expect((await post(`40${'x'.repeat(66_000)}`)).status).toBe(413);
    expect([count(server), reached()]).toEqual([0, 1]);
  });

  it('L3 many small packets are refused when they are 64 KiB', async () => {
    const { app, server } = await start();
    const { post } = await polling(app);
    const body = `40/nowhere,{"token":"${'x'.repeat(30_000)}"}`;
    const statuses = [];
    for (let sent = 0; sent < 3; sent++) statuses.push((await post(body)).status);

    expect(statuses).toEqual([200, 200, 200]);
    expect(count(server)).toBe(0);
  });

  it('L3 credentials of 60 KiB are taken', async () => {
    const { app } = await start();
    const token = 'x'.repeat(60_000);

    expect((await app.connect('/', { auth: { token } })).connected).toBe(true);
    expect((await app.connect('/', { auth: { token }, transports: ['polling'] })).connected).toBe(true);
  });
});

describe('after a client has asked for a namespace', () => {
  it.each<Dialect>(['default', 'msgpack', 'protocol 3'])(
    'L3 takes binary data, and large data, of %s',
    async (dialect) => {
      const { app } = await start({}, { ...optionsFor(dialect), maxHttpBufferSize: 1_000_000 });
      const client = await RawClient.connect(app.port, dialect);
      const large = 'y'.repeat(200_000);
      client.send({ type: TYPE.event, nsp: '/', data: ['echo', large], id: 1 });

      expect(await client.dataOf(1)).toEqual([large]);
    },
  );

  it('L3 takes what follows the CONNECT packet at once', async () => {
    const { app } = await start();
    const client = await RawClient.open(app.port);
    client.sendRaw('0');
    client.sendRaw('51-1["echo",{"_placeholder":true,"num":0}]');
    client.sendRaw(randomBytes(100_000));

    const { data } = await client.received.find(({ id }) => id === 1);
    expect((data as Buffer[])[0]).toHaveLength(100_000);
  });

  it('L3 takes large bodies of a client that polls, before and after its upgrade', async () => {
    const { app } = await start();
    const large = 'z'.repeat(300_000);
    const client = await app.connect('/', { transports: ['polling', 'websocket'] });

    expect(await client.emitWithAck('echo', large)).toBe(large);
    const poller = await app.connect('/', { transports: ['polling'] });
    expect(await poller.emitWithAck('echo', large)).toBe(large);
  });
});
