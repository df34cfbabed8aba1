import { describe, expect, it } from 'vitest';
import { withoutPassword } from '../../../lib/queue/queue-url.js';

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
