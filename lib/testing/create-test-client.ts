import type { INestApplication } from '@nestjs/common';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { cookieHeader } from './web-socket.js';
import type { TestClientOptions } from './test-connection.js';
import { ProtocolClient } from './protocol-client.js';
import { TestClient } from './test-client.js';
import { TestedApp } from './tested-app.js';

/** The default of option `timeout`, in milliseconds. */
const PATIENCE = 2_000;

/**
 * A connected client of an application, in the same process and without a port. The application is initialised if it is
 * not yet. A refused client is returned, too: `isConnected()` is false and `refusal()` says why.
 *
 * @throws FSK_MODULE_MISSING for an application without `FlaskSocketModule`
 * @throws FSK_TEST_INVALID_AGENT for an `http` that holds no cookies
 * @throws FSK_TEST_TIMEOUT if the server does not decide
 * @see docs/testing.md
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
  {
    namespace = DEFAULT_NAMESPACE,
    query = {},
    headers = {},
    auth,
    http,
    timeout = PATIENCE,
  }: TestClientOptions = {},
): Promise<TestClient> {
  const tested = await TestedApp.of(app);
  const path = tested.server.path();
  const cookies = http === undefined ? {} : cookieHeader(http, { path, secure: tested.isSecure });
  const peer = new ProtocolClient(tested, {
    path,
    query: searchOf(query),
    headers: { ...cookies, ...headers },
  });
  const client = new TestClient(peer, { namespace, auth, timeout });
  await client.connect();
  return client;
}

function searchOf(query: NonNullable<TestClientOptions['query']>): URLSearchParams {
  if (typeof query === 'string' || query instanceof URLSearchParams) return new URLSearchParams(query);
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) search.append(name, value);
  }
  return search;
}
