import {
  Controller,
  Get,
  Injectable,
  Session,
  type CanActivate,
  type ExecutionContext,
  UseGuards,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { OnEvent, SocketGateway, request, session, type SessionMiddleware } from 'nestjs-flask-socket';
import expressSession from 'express-session';
import { describe, expect, it } from 'vitest';
import { ask, connected, refusal, startApp, type AppOptions } from '../support/app.js';
import { Journal } from '../support/journal.js';

const platforms = [
  { platform: 'Express', adapter: undefined },
  { platform: 'Fastify', adapter: () => new FastifyAdapter() },
];

const sessions = () => expressSession({ secret: 'secret', resave: false, saveUninitialized: false });

interface Visits {
  visits?: number;
}

@Injectable()
class SeesSession implements CanActivate {
  canActivate(context: ExecutionContext) {
    return 'session' in context.switchToHttp().getRequest<object>();
  }
}

@Controller()
class VisitController {
  @UseGuards(SeesSession)
  @Get('visit')
  visit(@Session() visitor: Visits) {
    visitor.visits = (visitor.visits ?? 0) + 1;
    return String(visitor.visits);
  }
}

@SocketGateway()
class VisitGateway {
  @OnEvent('visits')
  visits() {
    return session['visits'] ?? 0;
  }

  @OnEvent('user')
  user() {
    return request.user;
  }
}

function start(middlewares: SessionMiddleware | SessionMiddleware[], more: AppOptions = {}) {
  return startApp({
    controllers: [VisitController],
    providers: [VisitGateway],
    ...more,
    options: { session: middlewares, ...more.options },
  });
}

async function visited(url: string): Promise<string> {
  const response = await fetch(`${url}/visit`);
  return response.headers.get('set-cookie')!.split(';', 1)[0]!;
}

describe.each(platforms)('the middlewares of option session, on $platform', ({ adapter }) => {
  it.each(['polling', 'websocket'])('K5 serve HTTP and handshakes alike (%s)', async (transport) => {
    const app = await start(sessions(), { adapter });
    const Cookie = await visited(app.url);

    const again = await (await fetch(`${app.url}/visit`, { headers: { Cookie } })).text();
    const client = await app.connect('/', { transports: [transport], extraHeaders: { Cookie } });

    expect([again, await ask(client, 'visits')]).toEqual(['2', [2]]);
  });

  it('K5 run in their order, each seeing what the ones before have done', async () => {
    const user: SessionMiddleware = (
      http: { session: Visits; user?: unknown },
      _: unknown,
      next: () => void,
    ) => {
      http.user = { visits: http.session.visits };
      next();
    };
    const app = await start([sessions(), user], { adapter });
    const Cookie = await visited(app.url);

    const client = await app.connect('/', { extraHeaders: { Cookie } });

    expect(await ask(client, 'user')).toEqual([{ visits: 1 }]);
  });

  it('K7 run once for a connection, however many requests and events it takes', async () => {
    const runs = new Journal<string | undefined>();
    const counting: SessionMiddleware = (http: { url: string }, _: unknown, next: () => void) => {
      runs.add(http.url.split('?', 1)[0]);
      next();
    };
    const app = await start(counting, { adapter });
    const client = app.open('/', { transports: ['polling', 'websocket'] });
    await connected(client);
    if (client.io.engine.transport.name !== 'websocket')
      await new Promise((resolve) => client.io.engine.once('upgrade', resolve));

    await ask(client, 'visits');
    await ask(await app.also(client, '/'), 'visits');

    expect(runs.entries).toEqual(['/socket.io/']);
  });

  it.each<[string, SessionMiddleware]>([
    [
      'throws',
      () => {
        throw new Error('secret of the store');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret of the store'))],
    [
      'passes an error on',
      (_: unknown, __: unknown, next: (error: unknown) => void) => next(new Error('secret of the store')),
    ],
    ['never answers', () => {}],
  ])('K5 a middleware that %s refuses the client in bounded time', async (_, broken) => {
    const app = await start(broken, { adapter, options: { sessionTimeout: 50 } });

    const answer = await fetch(`${app.url}/socket.io/?EIO=4&transport=polling`);
    await refusal(app.open('/', { transports: ['websocket'] }));

    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('Session unavailable'),
    ]);
    expect(app.log.of('error')).toEqual([
      expect.stringContaining('FSK_SESSION_UNAVAILABLE'),
      expect.stringContaining('FSK_SESSION_UNAVAILABLE'),
    ]);
  });

  it('K5 a middleware that answers by itself refuses the client', async () => {
    const closed: SessionMiddleware = (_: unknown, response: { statusCode: number; end(): void }) => {
      response.statusCode = 401;
      response.end();
    };
    const app = await start(closed, { adapter });

    await refusal(app.open('/', { transports: ['websocket'] }));

    expect(app.log.of('warn')).toEqual([expect.stringContaining('401')]);
  });
});
