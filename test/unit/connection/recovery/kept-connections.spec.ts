import type { Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  keepConnections,
  persistSafely,
  SingleUse,
} from '../../../../lib/connection/recovery/kept-connections.js';
import { connectTo, portlessServer, turns } from '../../../support/units.js';

const WINDOW = 3_000;

async function keeping() {
  const server = portlessServer();
  const steps: string[] = [];
  const keeper = {
    keep: ({ rooms }: Socket) => void steps.push(`kept in ${rooms.size}`),
    forget: () => void steps.push('forgotten'),
  };
  const end = keepConnections(server.of('/'), keeper, WINDOW);
  return { ...(await connectTo(server)), server, steps, end };
}

describe('connections that are kept while they are here', () => {
  beforeEach(
    () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }),
  );
  afterEach(() => void vi.useRealTimers());

  it('N4 are kept anew when their rooms have changed, once for several changes', async () => {
    const { socket, steps } = await keeping();
    await socket.join(['a', 'b']);
    vi.advanceTimersByTime(20);

    expect(steps).toEqual(['kept in 3']);
  });

  it('N4 are kept anew before what was kept has lapsed', async () => {
    const { steps } = await keeping();
    vi.advanceTimersByTime(WINDOW);

    expect(steps.length).toBeGreaterThan(1);
  });

  it.each([
    ['is lost, and may come back', 'transport close', []],
    ['has left', 'client namespace disconnect', ['forgotten']],
  ])('N4 of a client that %s', async (_, reason, expected) => {
    const { wire, steps } = await keeping();
    if (reason === 'transport close') wire.lose();
    else wire.send('1');
    await turns();

    expect(steps).toEqual(expected);
  });

  it('N4 end with their namespace', async () => {
    const { end } = await keeping();
    end();

    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a state', () => {
  it('N4 is taken once: what is left of the client that had it ends, here and elsewhere', async () => {
    const server = portlessServer();
    const { socket, wire } = await connectTo(server);
    const told: unknown[] = [];
    server.of('/').adapter.serverSideEmit = (packet: unknown[]) => void told.push(packet);
    const use = new SingleUse(server.of('/'));
    const owned = use.owns(socket);

    expect([owned, use.take(socket.id), use.owns(socket), wire.readyState]).toEqual([
      true,
      true,
      false,
      'closed',
    ]);
    expect(told).toEqual([['flask-socket:taken', socket.id]]);
  });
});

describe('what is kept of a client', () => {
  const kept = { sid: 'a', pid: 'b', rooms: ['a'], data: { fine: 1, broken: 2 } };

  it('N4 leaves out what the adapter cannot encode, and says so', () => {
    const written: unknown[] = [];
    const reports: string[] = [];
    const persist = ({ data }: { data: unknown }) => {
      if ('broken' in (data as object)) throw new Error('cyclic');
      written.push(data);
    };
    persistSafely(persist, kept, (line) => void reports.push(line));

    expect([written.at(-1), reports]).toEqual([
      { fine: 1 },
      [expect.stringMatching(/'broken' cannot be kept.*cyclic/s)],
    ]);
  });

  it('N4 is nothing where the adapter takes nothing; nobody is thrown at', () => {
    const reports: string[] = [];
    const broken = () => {
      throw new Error('away');
    };
    persistSafely(broken, { ...kept, data: {} }, (line) => void reports.push(line));

    expect(reports).toEqual([expect.stringMatching(/nothing of it is kept.*away/s)]);
  });
});
