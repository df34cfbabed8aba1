import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clientsOf, Departure, disconnectAll } from '../../../lib/connection/departure.js';
import type { GatewayHooks } from '../../../lib/connection/gateway-hooks.js';
import { OversizedMessages } from '../../../lib/connection/packet-receiver.js';
import type { Handler } from '../../../lib/handlers/handler.js';
import { Gate } from '../../support/journal.js';
import { connectionTo, connectTo, executorOf, handlerOf, keptLog, portlessServer, registryOf, turns, Wire, restoreClock, turnClock } from '../../support/units.js'; // prettier-ignore

/** A client that leaves a namespace with a disconnect handler. */
async function departing(disconnect: Handler['run'] = () => {}) {
  const log = keptLog();
  const told: string[] = [];
  const registry = registryOf({ kind: 'disconnect', handler: handlerOf(disconnect) });
  const hooks = { disconnected: (_: unknown, reason: string) => void told.push(reason) };
  const departure = new Departure({
    registry,
    executor: executorOf(registry, log),
    hooks: hooks as unknown as GatewayHooks, // all that a departure asks them
    tooLarge: new OversizedMessages(log),
    handshakes: { left: () => {} },
  });
  return { ...(await connectionTo()), departure, told };
}

describe('the departure of a client', () => {
  it('C7 runs its disconnect handler once, with the reason, while its rooms exist', async () => {
    const seen: unknown[] = [];
    const { departure, connection, socket, told } = await departing((request, values) => {
      seen.push(
        [...values],
        [...(request.roomsAtDisconnect ?? [])],
        connection.state,
        departure.disconnectingSockets.has(socket),
      );
    });
    await socket.join('lobby');
    for (const reason of ['transport close', 'again']) departure.disconnect(connection, reason);

    expect(seen).toEqual([['transport close'], [socket.id, 'lobby'], 'disconnecting', true]);
    expect([connection.state, told, departure.disconnectingSockets.size]).toEqual([
      'disconnected',
      ['transport close'],
      0,
    ]);
  });

  it('C7 is over when its handler has ended', async () => {
    const gate = new Gate();
    const { departure, connection, told } = await departing(() => gate.opened);
    departure.disconnect(connection, 'transport close');
    const during = [connection.state, [...told]];
    gate.open();
    await turns();

    expect([during, connection.state, told.length]).toEqual([['disconnecting', []], 'disconnected', 1]);
  });

  it('C2 of one that was refused runs no handler', async () => {
    let times = 0;
    const { departure, connection } = await departing(() => void times++);
    connection.state = 'refused';
    departure.disconnect(connection, 'transport close');

    expect([times, connection.state]).toEqual([0, 'refused']);
  });

  it('C6 waits for the connect handler that still runs', async () => {
    let times = 0;
    const gate = new Gate();
    const { departure, connection } = await departing(() => void times++);
    connection.connectHandled = gate.opened;
    departure.disconnect(connection, 'transport close');
    const before = times;
    gate.open();
    await turns();

    expect([before, times]).toEqual([0, 1]);
  });

  it.each(['disconnect', 'refused'] as const)('E7 ends what waits for its answers: %s', async (how) => {
    const { departure, connection } = await departing();
    const ended: string[] = [];
    connection.pendingCalls.add(() => ended.push('call'));
    departure[how](connection, 'transport close');

    expect(ended).toEqual(['call']);
  });

  it('A3 stops the timer of its expiry with its last namespace', async () => {
    const { departure, connection } = await departing();
    connection.client.expiryTimer = setTimeout(() => {}, 60_000).unref();
    departure.disconnect(connection, 'transport close');

    expect(connection.client.expiryTimer).toBeUndefined();
  });
});

describe('the end of all connections', () => {
  beforeEach(() => turnClock({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(restoreClock);

  async function crowd(size: number) {
    const server = portlessServer();
    const wires = Array.from({ length: size }, () => new Wire());
    for (const wire of wires) await connectTo(server, '/', wire);
    const open = () => wires.filter(({ readyState }) => readyState === 'open').length;
    return { server, open };
  }

  it('P7 comes in batches', async () => {
    const { server, open } = await crowd(250);
    const ending = disconnectAll(server, 60_000);
    const left = [open()];
    for (let batch = 0; batch < 2; batch++) {
      await vi.advanceTimersByTimeAsync(150);
      left.push(open());
    }
    await ending;

    expect([left[0], left.at(-1), clientsOf(server).size]).toEqual([150, 0, 0]);
  });

  it('P7 takes no longer than it may', async () => {
    const { server, open } = await crowd(250);
    await disconnectAll(server, 0);

    expect(open()).toBe(0);
  });
});
