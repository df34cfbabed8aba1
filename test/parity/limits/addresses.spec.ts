import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  OnConnect,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
  type Limits,
} from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished } from 'vitest';
import { refusal, startApp, type AppOptions, type RunningApp } from '../../support/app.js';
import { Gate, Journal } from '../../support/journal.js';
import { Wire } from '../../support/wire.js';

/** An application that notes whom it has been asked about. */
async function start(
  limits: Limits,
  { options, ...more }: Pick<AppOptions, 'adapter' | 'prepare'> & { options?: FlaskSocketOptions } = {},
) {
  const asked = new Journal();
  const gate = new Gate();

  @SocketGateway()
  class OpenGateway {
    @OnConnect()
    connect() {
      asked.add('connect');
    }
  }
  const app = await startApp({
    providers: [OpenGateway],
    options: {
      limits,
      session: (_request: unknown, _response: unknown, next: () => void) => {
        asked.add('session');
        next();
      },
      server: {
        allowRequest: (_request, decide) => {
          asked.add('allowRequest');
          void gate.opened.then(() => decide(null, true));
        },
      },
      ...options,
    },
    ...more,
  });
  gate.open();
  return { app, asked, counts: () => app.get(SocketIO).limits.reached };
}

type Headers = Record<string, string>;

/** The answer to a handshake over one of the transports; with 101 and 200 the connection stays. */
function handshake(app: RunningApp, transport: 'polling' | 'websocket', headers: Headers = {}) {
  return new Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }>(
    (resolve, reject) => {
      const upgrade = {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      };
      const asked = httpRequest(`${app.url}/socket.io/?EIO=4&transport=${transport}`, {
        headers: { ...(transport === 'websocket' ? upgrade : {}), ...headers },
        agent: false,
      });
      asked.on('error', reject);
      asked.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
      asked.on('upgrade', (response, socket) => {
        onTestFinished(() => void socket.destroy());
        socket.on('error', () => {});
        resolve({ status: response.statusCode, headers: response.headers, body: '' });
      });
      asked.end();
    },
  );
}

const statusOf = async (...values: Parameters<typeof handshake>) => (await handshake(...values)).status;

const REFUSED = { code: 4, message: 'Too many connections from this address' };

describe('limits.handshakesPerAddress', () => {
  it.each(['polling', 'websocket'] as const)(
    'L4 answers a further handshake over %s with 429, and asks nobody about it',
    async (transport) => {
      const { app, asked, counts } = await start({ handshakesPerAddress: 2 });
      for (let opened = 0; opened < 2; opened++) await Wire.open(app);
      const before = [...asked.entries];
      const { status, headers, body } = await handshake(app, transport);

      expect([status, headers['retry-after'], JSON.parse(body)]).toEqual([429, '10', REFUSED]);
      expect(asked.entries).toEqual(before);
      expect(counts().handshakesPerAddress).toBe(1);
      expect(app.log.of('warn')).toEqual([
        'Too many connections from 127.0.0.1, a client is refused with 429. (limits.handshakesPerAddress: 2)',
      ]);
    },
  );

  it('L4 does not count those that have asked for a namespace', async () => {
    const { app } = await start({ handshakesPerAddress: 1 });
    for (let count = 0; count < 5; count++) await app.connect();
    for (let count = 0; count < 5; count++) await app.connect('/', { transports: ['polling'] });
    await Wire.open(app);

    await expect(refusal(app.open('/', { transports: ['websocket'] }))).resolves.toBeInstanceOf(Error);
  });

  it('L4 counts one that is refused again', async () => {
    const { app } = await start({ handshakesPerAddress: 1 });
    const wire = await Wire.open(app);
    wire.send('40/nowhere,');
    await wire.find((packet) => packet.startsWith('44/nowhere'));

    expect(await statusOf(app, 'polling')).toBe(429);
    await wire.join();
    expect(await statusOf(app, 'polling')).toBe(200);
  });

  it('L4 gives the place back when a client goes', async () => {
    const { app } = await start({ handshakesPerAddress: 1 });
    const { server } = app.get(SocketIO);
    const gone = new Journal();
    server.engine.on('connection', (connection: NodeJS.EventEmitter) =>
      connection.once('close', () => gone.add('gone')),
    );
    for (let count = 1; count <= 3; count++) {
      const wire = await Wire.open(app);
      wire.socket.terminate();
      await gone.reached(count);
    }

    expect(await statusOf(app, 'polling')).toBe(200);
    expect(await statusOf(app, 'polling')).toBe(429);
  });

  it('L4 gives the place back when a client is refused, or goes while it is decided about', async () => {
    const gate = new Gate();
    const asked = new Journal();
    let verdict = false;
    const { app, counts } = await start(
      { handshakesPerAddress: 1 },
      {
        options: {
          server: {
            allowRequest: (_request, decide) => {
              asked.add('asked');
              if (asked.entries.length > 3) return decide(null, verdict);
              void gate.opened.then(() => decide('no', false));
            },
          },
        },
      },
    );
    const waiting = handshake(app, 'polling');
    await asked.reached(1);
    expect(await statusOf(app, 'websocket')).toBe(429);
    gate.open();
    expect((await waiting).status).toBe(403);
    expect(await statusOf(app, 'websocket')).toBe(400);
    expect(await statusOf(app, 'websocket')).toBe(400);
    verdict = true;
    expect([await statusOf(app, 'websocket'), await statusOf(app, 'websocket')]).toEqual([101, 429]);
    expect(counts().handshakesPerAddress).toBe(2);
  });

  it('L4 tells those who watch the engine', async () => {
    const { app } = await start({ handshakesPerAddress: 1 });
    const errors: unknown[] = [];
    app
      .get(SocketIO)
      .server.engine.on('connection_error', ({ code, context }) => errors.push({ code, context }));
    await Wire.open(app);
    await statusOf(app, 'polling');

    expect(errors).toEqual([{ code: 4, context: { message: REFUSED.message } }]);
  });
});

