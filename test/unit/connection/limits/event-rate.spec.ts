import { EventEmitter } from 'node:events';
import type { Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveLimits, type Limits } from '../../../../lib/common/limits.js';
import { eventRateOf } from '../../../../lib/connection/limits/event-rate.js';
import type { RatedClient, Verdict } from '../../../../lib/socketio/client-internals.js';

const OPTIONS = { maxHttpBufferSize: 1_000, server: undefined };

describe('the event rate', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setImmediate'] });
    vi.spyOn(process, 'nextTick').mockImplementation(
      (call, ...values) => void setImmediate(() => Reflect.apply(call, undefined, values)),
    );
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  function limited(limits: Limits) {
    const reached: string[] = [];
    const rate = eventRateOf(
      { limits: resolveLimits(limits), reached: (limit) => void reached.push(limit) },
      OPTIONS,
    )!;
    return { rate, reached };
  }

  /** A client whose messages are packets, with a transport that can be paused, or not. */
  function clientOf({ rate }: ReturnType<typeof limited>, { canPause = true } = {}) {
    const states: string[] = [];
    const decoded: unknown[] = [];
    const dropped: string[] = [];
    const verdicts: Verdict[] = [];
    const socket = { pause: () => states.push('paused'), resume: () => states.push('reading') };
    const conn = Object.assign(new EventEmitter(), {
      readyState: 'open',
      transport: { name: 'websocket', socket: canPause ? socket : {} },
      close: () => void states.push('closed'),
    });
    const client: RatedClient = {
      conn: conn as unknown as Socket['conn'], // what is used of it
      sockets: [],
      fullAt: 0,
      sliceFrom: 0,
      inSlice: 0,
      slice: 64,
      held: undefined,
      decode: (data) => {
        decoded.push(data);
        verdicts.push(rate.take(client));
      },
      dropped: (reason) => void dropped.push(reason),
    };
    const send = (data: unknown) => (client.held ? client.held.add(data) : client.decode(data));
    return { client, conn, send, states, decoded, dropped, verdicts };
  }

  const times = (count: number, call: (index: number) => void) => {
    for (let index = 0; index < count; index++) call(index);
  };

  it.each([{ eventRate: false }, { eventBurst: false }] as const)('L1 is none with %o', (limits) => {
    expect(eventRateOf({ limits: resolveLimits(limits), reached: () => {} }, OPTIONS)).toBeUndefined();
  });

  it('L1 lets through a burst, never more at once, then the rate, in order', () => {
    const { send, decoded, states } = clientOf(limited({ eventRate: 100, eventBurst: 10 }));

    times(30, send);
    const atOnce = decoded.length;
    vi.advanceTimersByTime(100);
    const later = decoded.length;
    vi.advanceTimersByTime(200);

    expect([atOnce, states]).toEqual([10, ['paused', 'reading']]);
    expect(later).toBeGreaterThan(10);
    expect(later).toBeLessThanOrEqual(20);
    expect(decoded).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  it('L1 lets through a full burst again after as long as that takes to fill', () => {
    const parts = limited({ eventRate: 100, eventBurst: 10 });
    const { send, decoded } = clientOf(parts);

    times(9, send);
    vi.advanceTimersByTime(10_000);
    times(15, send);

    expect([decoded.length, parts.reached]).toEqual([19, ['eventRate']]);
  });

  it('L1 disconnects a client that stays above it, a little after it was told', () => {
    const parts = limited({ eventRate: 100, eventBurst: 10, rateTimeout: 500 });
    const { send, states, dropped, client } = clientOf(parts);

    times(200, send);
    vi.advanceTimersByTime(600);
    send('more');
    const before = states.includes('closed');
    vi.advanceTimersByTime(1_000);

    expect([before, states, parts.reached]).toEqual([
      false,
      ['paused', 'closed'],
      ['eventRate', 'rateTimeout'],
    ]);
    expect(new Set(dropped)).toEqual(new Set(['rate_limited']));
    expect(client.held).toBeDefined();
  });

  it('L1 does not add up what is above it now and then', () => {
    const parts = limited({ eventRate: 100, eventBurst: 10, rateTimeout: 500 });
    const { send, states } = clientOf(parts);

    times(10, () => {
      times(20, send);
      vi.advanceTimersByTime(2_000);
    });

    expect([new Set(parts.reached), states.includes('closed')]).toEqual([new Set(['eventRate']), false]);
  });

  it('L1 keeps what has been read of a client that has gone for no longer than a batch', () => {
    const { send, conn, decoded, dropped } = clientOf(limited({ eventRate: 100, eventBurst: 10 }));

    times(30, send);
    conn.readyState = 'closed';
    vi.advanceTimersByTime(100);

    expect([decoded.length, dropped.length]).toEqual([10, 20]);
  });

  it('L1 disconnects a client that cannot be paused when more waits than a request can bring', () => {
    const parts = limited({ eventRate: 100, eventBurst: 10 });
    const { send, decoded } = clientOf(parts, { canPause: false });

    times(100, () => send('x'.repeat(100)));

    expect([decoded.length, parts.reached]).toEqual([10, ['eventRate', 'rateTimeout']]);
  });

  it('L1 refuses what is above it with eventPolicy refuse, and says so once a second', () => {
    const { send, verdicts, states } = clientOf(
      limited({ eventRate: 1, eventBurst: 2, eventPolicy: 'refuse' }),
    );

    times(4, send);
    vi.advanceTimersByTime(1_000);
    times(2, send);

    expect(verdicts).toEqual(['handle', 'handle', 'refuse', 'refuse quietly', 'handle', 'refuse']);
    expect(states).toEqual([]);
  });
});
