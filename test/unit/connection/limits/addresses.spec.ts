import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { resolveLimits, type Limits } from '../../../../lib/common/limits.js';
import { Addresses, networkOf } from '../../../../lib/connection/limits/addresses.js';
import type { EngineConnection } from '../../../../lib/socketio/engine-internals.js';

describe('the network of an address', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3:4711', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:10.1.2.3', '10.1.2.3'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['[2001:0db8::1]:443', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['1:2:3:4::', '1:2:3:4::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
    ['1::5:6:7:8', '1:0:0:0::/64'],
    ['64:ff9b::1.2.3.4', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('L4 of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each(['', 'unknown', '_x', '1.2.3', 'x'.repeat(1_000), '1.2.3.4, 5.6.7.8'])(
    'L4 there is none of %j',
    (text) => {
      expect(networkOf(text)).toBeUndefined();
    },
  );
});

describe('the addresses of clients', () => {
  function counting(
    limits: Limits,
    addressOf: (request: IncomingMessage) => string | undefined = () => undefined,
  ) {
    const lines: string[] = [];
    const reports = {
      limits: resolveLimits(limits),
      reached: (limit: string, { what }: { what: string }) => void lines.push(`${limit}: ${what}`),
    };
    return { addresses: new Addresses(reports, addressOf), lines };
  }

  /** A request of a peer, as far as it is looked at. */
  const socketOf = (remoteAddress?: string) =>
    Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress });
  const requestOf = (remoteAddress?: string, headers = {}) =>
    ({ socket: socketOf(remoteAddress), headers }) as unknown as IncomingMessage;
  const connectionOf = (request: IncomingMessage | null) => ({ request }) as unknown as EngineConnection;

  it('L4 are forgotten with their last connection', () => {
    const { addresses } = counting({ connectionsPerAddress: 5 });
    const request = requestOf('1.1.1.1');
    addresses.enter(request);
    const connection = connectionOf(request);
    const address = addresses.opened(connection);
    addresses.connects(address);
    expect(addresses.size).toBe(1);
    addresses.closed(connection);
    addresses.closed(connection);

    expect([address, addresses.size]).toEqual(['1.1.1.1', 0]);
  });

  it('L4 count a request once that ends before or after its connection is there', () => {
    const { addresses } = counting({ handshakesPerAddress: 1, connectionsPerAddress: 1 });
    const early = requestOf('1.1.1.1');
    addresses.enter(early);
    addresses.ended(early);
    addresses.ended(early);
    const address = addresses.opened(connectionOf(early));
    addresses.ended(early);
    expect(addresses.enter(requestOf('1.1.1.1'))).toBeDefined();
    addresses.connects(address);

    expect(addresses.enter(requestOf('2.2.2.2'))).toBeUndefined();
  });

  it('L4 are not counted where there are none: of a pipe, or over WebTransport', () => {
    const { addresses } = counting({ handshakesPerAddress: 1 });
    for (let count = 0; count < 3; count++) {
      expect(addresses.enter(requestOf())).toBeUndefined();
      expect(addresses.opened(connectionOf(null))).toBeUndefined();
    }
    expect(addresses.size).toBe(0);
  });

  it('L4 are those of the peers if the platform fails to say', () => {
    const { addresses } = counting({ handshakesPerAddress: 1 }, () => {
      throw new Error('no');
    });
    addresses.enter(requestOf('1.1.1.1'));

    expect(addresses.enter(requestOf('1.1.1.1'))).toEqual({
      message: 'Too many connections from this address',
      retryAfter: 10,
    });
  });

  it.each([
    ['10.0.0.7', { forwarded: 'for=1.1.1.1' }, true],
    ['::1', { 'x-forwarded-for': '1.1.1.1' }, true],
    ['fd00::7', { 'x-forwarded-for': '1.1.1.1' }, true],
    ['10.0.0.7', {}, false],
    ['8.8.8.8', { 'x-forwarded-for': '1.1.1.1' }, false],
  ])('L4 of %s with %j: the log says what a proxy needs: %s', (peer, headers, isSaid) => {
    const { addresses, lines } = counting({ handshakesPerAddress: 1 });
    for (let count = 0; count < 2; count++) addresses.enter(requestOf(peer, headers));

    expect(lines).toHaveLength(1);
    expect(lines[0]!.includes('trust proxy')).toBe(isSaid);
  });
});
