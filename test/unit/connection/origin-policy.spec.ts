import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import type { FlaskSocketOptions } from '../../../lib/common/options.js';
import { resolveOptions } from '../../../lib/common/validate-options.js';
import { OriginPolicy } from '../../../lib/connection/origin-policy.js';
import { keptLog } from '../../support/units.js';

const request = (origin?: string, host = 'app.example') =>
  ({ headers: { origin, host }, socket: {} }) as unknown as IncomingMessage; // what the policy reads of it

function policyOf(corsAllowedOrigins?: FlaskSocketOptions['corsAllowedOrigins']) {
  const log = keptLog();
  const policy = new OriginPolicy(resolveOptions({ corsAllowedOrigins }), {} as HttpAdapterHost, log);
  const allows = (origin?: string, host?: string) =>
    new Promise<boolean>((resolve) =>
      policy.allowRequest(request(origin, host), (_, success) => resolve(success)),
    );
  return { policy, allows, log };
}

describe('the origin policy', () => {
  it.each([
    ['none, which is no page', undefined, true],
    ['its own', 'http://app.example', true],
    ['its own, spelt otherwise', 'HTTP://APP.example:80', true],
    ['another scheme', 'https://app.example', false],
    ['another port', 'http://app.example:81', false],
    ['another host', 'http://evil.example', false],
    ['null', 'null', false],
  ])('N1 without an option about %s', async (_, origin, expected) => {
    expect(await policyOf().allows(origin)).toBe(expected);
  });

  it.each<[option: FlaskSocketOptions['corsAllowedOrigins'], origin: string, expected: boolean]>([
    ['https://a.example', 'https://a.example', true],
    [['https://a.example', 'https://b.example'], 'https://b.example', true],
    ['*', 'https://any.example', true],
    [['https://a.example'], 'http://app.example', true],
    [['https://a.example'], 'https://c.example', false],
    [(origin) => origin.endsWith('.example'), 'https://a.example', true],
    [async () => false, 'https://a.example', false],
    [(() => 'yes') as never, 'https://a.example', false],
  ])('N1 with %s about %s: %s', async (option, origin, expected) => {
    expect(await policyOf(option).allows(origin)).toBe(expected);
  });

  it('N1 refuses where the function of the application fails, and says so', async () => {
    const { allows, log } = policyOf(() => Promise.reject(new Error('no database')));

    expect(await allows('https://a.example')).toBe(false);
    expect(log.lines[0]).toMatch(/^error: corsAllowedOrigins threw.*no database/s);
  });

  it('N1 names a refused origin and the option, once for each', async () => {
    const { allows, log } = policyOf();
    for (const origin of ['https://a.example', 'https://a.example', 'https://b.example'])
      await allows(origin);

    expect(log.lines).toEqual(
      ['a', 'b'].map((name) => expect.stringContaining(`'https://${name}.example'`) as string),
    );
    expect(log.lines[0]).toContain('corsAllowedOrigins');
  });

  it('N1 recognizes a proxy that drops the port', async () => {
    const { allows, log } = policyOf();
    await allows('http://app.example:8080');

    expect(log.lines[0]).toContain('$http_host');
  });

  it.each([
    ['https://a.example', { origin: 'https://a.example', credentials: true }],
    ['https://c.example', { origin: false, credentials: true }],
  ])('N1 writes the headers for %s', async (origin, expected) => {
    const { policy } = policyOf('https://a.example');
    const options = await new Promise(
      (resolve) => void policy.cors(request(origin), (_, given) => resolve(given)),
    );

    expect(options).toEqual(expected);
  });
});
