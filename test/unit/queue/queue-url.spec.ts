import { describe, expect, it } from 'vitest';
import { isRefusedLogin, queueUrl, withHost, withoutPassword } from '../../../lib/queue/queue-url.js';

describe('the URL of a broker, for the log', () => {
  it.each([
    ['redis://:pass@host:1/0', 'redis://:***@host:1/0'],
    ['amqp://me:p%40ss@host/vhost', 'amqp://me:***@host/vhost'],
    ['nats://token@host:4222', 'nats://***@host:4222'],
    ['tls://token@host', 'tls://***@host'],
    ['postgres://me@host/db', 'postgres://me@host/db'],
    ['postgres://host/db?user=me&password=pass&ssl=1', 'postgres://host/db?user=me&password=***&ssl=1'],
    [
      'redis+sentinel://a:1,b:2/main?sentinelPassword=pass',
      'redis+sentinel://a:1,b:2/main?sentinelPassword=***',
    ],
    ['redis+sentinel://me:pass@a:1,b:2/main', 'redis+sentinel://me:***@a:1,b:2/main'],
  ])('P4 has no password: %s', (url, shown) => {
    expect(withoutPassword(url)).toBe(shown);
  });
});

describe('the URL of a broker', () => {
  it.each([
    ['redis://', 'redis://localhost'],
    ['amqp://me:p@:5673/vhost', 'amqp://me:p@localhost:5673/vhost'],
    ['nats:///', 'nats://localhost/'],
    ['redis://host', 'redis://host'],
    ['postgres://', 'postgres://'],
  ])('P4 %s without a host is %s', (url, expected) => {
    expect(withHost(url)).toBe(expected);
  });

  it('P4 is taken apart, user and password decoded', () => {
    expect(queueUrl('amqp://me:p%40ss@host/vhost')).toMatchObject({ username: 'me', password: 'p@ss' });
  });

  it.each(['amqp://host:port', 'amqp://me:secret@host/%'])(
    'P4 that is none is an error without its password: %s',
    (url) => {
      expect(() => queueUrl(url)).toThrow(expect.objectContaining({ code: 'FSK_INVALID_QUEUE' }) as Error);
      expect(() => queueUrl(url)).not.toThrow('secret');
    },
  );
});

describe('a login that a broker refuses', () => {
  it.each<[error: unknown, isRefused: boolean]>([
    [new Error('WRONGPASS invalid username-password pair'), true],
    [new Error('NOAUTH Authentication required.'), true],
    [new Error("'Authorization Violation'"), true],
    [Object.assign(new Error('no'), { code: '28P01' }), true],
    [Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), false],
    ['WRONGPASS', false],
  ])('P4 is told by the words of each broker: %s', (error, isRefused) => {
    expect(isRefusedLogin(error)).toBe(isRefused);
  });
});
