import fastifyCookie from '@fastify/cookie';
import fastifySecureSession from '@fastify/secure-session';
import fastifySession from '@fastify/session';
import { Controller, Get, Param, Req } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import cookieSession from 'cookie-session';
import {
  fastifySessions,
  secureSessions,
  type FlaskSocketOptions,
  type SessionInterface,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, refusal, startApp } from '../support/app.js';
import { Browser, PageController, platforms, sessionGateway, sessionOf } from '../support/session-app.js';

const gateways = [sessionGateway('/'), sessionGateway('/chat')];

describe.each(platforms)('cookie-session on $platform', ({ adapter }) => {
  it.each([true, false])(
    'K5 gives a copy as of the connection (manageSession: %s)',
    async (manageSession) => {
      const app = await startApp({
        adapter,
        controllers: [PageController],
        providers: gateways,
        options: { session: cookieSession({ keys: ['secret'] }), manageSession },
      });
      const browser = new Browser(app);
      browser.cookie = await cookiesOf(`${app.url}/set/name/anna`);
      const client = await browser.connect();

      await ask(client, 'set', 'color', 'red');

      expect([await sessionOf(client), await sessionOf(await browser.connect())]).toEqual([
        { name: 'anna', color: 'red' },
        { name: 'anna' },
      ]);
    },
  );

  it('K6 cannot be unmanaged, which is said', async () => {
    const options = { session: cookieSession({ keys: ['secret'] }), manageSession: false };
    const app = await startApp({ adapter, providers: gateways, options });

    await app.connect();
    await app.connect();

    expect(app.log.of('warn')).toEqual([expect.stringContaining('manageSession: false')]);
  });

  it('K5 a forged cookie opens nobody’s session', async () => {
    const session = cookieSession({ keys: ['secret'] });
    const app = await startApp({ adapter, providers: gateways, options: { session } });
    const browser = new Browser(app);
    browser.cookie = `session=${Buffer.from('{"name":"anna"}').toString('base64')}; session.sig=forged`;

    expect(await sessionOf(await browser.connect())).toEqual({});
  });
});

describe('@fastify/session', () => {
  const start = async (options: FlaskSocketOptions = {}, plugin = {}) => {
    const app = await startFastify({ session: fastifySessions(plugin), ...options }, async (fastify) => {
      await fastify.register(fastifyCookie);
      const settings = { secret: 'a secret of thirty-two characters', cookie: { secure: false } };
      await fastify.register(fastifySession, { ...settings, ...plugin });
    });
    const browser = new Browser(app);
    await browser.get('set/name/anna');
    return { app, browser };
  };

  it.each([{}, { cookieName: 'sid', cookiePrefix: 's:' }])(
    'K5 is seen until a handler writes (%o)',
    async (plugin) => {
      const { browser } = await start({}, plugin);
      const client = await browser.connect();

      await browser.get('set/name/berta');
      const before = await sessionOf(client);
      await ask(client, 'set', 'color', 'red');
      await browser.get('set/name/clara');

      expect([before, await sessionOf(client)]).toEqual([{ name: 'berta' }, { name: 'berta', color: 'red' }]);
    },
  );

  it('K6 is read and written by both', async () => {
    const { browser } = await start({ manageSession: false });
    const client = await browser.connect();

    await ask(client, 'set', 'color', 'red');
    await browser.get('set/name/berta');

    const both = { name: 'berta', color: 'red' };
    expect([await sessionOf(client), await browser.get('all')]).toEqual([both, both]);
  });

  it.each([true, false])('K5 is not opened by a forged cookie (manageSession: %s)', async (manageSession) => {
    const { app, browser } = await start({ manageSession });
    const forged = new Browser(app);
    forged.cookie = `${browser.cookie!}x`;
    const client = await forged.connect();

    await ask(client, 'set', 'color', 'red');

    expect(await sessionOf(client)).toEqual({ color: 'red' });
  });

  it('K5 refuses clients, and says which plugin is missing', async () => {
    const app = await startFastify({ session: fastifySessions() }, async () => {});

    await refusal(app.open('/', { transports: ['websocket'] }));

    expect(app.log.of('error')).toEqual([expect.stringContaining('FSK_SESSION_UNAVAILABLE')]);
    expect(app.log.of('error')[0]).toContain('@fastify/session');
  });
});

describe('@fastify/secure-session', () => {
  it('K5 gives a copy as of the connection', async () => {
    const app = await startFastify({ session: secureSessions({ cookieName: 'own' }) }, async (fastify) => {
      await fastify.register(fastifySecureSession, { key: Buffer.alloc(32, 7), cookieName: 'own' });
    });
    const browser = new Browser(app);
    await browser.get('secure/name/anna');

    const client = await browser.connect();
    await ask(client, 'set', 'color', 'red');

    expect(await sessionOf(client)).toEqual({ name: 'anna', color: 'red' });
  });

  it('K5 is not opened by a forged cookie', async () => {
    const app = await startFastify({ session: secureSessions() }, async (fastify) => {
      await fastify.register(fastifySecureSession, { key: Buffer.alloc(32, 7) });
    });
    const forged = new Browser(app);
    forged.cookie = 'session=forged%3Bforged';

    expect(await sessionOf(await forged.connect())).toEqual({});
  });
});

describe('a SessionInterface of the application', () => {
  const sessionsIn = (data: Map<string, { id: string; name?: string }>) =>
    ({
      open: ({ headers }) => data.get(String(headers['x-session'])),
      save: (session) => void data.set(session.id, session),
    }) satisfies SessionInterface<{ id: string; name?: string }>;

  it('K6 is read before each event, and saved when one has written', async () => {
    const data = new Map([['7', { id: '7', name: 'anna' }]]);
    const options = { session: sessionsIn(data), manageSession: false };
    const app = await startApp({ providers: gateways, options });
    const client = await app.connect('/', { extraHeaders: { 'x-session': '7' } });

    await ask(client, 'set', 'color', 'red');
    data.get('7')!.name = 'berta';

    expect(await sessionOf(client)).toEqual({ id: '7', name: 'berta', color: 'red' });
    expect(data.get('7')).toEqual({ id: '7', name: 'berta', color: 'red' });
  });

  it('K5 is not changed by what handlers write to their copy', async () => {
    const data = new Map([['7', { id: '7', name: 'anna' }]]);
    const app = await startApp({ providers: gateways, options: { session: sessionsIn(data) } });
    const client = await app.connect('/', { extraHeaders: { 'x-session': '7' } });

    await ask(client, 'set', 'name', 'zoe');

    expect([await sessionOf(client), data.get('7')]).toEqual([
      { id: '7', name: 'zoe' },
      { id: '7', name: 'anna' },
    ]);
  });
});

/** HTTP's half with @fastify/secure-session, whose session has `set()`. */
@Controller()
class SecureController {
  @Get('secure/:key/:value')
  set(
    @Req() { session }: { session: { set(key: string, value: string): void } },
    @Param('key') key: string,
    @Param('value') value: string,
  ) {
    session.set(key, value);
    return {};
  }
}

type Register = Pick<NestFastifyApplication, 'register'>;

/** Plugins are registered as in main.ts: before the application listens. */
function startFastify(options: FlaskSocketOptions, plugins: (fastify: Register) => Promise<void>) {
  return startApp({
    adapter: () => new FastifyAdapter(),
    controllers: [PageController, SecureController],
    providers: gateways,
    options,
    prepare: (app) => plugins(app as NestFastifyApplication),
  });
}

/** All cookies that an answer sets. */
async function cookiesOf(url: string): Promise<string> {
  const { headers } = await fetch(url);
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ');
}
