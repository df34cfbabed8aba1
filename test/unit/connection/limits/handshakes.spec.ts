import { EventEmitter } from 'node:events';
import type { Server, Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveLimits, type Limits } from '../../../../lib/common/limits.js';
import { Addresses } from '../../../../lib/connection/limits/addresses.js';
import { Handshakes, SOCKET_IO_TIMER_OFF } from '../../../../lib/connection/limits/handshakes.js';
import { portlessServer, Wire } from '../../../support/units.js';

type Engine = EventEmitter & { opts: object };
type Client = Socket['client'];

describe('connections without a namespace', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function following(limits: Limits | false = {}, connectTimeout = SOCKET_IO_TIMER_OFF) {
    const lines: string[] = [];
    const reports = {
      limits: resolveLimits(limits),
      reached: (limit: string, { what }: { what: string }) => void lines.push(`${limit}: ${what}`),
    };
    const addresses = new Addresses(reports, () => undefined);
    const handshakes = new Handshakes({ reports, addresses });
    const server: Server = portlessServer({ connectTimeout });
    const engine: Engine = Object.assign(new EventEmitter(), {
      opts: {},
      handleRequest: () => {},
      handleUpgrade: () => {},
    });
    Object.assign(server, { engine });
    handshakes.install(server);
    const open = () => {
      const wire = new Wire();
      Object.assign(wire.request, { socket: new EventEmitter() });
      engine.emit('connection', wire);
      return wire;
    };
    const clientOf = (conn: Wire, namespaces: string[] = []) =>
      ({ conn, nsps: new Map(namespaces.map((name) => [name, name])) }) as unknown as Client; // what is looked at
    return { handshakes, open, clientOf, lines, engine };
  }

  it('L3 end one after the other, each after its time', () => {
    const { open, handshakes } = following({ connectTimeout: 1_000 });
    const first = open();
    vi.advanceTimersByTime(600);
    const second = open();
    vi.advanceTimersByTime(400);
    expect([first.readyState, second.readyState]).toEqual(['closed', 'open']);
    vi.advanceTimersByTime(700);

    expect([second.readyState, handshakes.size, vi.getTimerCount()]).toEqual(['closed', 0, 0]);
  });

  it('L3 stay as soon as they have asked, and wait anew when they are in none', () => {
    const { open, handshakes, clientOf } = following({ connectTimeout: 1_000 });
    const wire = open();
    vi.advanceTimersByTime(900);
    handshakes.asked(clientOf(wire));
    vi.advanceTimersByTime(5_000);
    handshakes.left(clientOf(wire, ['/other']));
    expect(handshakes.size).toBe(0);
    handshakes.left(clientOf(wire));
    vi.advanceTimersByTime(900);
    expect(wire.readyState).toBe('open');
    vi.advanceTimersByTime(100);

    expect(wire.readyState).toBe('closed');
  });

  it('L3 that have ended are forgotten, and wait no more', () => {
    const { open, handshakes, clientOf, lines } = following();
    const wire = open();
    wire.lose();
    handshakes.left(clientOf(wire));

    expect([handshakes.size, lines]).toEqual([0, []]);
  });

  it('L3 that end because of a message that is too large are reported', () => {
    const { open, lines } = following();
    open().emit('close', 'transport error', new Error('Max payload size exceeded'));

    expect(lines).toEqual([
      'connectTimeout: A client sent more than 65536 bytes before it connected to a namespace: disconnected',
    ]);
  });

  it('L3 that socket.io watches have no timer of ours', () => {
    const { open } = following({}, 20_000);
    open();

    expect(vi.getTimerCount()).toBe(0);
  });

  it('L3 without limits are not looked at', () => {
    const { engine, open, handshakes, clientOf } = following(false);
    const wire = open();
    handshakes.left(clientOf(wire));

    expect([engine.eventNames(), wire.listenerCount('close'), handshakes.size]).toEqual([[], 0, 0]);
  });
});
