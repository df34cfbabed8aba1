import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FlaskSocketOptions } from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { bootError, startApp, type RunningApp } from '../support/app.js';

type Headers = Record<string, string>;
type Transport = (typeof transports)[number];

const transports = ['polling', 'websocket'] as const;
const foreign = 'https://evil.example';

/** The status with which a handshake is answered; 101 and 200 are acceptances. */
function statusOf(running: RunningApp, transport: Transport, headers: Headers): Promise<number> {
  const path = `/socket.io/?EIO=4&transport=${transport}`;
  if (transport === 'polling') return responseTo(running, { path, headers }).then(({ status }) => status);
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.port}${path}`, { headers });
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.once('error', reject);
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
  });
}

/** fetch() does not let Host be set. */
function responseTo(
  { port }: RunningApp,
  { method = 'GET', path, headers }: { method?: string; path: string; headers: Headers },
): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false });
    request.once('error', reject);
    request.once('response', (response) => {
      let body = '';
      response.on('data', (text: Buffer) => (body += text.toString()));
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.end();
  });
}

const handshake = '/socket.io/?EIO=4&transport=polling';

const start = (options: FlaskSocketOptions = {}) => startApp({ options });

describe.each(transports)('by %s', (transport) => {
  const accepted = transport === 'polling' ? 200 : 101;
  const refused = transport === 'polling' ? 403 : 400;

  it('N1 a foreign origin is refused, and the log names it and the option', async () => {
    const running = await start();
    expect(await statusOf(running, transport, { origin: foreign })).toBe(refused);
    expect(running.log.of('warn')).toEqual([
      expect.stringMatching(/'https:\/\/evil\.example'.*corsAllowedOrigins/),
    ]);
  });

  it('N1 one origin is logged once, and its text is no line of its own', async () => {
    const running = await start();
    await statusOf(running, transport, { origin: foreign });
    await statusOf(running, transport, { origin: foreign });
    await statusOf(running, transport, { origin: `http://${'x'.repeat(1_000)}` });
    const lines = running.log.of('warn');
    expect(lines).toHaveLength(2);
    expect(lines[1]!.length).toBeLessThan(600);
  });

  it('N1 a client that sends no origin is let in', async () => {
    expect(await statusOf(await start(), transport, {})).toBe(accepted);
  });

  it.each<[string, (port: number) => Headers]>([
    ['the own origin', (port) => ({ origin: `http://127.0.0.1:${port}` })],
    [
      'the own origin, whatever the case',
      (port) => ({ host: `LocalHost:${port}`, origin: `HTTP://localHOST:${port}` }),
    ],
    ['the own origin on the default port', () => ({ host: 'app.example', origin: 'http://app.example' })],
    [
      'the default port, named in the origin',
      () => ({ host: 'app.example', origin: 'http://app.example:80' }),
    ],
    ['the default port, named in Host', () => ({ host: 'app.example:80', origin: 'http://app.example' })],
    ['an IPv6 host', () => ({ host: '[::1]', origin: 'http://[::1]' })],
    ['an IPv6 host with a port', () => ({ host: '[2001:db8::1]:8080', origin: 'http://[2001:DB8::1]:8080' })],
    [
      'a name beyond ASCII',
      () => ({ host: 'xn--bcher-kva.example', origin: 'http://xn--bcher-kva.example' }),
    ],
  ])('N1 %s is always let in', async (_, headers) => {
    const running = await start();
    expect(await statusOf(running, transport, headers(running.port))).toBe(accepted);
  });

  it.each<[string, Headers]>([
    ['null', { origin: 'null' }],
    ['an empty one', { origin: '' }],
    ['one that is no URL', { origin: 'not an origin' }],
    ['a file', { origin: 'file://' }],
    ['another port', { host: 'app.example:8080', origin: 'http://app.example:8081' }],
    ['no port in place of one', { host: 'app.example:8080', origin: 'http://app.example' }],
    ['another scheme', { host: 'app.example', origin: 'https://app.example' }],
    ['a subdomain', { host: 'app.example', origin: 'http://evil.app.example' }],
    ['a longer domain', { host: 'app.example', origin: 'http://app.example.evil' }],
    ['a domain that ends alike', { host: 'app.example', origin: 'http://evilapp.example' }],
    ['another IPv6 host', { host: '[::1]', origin: 'http://[::2]' }],
    ['the host as a user name', { host: 'app.example', origin: 'http://app.example@evil.example' }],
  ])('N1 %s is a foreign origin', async (_, headers) => {
    expect(await statusOf(await start(), transport, headers)).toBe(refused);
  });

  it.each<[string, FlaskSocketOptions['corsAllowedOrigins'], number]>([
    ['a string', foreign, accepted],
    ['a string in another form', 'HTTPS://Evil.Example:443', accepted],
    ['a string with a path', 'https://evil.example/', accepted],
    ['another string', 'https://app.example', refused],
    ['a list', ['https://app.example', foreign], accepted],
    ['another list', ['https://app.example'], refused],
    ['an empty list', [], refused],
    ["'*'", '*', accepted],
    ["'*' in a list", ['*'], accepted],
    ['a function', () => true, accepted],
    ['a function that says no', () => false, refused],
    ['an asynchronous function', async () => true, accepted],
    ['an asynchronous function that says no', async () => false, refused],
    ['a function that says nothing', (() => undefined) as never, refused],
    ['a function that says something else', (() => 'yes') as never, refused],
  ])('N1 corsAllowedOrigins as %s', async (_, corsAllowedOrigins, expected) => {
    const running = await start({ corsAllowedOrigins });
    expect(await statusOf(running, transport, { origin: foreign })).toBe(expected);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('on purpose');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('on purpose');
      },
    ],
    [
      'throws what is no error',
      () => {
        throw null;
      },
    ],
  ])('N1 a function that %s refuses, and the log says why', async (_, corsAllowedOrigins) => {
    const running = await start({ corsAllowedOrigins });
    expect(await statusOf(running, transport, { origin: foreign })).toBe(refused);
    expect(running.log.of('error')[0]).toMatch(/corsAllowedOrigins threw.*(on purpose|null)/);
  });

  it('N1 a function gets the origin and the request', async () => {
    const asked: unknown[] = [];
    const corsAllowedOrigins = (origin: string, { headers }: IncomingMessage) => {
      asked.push([origin, headers['x-tenant']]);
      return true;
    };
    const running = await start({ corsAllowedOrigins });
    await statusOf(running, transport, { origin: foreign, 'x-tenant': '7' });
    expect(asked[0]).toEqual([foreign, '7']);
  });

  it.each<FlaskSocketOptions['corsAllowedOrigins']>(['https://app.example', [], () => false])(
    'N1 the own origin is let in, whatever corsAllowedOrigins says (%s)',
    async (corsAllowedOrigins) => {
      const running = await start({ corsAllowedOrigins });
      const headers = { origin: `http://127.0.0.1:${running.port}` };
      expect(await statusOf(running, transport, headers)).toBe(accepted);
    },
  );

  it('N1 null is let in by a function', async () => {
    const asked = await start({ corsAllowedOrigins: (origin) => origin === 'null' });
    expect(await statusOf(asked, transport, { origin: 'null' })).toBe(accepted);
  });

  it.each<[string, string, string[], string[]]>([
    [
      'https://*.domain.com',
      'one label or more before the domain',
      ['https://app.domain.com', 'https://a.b.c.domain.com', 'HTTPS://App.Domain.com:443'],
      [
        'https://domain.com',
        'http://app.domain.com',
        'https://app.domain.com:8443',
        'https://evildomain.com',
        'https://app.domain.com.evil.example',
        'https://evil.example/.domain.com',
        'https://evil.example#.domain.com',
        'https://*.domain.com',
        'null',
      ],
    ],
    [
      'http://*.localhost:5173',
      'with a port',
      ['http://tenant.localhost:5173'],
      ['http://tenant.localhost', 'http://localhost:5173', 'http://tenant.localhost:5174'],
    ],
    [
      'https://*.bücher.example',
      'beyond ASCII',
      ['https://shop.xn--bcher-kva.example'],
      ['https://xn--bcher-kva.example'],
    ],
    [
      'capacitor://localhost',
      'of an application that is no web page',
      ['capacitor://localhost'],
      ['capacitor://evil', 'https://localhost', 'capacitor2://localhost'],
    ],
    [
      'chrome-extension://abcdefgh',
      'of an extension',
      ['chrome-extension://abcdefgh'],
      ['chrome-extension://hgfedcba'],
    ],
  ])('N1 corsAllowedOrigins as %s: %s', async (corsAllowedOrigins, _, allowed, others) => {
    const running = await start({ corsAllowedOrigins });
    for (const origin of allowed) {
      expect({ origin, status: await statusOf(running, transport, { origin }) }).toEqual({
        origin,
        status: accepted,
      });
    }
    for (const origin of others) {
      expect({ origin, status: await statusOf(running, transport, { origin }) }).toEqual({
        origin,
        status: refused,
      });
    }
  });

  describe('behind a proxy', () => {
    const forwarded = {
      host: '10.0.0.7:3000',
      origin: 'https://app.example',
      'x-forwarded-host': 'app.example',
      'x-forwarded-proto': 'https',
    };
    const express = () => new ExpressAdapter();
    const trusting = (app: INestApplication) => void (app as NestExpressApplication).set('trust proxy', true);
    const distrusting = (app: INestApplication) =>
      void (app as NestExpressApplication).set('trust proxy', '192.0.2.1');

    it.each<[string, () => AbstractHttpAdapter, ((app: INestApplication) => void) | undefined]>([
      ['Express with trust proxy', express, trusting],
      ['Fastify with trustProxy', () => new FastifyAdapter({ trustProxy: true }), undefined],
    ])('N1 %s: the origin is compared with what the proxy forwards', async (_, adapter, prepare) => {
      const running = await startApp({ adapter, prepare });
      const inside = { ...forwarded, origin: 'http://10.0.0.7:3000' };
      const outcomes = [
        await statusOf(running, transport, forwarded),
        await statusOf(running, transport, inside),
      ];
      expect(outcomes).toEqual([accepted, refused]);
    });

    it.each<[string, () => AbstractHttpAdapter, ((app: INestApplication) => void) | undefined]>([
      ['Express', express, undefined],
      ['Express that trusts another proxy', express, distrusting],
      ['Fastify', () => new FastifyAdapter(), undefined],
      ['Fastify that trusts another proxy', () => new FastifyAdapter({ trustProxy: '192.0.2.1' }), undefined],
    ])('N1 %s: X-Forwarded-* count for nothing', async (_, adapter, prepare) => {
      const running = await startApp({ adapter, prepare });
      const spoofed = {
        origin: foreign,
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
      };
      const own = { ...forwarded, origin: 'http://10.0.0.7:3000' };
      const outcomes = [await statusOf(running, transport, spoofed), await statusOf(running, transport, own)];
      expect(outcomes).toEqual([refused, accepted]);
    });
  });
});

