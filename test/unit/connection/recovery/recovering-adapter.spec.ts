import { describe, expect, it } from 'vitest';
import {
  peekState,
  recoverConnections,
  takeRecoveredState,
} from '../../../../lib/connection/recovery/recovering-adapter.js';
import { attachConnection } from '../../../../lib/socketio/socket-internals.js';
import { MemoryAdapter } from '../../../../lib/socketio/memory-adapter.js';
import { connectionTo, connectTo, portlessServer, Wire } from '../../../support/units.js';

/** A client whose connection is lost; what is kept of it says `state`. */
async function lost(state: () => unknown = () => 'state') {
  const server = portlessServer({
    adapter: MemoryAdapter,
    connectionStateRecovery: { maxDisconnectionDuration: 60_000 },
  });
  const reports: string[] = [];
  recoverConnections(server.of('/'), {
    window: 60_000,
    stateOf: state,
    report: (line) => void reports.push(line),
  });
  const { socket, wire, connection } = await connectionTo({ server });
  await socket.join('room');
  Object.assign(socket.data as object, { name: 'Ann' });
  attachConnection(socket, connection);
  socket.emit('first');
  const offset = /"([^"]+)"\]$/.exec(wire.received.at(-1)!)?.[1];
  const { pid } = socket as unknown as { pid: string }; // typed private
  wire.lose();
  const comeBack = async () => {
    const back = new Wire();
    const auth = JSON.stringify({ pid, offset });
    back.send = (packet) => void back.emit('data', packet === '0' ? `0${auth}` : packet);
    return connectTo(server, '/', back);
  };
  return { server, socket, pid, comeBack, reports };
}

describe('an adapter that recovers connections', () => {
  it('N4 gives nothing back before the client is admitted: all of it is there to be taken, once', async () => {
    const { server, comeBack } = await lost();
    server.emit('missed', 1);
    const { socket } = await comeBack();
    const seen = [socket.recovered, socket.rooms.has('room'), { ...(socket.data as object) }];
    const returned = takeRecoveredState(socket);

    expect(seen.slice(0, 2)).toEqual([true, false]);
    expect(seen[2]).not.toHaveProperty('name');
    expect(returned).toMatchObject({ state: 'state', data: { name: 'Ann' } });
    expect(returned?.rooms).toContain('room');
    expect(returned?.missed.map(([name]) => name)).toEqual(['missed']);
    expect(takeRecoveredState(socket)).toBeUndefined();
  });

  it('N4 shows what it keeps for a private id, and keeps it', async () => {
    const { server, pid } = await lost();

    expect([await peekState(server.of('/'), pid), await peekState(server.of('/'), pid)]).toEqual([{ state: 'state' }, { state: 'state' }]); // prettier-ignore
    expect(await peekState(server.of('/'), 'unknown')).toBeUndefined();
  });

  it('N4 closes connections whatever their state says', async () => {
    const { reports, socket } = await lost(() => {
      throw new Error('no');
    });

    expect([socket.connected, reports]).toEqual([false, [expect.stringMatching(/cannot come back.*no/s)]]);
  });
});
