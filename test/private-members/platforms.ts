import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import cookie from '@fastify/cookie';
import secureSession from '@fastify/secure-session';
import fastifySession from '@fastify/session';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import expressSession from 'express-session';
import { expect } from 'vitest';
import type { Bench } from './bench.js';
import { call, inside, type PrivateMember } from './private-member.js';

const SECRET = 'a secret of at least thirty-two characters';

@Module({})
class Empty {}

async function fastifyOf(bench: Bench, plugins: [unknown, object][] = []): Promise<object> {
  const adapter = new FastifyAdapter({ trustProxy: true });
  const app = await NestFactory.create<NestFastifyApplication>(Empty, adapter, { logger: false });
  bench.closing(() => app.close());
  for (const [plugin, options] of plugins) await app.register(plugin as never, options);
  await app.init();
  const instance = app.getHttpAdapter().getInstance();
  await instance.ready();
  return instance;
}

/** A request as Node has it, from behind a proxy. */
async function requested(bench: Bench, headers: Record<string, string>): Promise<IncomingMessage> {
  const server = createServer((_, response) => response.end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  bench.closing(() => server.close());
  const arrived = once(server, 'request') as Promise<[IncomingMessage]>;
  const answered = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers });
  const [request] = await arrived;
  await answered;
  return request;
}

const PROXY = {
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'example.com',
  'x-forwarded-for': '10.0.0.7',
};
const SEEN = { protocol: 'https', host: 'example.com', ip: '10.0.0.7' };

/** The parts of Fastify. */
export const fastify: PrivateMember[] = [
  {
    member: "Symbol('fastify.Request')",
    kind: 'property',
    serves: 'what a handshake looks like from outside, behind a proxy that the application trusts',
    instead: 'there is none: Fastify makes its requests for its own routes alone',
    usedBy: ['lib/connection/http-platform.ts'],
    async check(bench) {
      const instance = await fastifyOf(bench);
      const symbols = Object.getOwnPropertySymbols(instance);
      const symbol = symbols.find(({ description }) => description === 'fastify.Request')!;
      expect(symbol).toBeTypeOf('symbol');
      const Request = Reflect.get(instance, symbol) as new (...values: unknown[]) => Record<string, unknown>;
      const { protocol, host, ip } = new Request('', {}, await requested(bench, PROXY), {}, undefined, {});
      expect({ protocol, host, ip }).toEqual(SEEN);
    },
  },
];

/** The parts of Express. */
export const express: PrivateMember[] = [
  {
    member: 'Application.request',
    kind: 'property',
    serves: 'what a handshake looks like from outside, behind a proxy that the application trusts',
    instead: 'there is none: Express dresses requests on the way to its own routes alone',
    usedBy: ['lib/connection/http-platform.ts'],
    async check(bench) {
      const app = await NestFactory.create(Empty, { logger: false });
      bench.closing(() => app.close());
      const instance = app.getHttpAdapter().getInstance() as object;
      call(instance, 'set', 'trust proxy', true);
      const { headers, socket } = await requested(bench, PROXY);
      const prototype = inside<object>(instance, 'request');
      const view = { headers, socket, connection: socket, app: instance };
      const { protocol, host, ip } = Object.assign(Object.create(prototype) as Record<string, unknown>, view);
      expect({ protocol, host, ip }).toEqual(SEEN);
    },
  },
];

/** The parts of express-session. */
export const sessions: PrivateMember[] = [
  {
    member: 'Request.sessionStore',
    kind: 'property',
    serves: 'an event reads the session anew and writes what it has changed: where from, and under which id',
    instead: '`session.reload()` and `save()` belong to the request of the handshake, and save the whole',
    usedBy: ['lib/sessions/session-source.ts'],
    async check(bench) {
      const store = new expressSession.MemoryStore();
      const open = expressSession({ secret: SECRET, resave: false, saveUninitialized: false, store });
      const request = await requested(bench, {});
      await new Promise<void>((resolve) => {
        const response = { on: () => {}, setHeader: () => {}, getHeader: () => undefined, end: () => {} };
        open(request as never, response as never, () => resolve());
      });
      expect(inside(request, 'sessionStore')).toBe(store);
      expect(inside(request, 'sessionID')).toMatch(/^.{20,}$/);
      expect(inside(inside<object>(request, 'session'), 'id')).toBe(inside(request, 'sessionID'));
    },
  },
];

/** The parts of @fastify/session. */
export const fastifySessions: PrivateMember[] = [
  {
    member: 'FastifyInstance.decryptSession',
    kind: 'behaviour',
    serves: 'opens the session of a handshake, which is no request of Fastify',
    instead: 'it is public; that `headers` and `raw` are all that it reads of a request is not',
    usedBy: ['lib/sessions/fastify-sessions.ts'],
    async check(bench) {
      const session = { secret: SECRET, cookie: { secure: false }, saveUninitialized: true };
      const instance = await fastifyOf(bench, [
        [cookie, {}],
        [fastifySession, session],
      ]);
      const raw = await requested(bench, {});
      const request: { headers: object; raw: object; session?: object } = { headers: raw.headers, raw };
      await new Promise((resolve) => void call(instance, 'decryptSession', 'unknown', request, resolve));
      const { session: opened } = request;
      expect(inside(opened!, 'sessionId')).toMatch(/^.{20,}$/);
      expect(inside(opened!, 'save')).toBeTypeOf('function');
    },
  },
];

/** The parts of @fastify/secure-session. */
export const secureSessions: PrivateMember[] = [
  {
    member: 'FastifyInstance.decodeSecureSession',
    kind: 'behaviour',
    serves: 'opens the session of a handshake, which is no request of Fastify',
    instead: 'it is public; that it does without a logger is not',
    usedBy: ['lib/sessions/fastify-sessions.ts'],
    async check(bench) {
      const instance = await fastifyOf(bench, [[secureSession, { key: Buffer.alloc(32, 1) }]]);
      const session = call(instance, 'createSecureSession', { user: 'ann' });
      const encoded = call(instance, 'encodeSecureSession', session);
      const opened = call(instance, 'decodeSecureSession', encoded, undefined, undefined) as object;
      expect(call(opened, 'data')).toEqual({ user: 'ann' });
      expect(call(instance, 'decodeSecureSession', 'nonsense', undefined, undefined)).toBeNull();
    },
  },
];
