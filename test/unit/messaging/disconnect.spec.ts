import type { Namespace, Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { user } from '../../../lib/common/address.js';
import { storage } from '../../../lib/context/storage.js';
import { disconnect, disconnectUser, listenToOtherProcesses } from '../../../lib/messaging/disconnect.js';
import { connectionTo, portlessServer, requestOf } from '../../support/units.js';

async function userIn(...namespaces: string[]) {
  const server = portlessServer();
  const sockets: Socket[] = [];
  for (const namespace of namespaces) {
    const { socket } = await connectionTo({ server, namespace });
    await socket.join(String(user(7)));
    sockets.push(socket);
  }
  const { socket: other } = await connectionTo({ server });
  return { server, other, connected: () => sockets.map((socket) => socket.connected) };
}

describe('disconnect() in a handler', () => {
  it('C9 ends the connection of the sender to this namespace', async () => {
    const server = portlessServer();
    const here = await connectionTo({ server });
    const there = await connectionTo({ server, namespace: '/chat', wire: here.wire });
    storage.run(requestOf(here.connection), () => disconnect());

    expect([here.socket.connected, there.socket.connected]).toEqual([false, true]);
  });

  it('B6 is nothing outside of one', () => {
    expect(() => disconnect()).toThrow('FSK_NO_CONTEXT');
  });
});

describe('the end of a user', () => {
  it('A3 is that of all its connections, and of no other', async () => {
    const { server, other, connected } = await userIn('/', '/chat');
    disconnectUser(server, 7);

    expect([connected(), other.connected]).toEqual([[false, false], true]);
  });

  it('A3 is told the other processes, which end theirs', async () => {
    const [here, there] = [await userIn('/'), await userIn('/chat')];
    listenToOtherProcesses(there.server);
    const main: Namespace = there.server.of('/');
    here.server.of('/').adapter.serverSideEmit = (packet: unknown[]) => {
      (main as unknown as { _onServerSideEmit(packet: unknown[]): void })._onServerSideEmit(packet); // typed private
    };
    disconnectUser(here.server, 7);

    expect([here.connected(), there.connected()]).toEqual([[false], [false]]);
  });
});
