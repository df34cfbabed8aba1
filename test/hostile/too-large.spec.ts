import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import { OnDisconnect, OnEvent, Reason, request, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { Journal } from '../support/journal.js';
import { DIALECTS, optionsFor, RawClient, TYPE } from '../support/raw-client.js';
import { whenClosed } from '../support/when-closed.js';

const LIMIT = 1_000;

async function start(options = {}) {
  const left = new Journal();
  @SocketGateway('*')
  class LeavingGateway {
    @OnEvent('ping')
    ping() {
      return 'pong';
    }

    @OnDisconnect()
    disconnect(@Reason() reason: string) {
      left.add(`${request.namespace} ${reason}`);
    }
  }
  const app = await startApp({
    providers: [LeavingGateway],
    options: { maxHttpBufferSize: LIMIT, namespaces: ['/', '/other'], ...options },
  });
  return { app, left };
}

const tooLarge = (nsp = '/') => ({ type: TYPE.event, nsp, data: ['x', 'y'.repeat(2_000)] });

describe('a message larger than option maxHttpBufferSize', () => {
  it.each(DIALECTS)('C7 ends its client of %s at once; the log says why, once', async (dialect) => {
    const { app, left } = await start(optionsFor(dialect));
    const client = await RawClient.connect(app.port, dialect);
    await client.join('/other');

    client.send(tooLarge());

    expect((await left.reached(2)).toSorted()).toEqual(['/ transport error', '/other transport error']);
    expect(app.log.of('warn')).toEqual([
      expect.stringMatching(/a message of 20\d\d bytes, where option maxHttpBufferSize takes 1000\. .*sid /),
    ]);
  });

  /** A client that polls, without a library. */
  async function polling(app: RunningApp) {
    const url = `${app.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)) as { sid: string };
    const post = (body: RequestInit['body']) =>
      fetch(`${url}&sid=${sid}`, { method: 'POST', body, duplex: 'half' } as RequestInit);
    await (await post('40')).text();
    return { post, poll: () => fetch(`${url}&sid=${sid}`) };
  }

  const BODIES: [string, () => RequestInit['body'], RegExp][] = [
    ['at once', () => `42["x","${'y'.repeat(2_000)}"]`, /a message of 2010 bytes/],
    [
      'in pieces, without saying how large it is',
      () => new Blob(['42["x","', 'y'.repeat(2_000), '"]']).stream(),
      /more than 1000 bytes/,
    ],
  ];

  it.each(BODIES)('C7 ends its client that polls, sent %s', async (_, body, line) => {
    const { app, left } = await start();
    const { post, poll } = await polling(app);
    const waiting = poll().then((answer) => answer.status);

    const { status } = await post(body());

    expect({ status, left: await left.reached(1), waiting: await waiting }).toEqual({
      status: 413,
      left: ['/ transport error'],
      waiting: 200,
    });
    expect((await poll()).status).toBe(400); // and so the client comes back
    expect(app.log.of('warn')).toEqual([expect.stringMatching(line)]);
  });

  it('costs others nothing', async () => {
    const { app, left } = await start();
    const other = await RawClient.connect(app.port);
    const { post } = await polling(app);

    await post('y'.repeat(2_000));
    await left.reached(1);
    other.send({ type: TYPE.event, nsp: '/', data: ['ping'], id: 1 });

    expect(await other.dataOf(1)).toEqual(['pong']);
  });
});

it(
  'C9 the connection of a client that is cut off and answers nothing is closed, too',
  { timeout: 15_000 },
  async () => {
    const { app } = await start();
    const tcp = connectTcp(app.port, '127.0.0.1').on('error', () => {});
    const accepted = new Promise<TcpSocket>((resolve) => app.app.getHttpServer().once('connection', resolve));
    const said = new Journal();
    tcp.on('data', (bytes) => said.add(bytes.toString('latin1')));
    tcp.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await said.find((text) => text.includes('"sid"'));
    tcp.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30])); // the text 40
    await said.find((text) => text.includes('40{'));
    const closed = whenClosed(await accepted);

    tcp.pause();
    app.get(SocketIO).server.disconnectSockets(true);

    await expect(closed).resolves.toBeUndefined();
  },
);
