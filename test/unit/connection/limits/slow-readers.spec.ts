import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveLimits, type Limits } from '../../../../lib/common/limits.js';
import { LimitReports } from '../../../../lib/connection/limits/limit-reports.js';
import { SlowReaders } from '../../../../lib/connection/limits/slow-readers.js';
import { keptLog } from '../../../support/units.js';

/** A transport, as much of it as is asked for. */
class FakeTransport extends EventEmitter {
  writable = true;
  isTerminated = false;
  readonly socket = { bufferedAmount: 0, terminate: () => void (this.isTerminated = true) };

  constructor(readonly name = 'websocket') {
    super();
  }

  onClose(): void {}
}

/** A connection of the engine whose client reads when the test says so. */
class FakeConnection extends EventEmitter {
  readonly request = {};
  readyState = 'open';
  reason: string | undefined;
  writeBuffer: object[] = [];

  constructor(readonly transport = new FakeTransport()) {
    super();
  }

  /** What engine.io does. */
  send(size: number): void {
    if (this.readyState !== 'open') return;
    const packet = { type: 'message', data: 'x'.repeat(size) };
    this.emit('packetCreate', packet);
    this.writeBuffer.push(packet);
    if (this.transport.writable) this.flush();
  }

  /** The transport takes what waits, and the client reads none of it. */
  flush(): void {
    this.emit('flush', this.writeBuffer);
    for (const { data } of this.writeBuffer as { data: string }[])
      this.transport.socket.bufferedAmount += data.length;
    this.writeBuffer = [];
    this.transport.writable = false;
  }

  /** The client reads all. */
  read(): void {
    this.transport.socket.bufferedAmount = 0;
    this.transport.writable = true;
    if (this.writeBuffer.length === 0) return;
    this.flush();
    this.read();
  }

  onClose(reason: string): void {
    this.readyState = 'closed';
    this.reason = reason;
  }
}

function watching(limits: Limits = { pendingBytes: 10_000 }) {
  const engine = new EventEmitter();
  const logger = keptLog();
  const reports = new LimitReports({
    limits: () => resolveLimits(limits),
    logger,
    executor: { observer: undefined },
  });
  new SlowReaders({ limits: reports, addressOf: () => '192.0.2.1' }).watch({ engine: engine as never });
  const connect = (transport?: FakeTransport) => {
    const connection = new FakeConnection(transport);
    engine.emit('connection', connection);
    return connection;
  };
  return { connect, logger, reports };
}

describe('slow readers', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers().restoreAllMocks());

  it('L2 L10 are disconnected within two seconds, counted and logged', () => {
    const { connect, logger, reports } = watching();
    const [slow, other] = [connect(), connect()];
    for (let count = 0; count < 20; count++) {
      slow.send(1_000);
      other.send(1_000);
      other.read();
    }
    vi.advanceTimersByTime(1_000);
    const early = slow.reason;
    vi.advanceTimersByTime(1_000);

    expect({ early, slow: slow.reason, other: other.reason, timers: vi.getTimerCount() }).toEqual({
      early: undefined,
      slow: 'slow reader',
      other: undefined,
      timers: 0,
    });
    expect(slow.transport.isTerminated).toBe(true);
    expect(reports.counts.pendingBytes).toBe(1);
    expect(logger.lines).toEqual([
      'warn: A client reads too slowly: 20216 bytes wait for it, and it is disconnected: address 192.0.2.1 (limits.pendingBytes: 10000)',
    ]);
  });

  it.each([
    ['in the hands of the transport', true],
    ['in the queue', false],
  ])('L2 are found on an engine that says nothing of what it has sent, by what is %s', (_, isHandedOver) => {
    const { connect } = watching();
    const client = connect();
    Object.assign(client.transport, { socket: {} }); // eiows 9
    client.send(1_000_000);
    for (let count = 0; count < 20; count++) client.send(1_000);
    if (isHandedOver) client.flush();
    vi.advanceTimersByTime(2_000);

    expect(client.reason).toBe('slow reader');
  });

  it('L2 are not those that catch up, however often they fall behind', () => {
    const { connect } = watching();
    const client = connect();
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 50; count++) client.send(1_000);
      vi.advanceTimersByTime(240);
      client.read();
      client.send(1);
    }
    expect(client.reason).toBeUndefined();
  });

  it('L2 are not those for which one large message waits, with a little behind it', () => {
    const { connect } = watching();
    const [sent, queued] = [connect(), connect()];
    sent.send(5_000_000);
    queued.send(1);
    queued.send(5_000_000);
    for (let count = 0; count < 9; count++) for (const client of [sent, queued]) client.send(1_000);
    vi.advanceTimersByTime(60_000);
    const reasons = [sent.reason, queued.reason];
    for (let count = 0; count < 2; count++) for (const client of [sent, queued]) client.send(1_000);
    vi.advanceTimersByTime(2_000);

    expect(reasons).toEqual([undefined, undefined]);
    expect([sent.reason, queued.reason]).toEqual(['slow reader', 'slow reader']);
  });

  it('L2 are not those that could not read because the process was busy', () => {
    const { connect } = watching();
    const client = connect();
    for (let count = 0; count < 50; count++) client.send(1_000);
    vi.advanceTimersByTime(250);
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
    vi.advanceTimersByTime(250); // one look after a long time

    expect(client.reason).toBeUndefined();
  });

  it('L2 get nothing more above 16 times the limit, and go when who emits has ended', async () => {
    const { connect } = watching();
    const client = connect();
    for (let count = 0; count < 1_000; count++) client.send(1_000);
    const state = { length: client.writeBuffer.length, state: client.readyState, reason: client.reason };
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));

    expect(state).toEqual({ length: 151, state: 'closing', reason: undefined });
    expect(client.reason).toBe('slow reader');
  });

  it('L2 are those that let answers to probes pile up before an upgrade', () => {
    const { connect } = watching();
    const client = connect(new FakeTransport('polling'));
    const probe = new FakeTransport();
    client.emit('upgrading', probe);
    const first = client.reason;
    probe.socket.bufferedAmount = 20_000;
    client.emit('upgrading', probe);

    expect({ first, last: client.reason, probe: probe.isTerminated }).toEqual({
      first: undefined,
      last: 'slow reader',
      probe: true,
    });
  });

  it('L2 are nobody without the limit', () => {
    const client = watching({ pendingBytes: false }).connect();
    expect(client.eventNames()).toEqual([]);
  });
});
