import { describe, expect, it } from 'vitest';
import type { FlaskSocketOptions } from '../../../../lib/common/options.js';
import { resolveOptions } from '../../../../lib/common/validate-options.js';
import { Recovery } from '../../../../lib/connection/recovery/recovery.js';
import { MemoryAdapter } from '../../../../lib/socketio/memory-adapter.js';
import { SocketSession } from '../../../../lib/context/socket-session.js';
import { holdPackets } from '../../../../lib/socketio/held-packets.js';
import { connectionTo, keptLog, portlessServer, Wire } from '../../../support/units.js';

const RECOVERY = { maxDisconnectionDuration: 60_000 };

function recovering(options: Partial<FlaskSocketOptions> = { connectionStateRecovery: RECOVERY }) {
  const log = keptLog();
  const clientState = { session: SocketSession.from({}) };
  const recovery = new Recovery(
    () => resolveOptions(options),
    log,
    () => clientState,
  );
  return { recovery, log };
}

/** A client that was here, with a cookie, and comes back with one. */
async function returning(cookie: string, options?: Partial<FlaskSocketOptions>) {
  const { recovery, log } = recovering(options);
  const server = portlessServer({ adapter: MemoryAdapter, connectionStateRecovery: RECOVERY });
  recovery.watch(server.of('/'));
  const before = await connectionTo({ server, wire: new Wire({ cookie: 'user=Ann' }) });
  recovery.prepare(before.connection);
  await before.socket.join('room');
  before.connection.client.session['name'] = 'Ann';
  before.socket.emit('first');
  const offset = /"([^"]+)"\]$/.exec(before.wire.received.at(-1)!)?.[1];
  const { pid } = before.socket as unknown as { pid: string }; // typed private
  before.wire.lose();
  server.emit('missed');
  const wire = new Wire({ cookie });
  wire.send = (packet) =>
    void wire.emit('data', packet === '0' ? `0${JSON.stringify({ pid, offset })}` : packet);
  const now = await connectionTo({ server, wire });
  now.connection.state = 'connecting';
  holdPackets(now.connection);
  recovery.prepare(now.connection);
  return { ...now, recovery, log, sidBefore: before.socket.id };
}

describe('the recovery of connections', () => {
  it('N4 gives a client that proves to be the same what it had, when it is admitted', async () => {
    const { recovery, connection, socket, sidBefore } = await returning('user=Ann');
    const before = [
      socket.rooms.has('room'),
      recovery.isReturning(connection),
      recovery.isProven(connection),
    ];
    recovery.restoreOrReset(connection);

    expect(before).toEqual([false, true, true]);
    expect([socket.id === sidBefore, socket.rooms.has('room'), connection.client.session['name']]).toEqual([true, true, 'Ann']); // prettier-ignore
    expect([recovery.isReturning(connection), connection.heldPackets?.length]).toEqual([false, 1]);
  });

  it('N4 gives somebody else nothing, not even the sid', async () => {
    const { recovery, connection, socket, sidBefore } = await returning('user=Ben');
    recovery.restoreOrReset(connection);

    expect([socket.id === sidBefore, socket.recovered, socket.rooms.has('room'), connection.heldPackets?.length]).toEqual([false, false, false, 0]); // prettier-ignore
    expect(connection.client.session['name']).toBeUndefined();
  });

  it('N4 skips middlewares and handlers for those who come back alone, and where that is asked for', async () => {
    const usual = await returning('user=Ann');
    const skipping = await returning('user=Ann', {
      connectionStateRecovery: { ...RECOVERY, skipMiddlewares: true },
    });

    expect([usual, skipping].map(({ recovery, connection }) => recovery.skipsHandlers(connection))).toEqual([
      false,
      true,
    ]);
    const { connection } = await connectionTo();
    expect(skipping.recovery.skipsHandlers(connection)).toBe(false);
  });

  it('N4 fails at boot with an adapter that keeps nothing', () => {
    const { recovery } = recovering();

    expect(() => recovery.watch(portlessServer().of('/'))).toThrow('FSK_INVALID_OPTION');
  });

  it('N4 says once what proves who comes back, where the options do not', () => {
    const { recovery, log } = recovering();
    const server = portlessServer({ adapter: MemoryAdapter, connectionStateRecovery: RECOVERY });
    for (const name of ['/', '/chat']) recovery.watch(server.of(name));

    expect(log.lines).toEqual([expect.stringContaining('when it proves to be the same')]);
  });

  it('N4 is nothing where nobody asks for it', async () => {
    const { recovery, log } = recovering({});
    const { connection } = await connectionTo();
    recovery.watch(portlessServer().of('/'));
    recovery.prepare(connection);

    expect([recovery.window, connection.credentials, log.lines]).toEqual([0, undefined, []]);
  });
});
