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

  it('N1 null is let in by a function, and by no list', async () => {
    const listed = await start({ corsAllowedOrigins: ['null'] });
    const asked = await start({ corsAllowedOrigins: (origin) => origin === 'null' });
    const statuses = [listed, asked].map((running) => statusOf(running, transport, { origin: 'null' }));
    expect(await Promise.all(statuses)).toEqual([refused, accepted]);
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
