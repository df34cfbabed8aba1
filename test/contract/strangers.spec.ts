import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, it } from 'vitest';
import { Links } from '../support/links.js';

/** What answers on a port that was mistaken for a broker's. */
const strangers = {
  'a web server': (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
  'a web server that stays': (socket: Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'bytes without a meaning': (socket: Socket) => socket.write(Buffer.alloc(100_000, 0xff)),
  'somebody who hangs up': (socket: Socket) => socket.resetAndDestroy(),
};

const schemes = ['redis', 'redis-sharded', 'redis-streams', 'redis+sentinel', 'amqp', 'nats', 'postgres'];

const each = schemes.flatMap((scheme) =>
  Object.entries(strangers).map(([stranger, answer]) => [scheme, stranger, answer] as const),
);

// Some wait for five seconds until they give up, so they wait together.
describe('a message queue where something else listens', { timeout: 60_000, concurrent: true }, () => {
  it.for(each)('P6 %s://, %s ends nothing', async ([scheme, , answer], { expect, onTestFinished }) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      answer(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const links = new Links(() => `${scheme}://127.0.0.1:${port}/${scheme === 'amqp' ? '' : '0'}`);
    onTestFinished(() => links.close());

    const { away, lines, link } = await links.open();
    await away();
    const began = Date.now();
    await link.close();

    expect(lines).toEqual([expect.stringContaining('is away')]);
    expect(Date.now() - began).toBeLessThan(10_000);
  });
});
