import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { whenClosed } from '../support/when-closed.js';
import { Arena, arenaPrograms, MEGABYTE, note } from './arena/arena.js';

const CLIENTS = 20;
const BYTES = 9 * MEGABYTE;

describe('parts of messages of clients that are in no namespace', () => {
  const programs = arenaPrograms();

  /** Clients that shake hands, and then send a message of which the last byte does not come. */
  async function attack(limits?: false) {
    const options = { maxHttpBufferSize: 10 * MEGABYTE, ...(limits === undefined ? {} : { limits }) };
    const arena = await Arena.start(programs, { options });
    const before = await arena.figures();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => handshake(arena.port)));
    const sent = clients.map(sendPart);
    return { arena, before, clients, sent };
  }

  it('L3 are refused when they are 64 KiB', async () => {
    const { arena, before, clients } = await attack();
    await Promise.all(clients.map(async (client) => client.destroyed || (await whenClosed(client))));
    const after = await arena.figures();
    const growth = (after.rss - before.rss) / MEGABYTE;
    note(11, '20 parts of 9 MB before CONNECT', { 'MB of RSS': growth, connections: after.connections });

    expect(after.connections).toBe(0);
    expect(growth).toBeLessThan(10);
  });

  it('L3 are kept without limits', async () => {
    const { arena, before, sent } = await attack(false);
    await Promise.all(sent);
    await expect
      .poll(async () => (await arena.figures()).rss - before.rss, { timeout: 15_000 })
      .toBeGreaterThan(100 * MEGABYTE);
    const { rss, connections } = await arena.figures();
    note(11, 'without limits', { 'MB of RSS': (rss - before.rss) / MEGABYTE, connections });

    expect(connections).toBe(CLIENTS);
  });
});

/** A WebSocket without a library. */
async function handshake(port: number): Promise<TcpSocket> {
  const tcp = connectTcp(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void tcp.destroy());
  tcp.write(
    'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await new Promise((resolve) => tcp.once('data', resolve));
  tcp.resume();
  return tcp;
}

/** The first 9 MB of a frame that is one byte longer; resolves when all of it has left, or the connection has ended. */
function sendPart(tcp: TcpSocket): Promise<void> {
  const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  header.writeUInt32BE(BYTES + 1, 6);
  return new Promise(
    (resolve) => void tcp.write(Buffer.concat([header, Buffer.alloc(BYTES, 7)]), () => resolve()),
  );
}
