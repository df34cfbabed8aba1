import { describe, expect, it } from 'vitest';
import type { Address } from '../../../lib/common/address.js';
import { deliver, type DeliveryOptions, originOf, writableSibling } from '../../../lib/messaging/deliver.js';
import { connectionTo, portlessServer, remotely } from '../../support/units.js';

async function delivering() {
  const server = portlessServer();
  const { clients, commands } = remotely();
  const runtime = { remoteClients: clients };
  const connected = await connectionTo({ server, runtime });
  const send = (address: Partial<Address>, options: DeliveryOptions = {}, sender = connected.connection) => {
    const whole: Address = { namespace: '/', kind: 'self', rooms: [], except: [], ...address };
    deliver(connected.connection.runtime, { address: whole, outgoing: ['news', 1], options }, sender);
  };
  return { ...connected, server, runtime, commands, send };
}

describe('a delivery', () => {
  it('E4 replies to the same client in another namespace', async () => {
    const { send, server, wire, connection } = await delivering();
    const other = await connectionTo({ server, namespace: '/chat', wire });
    send({ namespace: '/chat' });

    expect(wire.received).toEqual(['2/chat,["news",1]']);
    expect(originOf(connection, '/chat')).toEqual({ namespace: '/', sid: other.socket.id });
  });

  it('E4 reaches nobody where the client is not', async () => {
    const { send, wire } = await delivering();
    send({ namespace: '/chat' });

    expect(wire.received).toEqual([]);
  });

  it.each(['disconnecting', 'refused', 'disconnected'] as const)(
    'C9 writes nothing to a client that is %s',
    async (state) => {
      const { send, wire, connection } = await delivering();
      connection.state = state;
      send({});

      expect([wire.received, writableSibling(connection, '/')]).toEqual([[], undefined]);
    },
  );

  it('B4 leaves out whom the address does, the sender itself included', async () => {
    const { send, wire, socket } = await delivering();
    send({ except: [socket.id] });
    send({ kind: 'everybody', except: [socket.id] });

    expect(wire.received).toEqual([]);
  });

  it('P4 sends to a namespace that nobody here is in through the queue, unless told not to', async () => {
    const { send, commands } = await delivering();
    send({ kind: 'rooms', namespace: '/far', rooms: ['a'] }, { compress: false });
    send({ kind: 'rooms', namespace: '/far', rooms: ['a'] }, { ignoreQueue: true });

    expect(commands).toEqual([
      {
        kind: 'emit',
        to: { nsp: '/far', rooms: ['a'], except: [], flags: { compress: false } },
        values: ['news', 1],
      },
    ]);
  });
});