describe('CORS headers', () => {
  const cors = async (running: RunningApp, origin: string, method = 'GET') => {
    const preflight = { 'access-control-request-method': 'POST' };
    const headers: Headers = method === 'OPTIONS' ? { origin, ...preflight } : { origin };
    const { headers: answered } = await responseTo(running, { method, path: handshake, headers });
    return [answered['access-control-allow-origin'], answered['access-control-allow-credentials']];
  };

  it('N1 there are none by default', async () => {
    const running = await start();
    expect(await cors(running, foreign)).toEqual([undefined, undefined]);
  });

  it.each(['GET', 'OPTIONS'])('N1 %s of an allowed page says so, credentials included', async (method) => {
    const running = await start({ corsAllowedOrigins: foreign });
    expect(await cors(running, foreign, method)).toEqual([foreign, 'true']);
  });

  it.each(['GET', 'OPTIONS'])('N1 %s of another page says nothing of the kind', async (method) => {
    const running = await start({ corsAllowedOrigins: 'https://app.example' });
    expect((await cors(running, foreign, method))[0]).toBeUndefined();
  });

  it("N1 '*' goes without credentials", async () => {
    const running = await start({ corsAllowedOrigins: '*' });
    const [origin, credentials] = await cors(running, foreign);
    expect([['*', foreign].includes(origin!), credentials]).toEqual([true, undefined]);
  });

  it('N1 corsCredentials: false leaves them out', async () => {
    const running = await start({ corsAllowedOrigins: foreign, corsCredentials: false });
    expect(await cors(running, foreign)).toEqual([foreign, undefined]);
  });

  it.each(['*', ['*'], ['https://app.example', '*']])(
    'N1 %s together with corsCredentials: true fails the boot',
    async (corsAllowedOrigins) => {
      const error = await bootError({ options: { corsAllowedOrigins, corsCredentials: true } });
      expect(error.code).toBe('FSK_INVALID_OPTION');
      expect(error.message).toContain('corsCredentials');
    },
  );

  it('N1 a refused page learns nothing but that', async () => {
    const running = await start();
    const { status, body } = await responseTo(running, { path: handshake, headers: { origin: foreign } });
    expect([status, JSON.parse(body)]).toEqual([403, { code: 4, message: 'Origin not allowed' }]);
  });

  it('N1 the boot log says who may connect', async () => {
    const running = await start({ corsAllowedOrigins: ['https://app.example'] });
    expect(running.log.of('log')[0]).toContain('own origin and https://app.example');
  });
});

