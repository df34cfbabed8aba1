import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchExpiry } from '../../../lib/connection/identification.js';
import { type ClientState, type Connection, isExpired, setExpiry } from '../../../lib/context/connection.js';
import { attachConnection } from '../../../lib/socketio/socket-internals.js';

const DAY = 24 * 60 * 60 * 1_000;

/** A client in one namespace, as far as its expiry looks at it. */
function clientOf(state: Partial<ClientState>) {
  const sent: string[] = [];
  const nsps = new Map<string, unknown>();
  const socket = {
    connected: true,
    nsp: { server: { opts: {} } },
    client: { nsps },
    packet: ({ type }: { type: number }) => void sent.push(String(type)),
    listenersAnyOutgoing: () => [],
    _onclose(reason: string) {
      sent.push(reason);
      this.connected = false;
      nsps.clear();
    },
  };
  nsps.set('/', socket);
  const runtime = {
    warnOnce: (subject: string) => void sent.push(`warned: ${subject}`),
    expiryChanged: (changed: Connection) => watchExpiry(changed.socket.client),
  };
  const connection = { socket, client: state, runtime } as unknown as Connection; // a stand-in
  attachConnection(connection.socket, connection);
  return { connection, sent, client: connection.socket.client };
}

const EXPIRED = ['2', '1', 'expired'];

describe('the expiry of a client', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.restoreAllMocks(); // before the clock that one of them is on
    vi.useRealTimers();
  });

  it('A3 sends an event, then the end, when its time has come', () => {
    const { connection, sent } = clientOf({});
    setExpiry(connection, Date.now() + 1_000);
    vi.advanceTimersByTime(999);
    const before = [...sent];
    vi.advanceTimersByTime(1);

    expect([before, sent]).toEqual([[], EXPIRED]);
  });

  it('A3 may be further away than a timer of Node can wait', () => {
    const { connection, sent } = clientOf({});
    const wait = vi.spyOn(globalThis, 'setTimeout');
    setExpiry(connection, new Date(Date.now() + 100 * DAY));
    vi.advanceTimersByTime(100 * DAY - 1);
    const before = [...sent];
    vi.advanceTimersByTime(1);

    expect([before, sent]).toEqual([[], EXPIRED]);
    expect(Math.max(...wait.mock.calls.map(([, delay]) => delay!))).toBeLessThan(2 ** 31);
  });

  it('A3 has one timer, however often it is set', () => {
    const { connection } = clientOf({});
    for (let times = 1; times <= 3; times++) setExpiry(connection, Date.now() + times * 1_000);

    expect(vi.getTimerCount()).toBe(1);
  });

  it.each([undefined, null, Number.POSITIVE_INFINITY])('A3 set to %s is never', (never) => {
    const { connection, sent } = clientOf({});
    setExpiry(connection, Date.now() + 1_000);
    setExpiry(connection, never);
    vi.advanceTimersByTime(100 * DAY);

    expect([sent, isExpired(connection.client)]).toEqual([[], false]);
  });

  it('A3 that has passed ends the client now, without a timer', () => {
    const { connection, sent } = clientOf({});
    setExpiry(connection, new Date(0));

    expect([sent, vi.getTimerCount()]).toEqual([EXPIRED, 0]);
  });

  it.each(['2030-01-01', '1893456000000', {}, true, Number.NaN, new Date('never')])(
    'A3 is no %s',
    (value) => {
      const { connection } = clientOf({});

      expect(() => setExpiry(connection, value)).toThrow('FSK_INVALID_EXPIRY');
    },
  );

  it('A3 in seconds is warned of', () => {
    const { connection, sent } = clientOf({});
    setExpiry(connection, Math.floor(Date.now() / 1_000) + 3_600);

    expect(sent).toContain('warned: expiresAt');
  });

  it('A3 of a client without a namespace has no timer', () => {
    const { connection, client } = clientOf({});
    (client as unknown as { nsps: Map<string, unknown> }).nsps.clear(); // typed private by socket.io
    setExpiry(connection, Date.now() + 1_000);
    watchExpiry(client);

    expect(vi.getTimerCount()).toBe(0);
  });
});
