import { Controller, Get, Post, Session } from '@nestjs/common';
import sessions from 'express-session';
import { OnEvent, session, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { createApp } from '../support/portless.js';

@Controller()
class LoginController {
  constructor(private readonly socketio: SocketIO) {}

  @Post('login')
  login(@Session() http: Record<string, unknown>) {
    http['username'] = 'miguel';
  }

  @Get('news')
  news() {
    this.socketio.emit('news', 'It works');
    return 'published';
  }
}

@SocketGateway()
class WhoGateway {
  @OnEvent('who')
  who() {
    return session.username ?? 'nobody';
  }
}

/** An application with express-session, for HTTP and for handshakes. */
async function appWithSessions() {
  const middleware = sessions({ secret: 'secret!', resave: false, saveUninitialized: false });
  const app = await createApp({
    controllers: [LoginController],
    providers: [WhoGateway],
    prepare: (created) => created.use(middleware),
  });
  await app.init();
  app.get(SocketIO).server.engine.use(middleware);
  return app;
}

describe('a login over HTTP', () => {
  it('Q3 is seen by the test client that gets the agent', async () => {
    const app = await appWithSessions();
    const agent = supertest.agent(app.getHttpServer());
    await agent.post('/login').expect(201);

    const client = await createTestClient(app, { http: agent });

    expect(await client.call('who')).toBe('miguel');
  });

  it('Q3 is seen by the test client that gets the cookies as text', async () => {
    const app = await appWithSessions();
    const response = await supertest(app.getHttpServer()).post('/login');
    const [cookie = ''] = response.get('Set-Cookie') ?? [];

    const client = await createTestClient(app, { http: cookie.split(';', 1)[0] });

    expect(await client.call('who')).toBe('miguel');
  });

  it('Q3 is not seen by other test clients', async () => {
    const app = await appWithSessions();
    const agent = supertest.agent(app.getHttpServer());
    await agent.post('/login');

    const strangers = [
      await createTestClient(app),
      await createTestClient(app, { http: supertest.agent(app.getHttpServer()) }),
    ];

    expect(await Promise.all(strangers.map((client) => client.call('who')))).toEqual(['nobody', 'nobody']);
  });

  it('Q3 works while the application listens', async () => {
    const app = await appWithSessions();
    await app.listen(0, '127.0.0.1');
    const agent = supertest.agent(app.getHttpServer());
    await agent.post('/login');

    const client = await createTestClient(app, { http: agent });

    expect(await client.call('who')).toBe('miguel');
  });

  it('Q3 needs an agent that keeps cookies', async () => {
    const app = await appWithSessions();
    const agent = supertest(app.getHttpServer()) as unknown as { jar: unknown };

    await expect(createTestClient(app, { http: agent })).rejects.toThrow('FSK_TEST_INVALID_AGENT');
  });
});

describe('requests beside a test client', () => {
  it('Q3 leave it connected', async () => {
    const app = await appWithSessions();
    const client = await createTestClient(app);

    await supertest(app.getHttpServer()).get('/news').expect('published');
    await supertest(app.getHttpServer()).get('/news').expect('published');

    expect(client.isConnected()).toBe(true);
    expect((await client.waitFor('news')).args).toEqual(['It works']);
    expect((await client.waitFor('news')).args).toEqual(['It works']);
  });

  it('Q3 let others connect afterwards', async () => {
    const app = await appWithSessions();
    await supertest(app.getHttpServer()).get('/news');

    const client = await createTestClient(app);

    expect(await client.call('who')).toBe('nobody');
  });
});