describe('an origin that no page can have', () => {
  it.each([
    ['*.domain.com', "write 'https://*.domain.com'"],
    ['app.example', "write 'https://app.example'"],
    ['app.example:8443', "write 'https://app.example:8443'"],
    ['localhost:5173', "write 'http://localhost:5173'"],
    ['localhost', "write 'http://localhost'"],
    ['127.0.0.1:5173', "write 'http://127.0.0.1:5173'"],
    ['[::1]:5173', "write 'http://[::1]:5173'"],
    ['ws://localhost:3000', "write 'http://localhost:3000'"],
    ['wss://app.example', "write 'https://app.example'"],
    ['null', "(origin) => origin === 'null'"],
    ['file:///index.html', "(origin) => origin === 'null'"],
    ['', 'leave it out'],
    [' ', 'leave it out'],
    ['https://a.example, https://b.example', "['https://a.example', 'https://b.example']"],
    ['https://a.example https://b.example', "['https://a.example', 'https://b.example']"],
    ['https://*', "'*' may stand before the domain"],
    ['https://app.*.com', "'*' may stand before the domain"],
    ['https://app*.domain.com', "'*' may stand before the domain"],
    ['http://localhost:*', "'*' may stand before the domain"],
    ['*://app.example', "'*' may stand before the domain"],
    ['https//app.example', "write 'https://app.example'"],
    ['https:/app.example', "write 'https://app.example'"],
    ['not an origin', 'several make a list'],
    ['about:blank', 'scheme://host:port'],
    ['https://', 'scheme://host:port'],
  ])('N1 %j fails the boot with what to write: %s', async (origin, advice) => {
    for (const corsAllowedOrigins of [origin, ['https://app.example', origin]]) {
      const error = await bootError({ options: { corsAllowedOrigins } });
      expect(error.code).toBe('FSK_INVALID_OPTION');
      expect(error.message).toContain(`names '${origin}'`);
      expect(error.message).toContain(advice);
    }
  });
});

