import { describe, expect, it } from 'vitest';
import { ConnectionRefusedError } from '../../../lib/common/errors.js';
import { GatewayHooks } from '../../../lib/connection/gateway-hooks.js';
import type { Handler } from '../../../lib/handlers/handler.js';
import { Gate } from '../../support/journal.js';
import { connectionTo, executorOf, handlerOf, keptLog, registryOf } from '../../support/units.js';

async function greeting(kind: 'handleConnection' | 'handleDisconnect', ...runs: Handler['run'][]) {
  const registry = registryOf(...runs.map((run) => ({ kind, handler: handlerOf(run) })));
  const log = keptLog();
  return { ...(await connectionTo()), log, hooks: new GatewayHooks(registry, executorOf(registry, log)) };
}

const throwing = (error: unknown) => (): never => {
  throw error;
};

describe("a gateway's handleConnection()", () => {
  it('gets the socket, one gateway after the other; events wait for all of them', async () => {
    const gate = new Gate();
    const told: unknown[][] = [];
    const { hooks, connection, socket } = await greeting(
      'handleConnection',
      (_, values) => (told.push([...values]), gate.opened),
      (_, values) => void told.push([...values]),
    );
    const greeted = hooks.connected(connection);
    const during = [told.length, connection.connectHandled === greeted];
    gate.open();
    await greeted;

    expect([during, told, connection.connectHandled]).toEqual([[1, true], [[socket], [socket]], undefined]);
  });

  it('is no promise where there is none', async () => {
    const { hooks, connection } = await greeting('handleConnection');

    expect([hooks.connected(connection), connection.areGatewaysNotified]).toEqual([undefined, true]);
  });

  it.each([new ConnectionRefusedError(), new Error('no')])(
    'disconnects the client when it throws %s',
    async (error) => {
      const { hooks, connection, socket } = await greeting('handleConnection', throwing(error));
      await hooks.connected(connection);

      expect(socket.connected).toBe(false);
    },
  );

  it('is called no more when the client has gone meanwhile', async () => {
    let times = 0;
    const { hooks, connection } = await greeting(
      'handleConnection',
      (_, [socket]) => void (socket as typeof connection.socket).disconnect(),
      () => void times++,
    );
    await hooks.connected(connection);

    expect(times).toBe(0);
  });
});

describe("a gateway's handleDisconnect()", () => {
  it('gets socket and reason when socket.io has ended what it has begun, whatever another throws', async () => {
    const told: unknown[][] = [];
    const { hooks, connection, socket } = await greeting(
      'handleDisconnect',
      throwing(new Error('no')),
      (_, values) => void told.push([...values]),
    );
    connection.areGatewaysNotified = true;
    const telling = hooks.disconnected(connection, 'transport close');
    const before = told.length;
    await telling;

    expect([before, told]).toEqual([0, [[socket, 'transport close']]]);
  });

  it('is not called for a client whose handleConnection() was not', async () => {
    const { hooks, connection } = await greeting('handleDisconnect', throwing(new Error('no')));

    expect(hooks.disconnected(connection, 'transport close')).toBeUndefined();
  });
});