describe('limits.connectionsPerAddress', () => {
  it('L4 counts all connections of an address', async () => {
    const { app, counts } = await start({ connectionsPerAddress: 2 });
    await app.connect('/', { transports: ['polling', 'websocket'] });
    const second = await app.connect();

    expect([await statusOf(app, 'websocket'), await statusOf(app, 'polling')]).toEqual([429, 429]);
    expect(counts().connectionsPerAddress).toBe(2);
    const { server } = app.get(SocketIO);
    const gone = new Promise((resolve) => {
      for (const socket of server.sockets.sockets.values())
        if (socket.id === second.id) socket.conn.once('close', resolve);
    });
    second.disconnect();
    await gone;
    expect([await statusOf(app, 'websocket'), await statusOf(app, 'websocket')]).toEqual([101, 429]);
  });
});

describe('the address of a client', () => {
  const forwarded = (address: string) => ({ 'X-Forwarded-For': address });

  it.each([
    ['express', () => new ExpressAdapter()],
    ['fastify', () => new FastifyAdapter()],
  ] as const)(
    'L4 is that of the peer on %s, whatever it says, and the log says what proxies need',
    async (_, adapter) => {
      const { app } = await start({ handshakesPerAddress: 1 }, { adapter: adapter as never });

      expect(await statusOf(app, 'polling', forwarded('1.1.1.1'))).toBe(200);
      expect(await statusOf(app, 'websocket', forwarded('2.2.2.2'))).toBe(429);
      expect(app.log.of('warn')).toEqual([
        expect.stringMatching(/from 127\.0\.0\.1.*"trust proxy" of Express/),
      ]);
    },
  );

  it.each([
    ['express', { prepare: (app: unknown) => (app as NestExpressApplication).set('trust proxy', 1) }],
    ['fastify', { adapter: () => new FastifyAdapter({ trustProxy: true }) }],
  ] as const)('L4 is the one that a proxy says that %s trusts', async (_, platform) => {
    const { app } = await start({ handshakesPerAddress: 1 }, platform as never);
    const of = (address: string) => statusOf(app, 'polling', forwarded(address));

    expect([await of('1.1.1.1'), await of('2.2.2.2'), await of('1.1.1.1')]).toEqual([200, 200, 429]);
    expect([await of('2001:db8::1'), await of('2001:db8:0:0:ffff::2'), await of('2001:db8:0:1::')]).toEqual([
      200, 429, 200,
    ]);
    expect([await of('3.3.3.3:4711'), await of('3.3.3.3:4712')]).toEqual([200, 429]);
  });

  it('L4 is that of the peer where a trusted proxy says something that is none', async () => {
    const { app } = await start(
      { handshakesPerAddress: 1 },
      { prepare: (nest) => (nest as NestExpressApplication).set('trust proxy', 1) },
    );
    const of = (address: string) => statusOf(app, 'polling', forwarded(address));

    expect([await of('unknown'), await of('_hidden')]).toEqual([200, 429]);
  });
});
