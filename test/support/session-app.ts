import { Controller, Get, Param, Req, Session, type Provider } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { RedisStore } from 'connect-redis';
import expressSession, { MemoryStore, type Store } from 'express-session';
import { OnError, OnEvent, SocketGateway, session, type FlaskSocketOptions } from 'nestjs-flask-socket';
import { createClient } from 'redis';
import type { Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { ask, startApp, type AppOptions, type ClientOptions, type RunningApp } from './app.js';

export const platforms = [
  { platform: 'Express', adapter: undefined },
  { platform: 'Fastify', adapter: () => new FastifyAdapter() },
];

/** What a session of these tests holds. */
export type Data = Record<string, unknown>;

interface HttpRequest {
  session: Data & {
    regenerate(done: () => void): void;
    destroy(done: () => void): void;
  };
}

/** HTTP's half: reads and writes the session, logs in (with a new id) and out. */
@Controller()
export class PageController {
  @Get('all')
  all(@Session() data: Data) {
    return { ...data, cookie: undefined };
  }

  @Get('set/:key/:value')
  set(@Session() data: Data, @Param('key') key: string, @Param('value') value: string) {
    data[key] = value;
    return {};
  }

  @Get('login/:name')
  async login(@Req() request: HttpRequest, @Param('name') name: string) {
    await new Promise<void>((resolve) => request.session.regenerate(resolve));
    request.session['user'] = name;
    return {};
  }

  @Get('logout')
  async logout(@Req() request: HttpRequest) {
    await new Promise<void>((resolve) => request.session.destroy(resolve));
    return {};
  }
}

/** The sockets' half, in one namespace. */
export function sessionGateway(namespace: string): Provider {
  @SocketGateway(namespace)
  class SessionGateway {
    @OnEvent('all')
    all() {
      return Object.fromEntries(Object.entries(session));
    }

    @OnEvent('set')
    set(key: string, value: unknown) {
      session[key] = value;
    }

    @OnEvent('set later')
    async setLater(key: string, value: unknown) {
      await Promise.resolve();
      session[key] = value;
    }

    @OnEvent('push')
    push(key: string, value: unknown) {
      (session[key] as unknown[]).push(value);
    }

    @OnEvent('delete')
    delete(key: string) {
      Reflect.deleteProperty(session, key);
    }

    @OnEvent('set and throw')
    fail(key: string, value: unknown) {
      session[key] = value;
      throw new Error('as it was told');
    }

    @OnError()
    failed(error: Error & { code?: string }) {
      return { failed: error.code ?? error.message };
    }
  }
  return SessionGateway;
}

/** A store of express-session, and a name for it. */
export interface TestedStore {
  store: string;
  open: () => Promise<Store>;
}

export const memoryStore: TestedStore = { store: 'MemoryStore', open: async () => new MemoryStore() };

/** A store in a Redis that runs. */
export async function redisStoreAt(url: string): Promise<Store> {
  const client = createClient({ url });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return new RedisStore({ client });
}

/** A browser: what it does over HTTP carries its cookie. */
export class Browser {
  cookie: string | undefined;

  constructor(private readonly app: RunningApp) {}

  async get(path: string): Promise<Data> {
    const response = await fetch(`${this.app.url}/${path}`, { headers: this.#headers });
    const [cookie] = response.headers.getSetCookie();
    if (cookie) this.cookie = cookie.split(';', 1)[0];
    return (await response.json()) as Data;
  }

  /** The id of its session, which the cookie holds, signed. */
  get sessionId(): string {
    return /s:(.*)\./.exec(decodeURIComponent(this.cookie!))![1]!;
  }

  /** A connection of this browser. */
  connect(namespace = '/', options: ClientOptions = {}): Promise<Socket> {
    return this.app.connect(namespace, { extraHeaders: this.#headers, ...options });
  }

  get #headers(): Record<string, string> {
    return this.cookie === undefined ? {} : { Cookie: this.cookie };
  }
}

export interface SessionAppOptions extends Omit<AppOptions, 'options'> {
  store?: Store;
  options?: FlaskSocketOptions;
}

/** An application with express-session on a store, a browser that has visited it, and the store. */
export async function startSessions({
  store = new MemoryStore(),
  options,
  providers = [],
  controllers = [],
  ...more
}: SessionAppOptions = {}) {
  const middleware = expressSession({ secret: 'secret', resave: false, saveUninitialized: false, store });
  const app = await startApp({
    controllers: [PageController, ...controllers],
    providers: [sessionGateway('/'), sessionGateway('/chat'), ...providers],
    options: { session: middleware, ...options },
    ...more,
  });
  const browser = new Browser(app);
  return { app, browser, store };
}

/** What the session of a connection holds. */
export async function sessionOf(client: Socket): Promise<Data> {
  const [data] = await ask(client, 'all');
  return data as Data;
}
