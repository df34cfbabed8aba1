import type { Server as HttpServer } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { failureFrom } from '../common/errors.js';
import { FlaskSocketRuntime } from '../server/flask-socket.runtime.js';
import { cookieHeader, type HttpAgent } from './cookies.js';
import type { Handshake } from './memory-connection.js';
import { TestClient } from './test-client.js';
import { Wire } from './wire.js';

/** How a test client connects. */
export interface TestClientOptions {
  /** The namespace that it connects to, and that its methods mean where none is named. Default: `/`. */
  namespace?: string;
  /** Query parameters of the handshake. */
  query?: Record<string, string>;
  /** Headers of the handshake; an `origin` is checked as that of a browser page would be. */
  headers?: Record<string, string>;
  /** What the client passes as `auth`. */
  auth?: object;
  /** Who the client is over HTTP: a supertest agent whose cookies are sent along, or the text of a Cookie header. */
  http?: HttpAgent;
}

/**
 * A connected client of an application, in the same process and without a port. The application is initialised if
 * it is not yet. A refused client is returned, too: `isConnected()` is false and `refusal()` says why. Throws
 * `FSK_MODULE_MISSING` for an application without `FlaskSocketModule`. Source: promise Q3.
 *
 * @example
 * ```ts
 * import type { INestApplication } from '@nestjs/common';
 * import { createTestClient } from 'nestjs-flask-socket/testing';
 *
 * async function echoes(app: INestApplication) {
 *   const client = await createTestClient(app);
 *   await client.emit('my event', { data: 'Hello' });
 *   return client.getReceived(); // [{ name: 'my response', args: [{ data: 'Hello' }], namespace: '/' }]
 * }
 * ```
 */
export async function createTestClient(
  app: INestApplication,
  options: TestClientOptions = {},
): Promise<TestClient> {
  const { namespace = DEFAULT_NAMESPACE, auth } = options;
  await app.init();
  const runtime = runtimeOf(app);
  const client = new TestClient(namespace);
  const events = { packet: client.receive.bind(client), closed: client.ended.bind(client) };
  const servers = { http: app.getHttpServer() as HttpServer, io: runtime.server };
  try {
    client.attach(await Wire.open(servers, handshakeOf(runtime, options), events));
  } catch (error) {
    client.refuse((error as Error).message);
    return client;
  }
  await client.connect(namespace, { auth });
  return client;
}

function handshakeOf(
  { server }: FlaskSocketRuntime,
  { query = {}, headers = {}, http }: TestClientOptions,
): Handshake {
  const path = server.path();
  return { path, query, headers: { ...(http === undefined ? {} : cookieHeader(http, path)), ...headers } };
}

function runtimeOf(app: INestApplication): FlaskSocketRuntime {
  try {
    return app.get(FlaskSocketRuntime);
  } catch (cause) {
    throw failureFrom(cause, 'FSK_MODULE_MISSING', 'The application');
  }
}
