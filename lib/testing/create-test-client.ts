import type { INestApplication } from '@nestjs/common';
import { DEFAULT_NAMESPACE } from '../common/constants.js';
import { failure } from '../common/errors.js';
import type { HttpAgent, TestClientOptions } from './test-connection.js';
import { ProtocolClient } from './protocol-client.js';
import { TestClient } from './test-client.js';
import { TestedApp } from './tested-app.js';

/** The default of option `timeout`, in milliseconds. */
const DEFAULT_TIMEOUT = 2_000;

/**
 * Connects a client to an application in the same process, without a port. Initialises the application if necessary. A
 * refused client is returned as well: its `isConnected()` is false, and its `refusal()` says why.
 *
 * @throws FSK_MODULE_MISSING for an application without `FlaskSocketModule`
 * @throws FSK_TEST_INVALID_AGENT for an `http` that holds no cookies
 * @throws FSK_TEST_TIMEOUT if the server neither accepts nor refuses the client
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
    timeout = DEFAULT_TIMEOUT,
  }: TestClientOptions = {},
): Promise<TestClient> {
  const tested = await TestedApp.of(app);
  const path = tested.server.path();
  const cookies = http === undefined ? {} : cookieHeader(http, { path, secure: tested.isSecure });
  const protocolClient = new ProtocolClient(tested, {
    path,
    query: searchOf(query),
    headers: { ...cookies, ...headers },
  });
  const client = new TestClient(protocolClient, { namespace, auth, timeout });
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

interface CookieJar {
  getCookies(access: object): { toValueString(): string }[];
}

/** The `Cookie` header that an agent would send. */
function cookieHeader(
  agent: HttpAgent,
  { path, secure }: { path: string; secure: boolean },
): { cookie?: string } {
  if (typeof agent === 'string') return { cookie: agent };
  const jar = agent.jar as Partial<CookieJar> | undefined;
  if (!jar?.getCookies) throw failure('FSK_TEST_INVALID_AGENT');
  const found = jar.getCookies({ domain: '127.0.0.1', path, secure, script: false });
  const cookie = [...found].map((each) => each.toValueString()).join('; ');
  return cookie ? { cookie } : {};
}
