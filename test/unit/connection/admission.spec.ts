import type { Server, Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { ConnectionRefusedError } from '../../../lib/common/errors.js';
import { Admission, type Attachment } from '../../../lib/connection/admission.js';
import type { Decision, Refusal } from '../../../lib/connection/decision.js';
import type { Departure } from '../../../lib/connection/departure.js';
import type { GatewayHooks } from '../../../lib/connection/gateway-hooks.js';
import type { Recovery } from '../../../lib/connection/recovery/recovery.js';
import { Connection } from '../../../lib/context/connection.js';
import { SocketSession } from '../../../lib/context/socket-session.js';
import { holdPackets } from '../../../lib/socketio/held-packets.js';
import { onConnected } from '../../../lib/socketio/namespace-internals.js';
import { attachConnection, replaceRun } from '../../../lib/socketio/socket-internals.js';
import { Gate } from '../../support/journal.js';
import { open, portlessServer, runtimeOf, turns, Wire } from '../../support/units.js';

interface Rules {
  isStopping: boolean;
  isOpen: boolean;
  alwaysConnect: boolean;
}

/** A namespace with an admission, whose collaborators note what they are asked. */
function admitting(
  decide: (connection: Connection) => Refusal,
  { rules = {}, isBack }: { rules?: Partial<Rules>; isBack?: boolean } = {},
) {
  const server: Server = portlessServer();
  const steps: string[] = [];
  const client = { session: SocketSession.from({}) };
  const attach = (socket: Socket) => {
    const connection = new Connection(socket, { runtime: runtimeOf(server), client, params: {} });
    attachConnection(socket, connection);
    holdPackets(connection);
    return connection;
  };
  const about = (connection: Connection) => {
    steps.push('decided');
    return decide(connection);
  };
  const recovery = {
    skipsHandlers: () => isBack !== undefined,
    isReturning: () => false,
    restoreOrReset: () => void steps.push('settled'),
  };
  const departure = {
    refused: () => void steps.push('refused'),
    disconnect: (_: unknown, reason: string) => void steps.push(`left: ${reason}`),
  };
  // Each cast leaves out what admission does not ask for.
  const admission = new Admission({
    rules: {
      isStopping: () => rules.isStopping === true,
      isOpen: () => rules.isOpen !== false,
      alwaysConnect: () => rules.alwaysConnect === true,
    },
    attachment: { attach } as unknown as Attachment,
    decision: { decide: about, isSameClient: () => isBack === true } as unknown as Decision,
    departure: departure as unknown as Departure,
    hooks: { connected: () => void steps.push('connected') } as unknown as GatewayHooks,
    recovery: recovery as unknown as Recovery,
  });
  const namespace = server.of('/');
  replaceRun(namespace, (socket, done) => admission.admit(socket, done));
  onConnected(namespace, (socket) => admission.connected(socket));
  const wire = new Wire();
  open(server, wire);
  const ask = async () => {
    wire.send('0');
    await turns();
  };
  return { server, namespace, steps, wire, ask };
}

const accepted = expect.stringMatching(/^0\{"sid":/) as string;

describe('admission', () => {
  it('C1 tells a client that it is connected, then what it was sent meanwhile', async () => {
    const { ask, wire, steps } = admitting(({ socket }) => void socket.emit('hello', 1));
    await ask();

    expect(wire.received).toEqual([accepted, '2["hello",1]']);
    expect(steps).toEqual(['decided', 'settled', 'connected']);
  });

  it('C2 refuses: the client hears that alone, and nothing of it stays', async () => {
    const { ask, wire, steps, namespace } = admitting(({ socket }) => {
      socket.emit('hello');
      return new ConnectionRefusedError('no', { code: 7 });
    });
    await ask();

    expect(wire.received).toEqual(['4{"message":"no","data":{"code":7}}']);
    expect([steps, namespace.sockets.size, namespace.adapter.rooms.size]).toEqual([
      ['decided', 'refused'],
      0,
      0,
    ]);
  });

  it('M2 has a client in the room of its sid while it decides', async () => {
    const gate = new Gate();
    const { ask, namespace } = admitting(() => gate.opened.then(() => undefined));
    await ask();

    expect([namespace.sockets.size, namespace.adapter.sids.size]).toEqual([0, 1]);
  });

  it('C5 refuses a namespace that is for nobody', async () => {
    const { ask, wire, steps } = admitting(() => undefined, { rules: { isOpen: false } });
    await ask();

    expect([wire.received, steps]).toEqual([['4{"message":"Invalid namespace"}'], []]);
  });

  it('asks the middlewares of the namespace before anybody else', async () => {
    const { ask, wire, namespace, steps } = admitting(() => undefined);
    namespace.use((_, next) => next(new Error('not you')));
    await ask();

    expect([wire.received, steps]).toEqual([['4{"message":"not you"}'], ['refused']]);
  });

  it('C3 says nothing of what a middleware throws', async () => {
    const { ask, wire, namespace } = admitting(() => undefined);
    namespace.use(() => {
      throw new Error('the password is x');
    });
    await ask();

    expect(wire.received).toEqual(['4{"message":"Internal server error"}']);
  });

  it('P7 sends clients elsewhere while the application stops: their connection ends without a refusal', async () => {
    const { ask, wire } = admitting(() => undefined, { rules: { isStopping: true } });
    await ask();

    expect([wire.received, wire.readyState]).toEqual([[], 'closed']);
  });

  it('decides once about a client that asks twice', async () => {
    const gate = new Gate();
    const { ask, wire, steps } = admitting(() => gate.opened.then(() => undefined));
    await ask();
    await ask();
    gate.open();
    await turns();

    expect([steps.filter((step) => step === 'decided').length, wire.received.length]).toEqual([1, 1]);
  });

  it('C6 with alwaysConnect tells a client first, and decides then', async () => {
    const { ask, wire } = admitting(() => new ConnectionRefusedError(), { rules: { alwaysConnect: true } });
    await ask();

    expect(wire.received).toEqual([accepted, '1']);
  });

  it('C7 lets a client that is lost while it is accepted leave', async () => {
    const { ask, wire, steps } = admitting(() => {
      wire.lose();
      return undefined;
    });
    await ask();

    expect(steps).toEqual(['decided', 'left: transport close', 'settled', 'left: transport close']);
  });

  it('N4 asks nobody about a client that has proved to be back, and everybody about one that has not', async () => {
    const back = admitting(() => undefined, { isBack: true });
    const other = admitting(() => undefined, { isBack: false });
    for (const { ask } of [back, other]) await ask();

    expect([back.steps, back.wire.received]).toEqual([['settled', 'connected'], [accepted]]);
    expect(other.steps).toEqual(['decided', 'settled', 'connected']);
  });
});