describe('the warning of a refusal', () => {
  const warning = async (options: FlaskSocketOptions, headers: Headers) => {
    const running = await start(options);
    await statusOf(running, 'polling', headers);
    return running.log.of('warn')[0];
  };
  const headers = { host: 'app.example', origin: 'http://app.example:8080' };

  it('N1 names the origin, the own one as the server saw it, and the list', async () => {
    const list = ['https://one.example', 'https://*.two.example'];
    expect(await warning({ corsAllowedOrigins: list }, headers)).toContain(
      "Refused a client from origin 'http://app.example:8080': as the server sees it, its own is 'http://app.example', " +
        "and corsAllowedOrigins names 'https://one.example', 'https://*.two.example'.",
    );
  });

  it('N1 says so where there is no list', async () => {
    expect(await warning({}, headers)).toContain('corsAllowedOrigins names no other.');
    expect(await warning({ corsAllowedOrigins: () => false }, headers)).toContain(
      'corsAllowedOrigins is a function that says no.',
    );
  });

  it('N1 shows the beginning of a long one', async () => {
    const list = Array.from({ length: 100 }, (_, index) => `https://${index}.example`);
    const line = await warning({ corsAllowedOrigins: list }, headers);
    expect(line).toContain("'https://9.example', and 90 more.");
    expect(line).not.toContain('https://10.example');
  });

  it('N1 knows a proxy that drops the port', async () => {
    expect(await warning({}, headers)).toContain('a proxy that drops the port looks like this');
    expect(await warning({}, { ...headers, origin: 'https://app.example' })).toContain('trust proxy');
  });
});

describe('a request without Host', () => {
  it('N1 has no own origin', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.end(`GET ${handshake} HTTP/1.0\r\nOrigin: http://undefined\r\n\r\n`);
    let answer = '';
    for await (const text of socket) answer += String(text);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('real clients', () => {
  it.each(transports)('N1 a page of an allowed origin is served by %s', async (transport) => {
    const running = await start({ corsAllowedOrigins: foreign });
    const client = await running.connect('/', { transports: [transport], extraHeaders: { origin: foreign } });
    expect(client.connected).toBe(true);
  });
});
