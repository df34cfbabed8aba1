import { describe, expect, it } from 'vitest';
import { backendOf, checkScheme, SCHEMES } from '../../../lib/queue/back-ends.js';

describe('the back end of a message queue', () => {
  it.each(SCHEMES)('P4 is there for %s://, whatever is installed', async (scheme) => {
    const backend = await backendOf({ url: `${scheme}://host` });

    expect([typeof backend.name, typeof backend.open]).toEqual(['string', 'function']);
  });

  it('P4 is found by the scheme in whatever case', async () => {
    expect(await backendOf({ url: 'REDIS://host' })).toBe(await backendOf({ url: 'redis://host' }));
  });

  it.each(['mqtt://host', 'redis', '', '__proto__://host', 'constructor://host'])(
    'P4 %j has none: the error names those that there are',
    (url) => {
      expect(() => checkScheme({ url })).toThrow(/FSK_UNKNOWN_QUEUE.*redis:\/\/.*nats:\/\//);
    },
  );

  it("P4 with Python's protocol is that of Redis or RabbitMQ", () => {
    expect(() => checkScheme({ url: 'amqps://host', protocol: 'flask-socketio' })).not.toThrow();
    expect(() => checkScheme({ url: 'nats://host', protocol: 'flask-socketio' })).toThrow(
      'FSK_UNKNOWN_QUEUE',
    );
  });
});
