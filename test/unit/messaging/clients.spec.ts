import { describe, expect, it } from 'vitest';
import { user } from '../../../lib/common/address.js';
import {
  closeRoomFor,
  disconnectClient,
  findClient,
  joinRoomFor,
  leaveRoomFor,
  listRooms,
  roomsOf,
  runCommand,
} from '../../../lib/messaging/clients.js';
import { connectionTo, portlessServer, remotely } from '../../support/units.js';

async function someone() {
  const server = portlessServer();
  const { clients, commands } = remotely();
  const runtime = { remoteClients: clients };
  const ann = await connectionTo({ server, runtime });
  const ben = await connectionTo({ server, runtime });
  return { server, ann, ben, commands, runtime: ann.connection.runtime };
}

describe('a client that is named', () => {
  it('E4 is the sender itself, in whatever namespace, where no sid is', async () => {
    const { server, ann, runtime } = await someone();
    const other = await connectionTo({ server, namespace: '/chat', wire: ann.wire });

    expect(findClient(runtime, {}, ann.connection).socket).toBe(ann.socket);
    expect(findClient(runtime, { namespace: '/chat' }, ann.connection).socket).toBe(other.socket);
  });

  it('M1 is found by its sid, or may be elsewhere', async () => {
    const { ann, ben, runtime } = await someone();

    expect(findClient(runtime, { sid: ben.socket.id }, ann.connection).socket).toBe(ben.socket);
    expect(findClient(runtime, { sid: 'far' }, ann.connection)).toMatchObject({
      sid: 'far',
      socket: undefined,
    });
  });

  it('M1 joins and leaves a room at once where it is here', async () => {
    const { ben, runtime } = await someone();
    const client = findClient(runtime, { sid: ben.socket.id });
    void joinRoomFor(client, 7);
    const inside = roomsOf(client);
    void leaveRoomFor(client, '7');

    expect([inside, roomsOf(client)]).toEqual([[ben.socket.id, '7'], [ben.socket.id]]);
  });

  it('M1 C9 is reached through the queue where it is not here', async () => {
    const { runtime, commands } = await someone();
    const client = findClient(runtime, { sid: 'far', namespace: '/far' });
    void joinRoomFor(client, 'room');
    void leaveRoomFor(client, 'room');
    disconnectClient(client);
    const to = { nsp: '/far', rooms: ['far'], except: [] };

    expect(commands).toEqual([
      { kind: 'join', to, rooms: ['room'] },
      { kind: 'leave', to, rooms: ['room'] },
      { kind: 'disconnect', to, close: false },
    ]);
  });

  it("M2 joins no room that is named as another's sid", async () => {
    const { ann, ben, runtime } = await someone();
    const client = findClient(runtime, {}, ann.connection);

    expect(() => joinRoomFor(client, ben.socket.id)).toThrow('FSK_ROOM_OF_ANOTHER');
    expect(() => joinRoomFor(client, ann.socket.id)).not.toThrow();
  });

  it('C9 is disconnected; one that is being decided about is refused', async () => {
    const { ann, ben, runtime } = await someone();
    Object.assign(ben.connection, { state: 'connecting', heldPackets: [] });
    for (const { socket } of [ann, ben]) disconnectClient(findClient(runtime, { sid: socket.id }));

    expect([ann.socket.connected, ben.socket.connected, ben.connection.state]).toEqual([
      false,
      true,
      'refused',
    ]);
  });
});

describe('rooms', () => {
  it('M5 are listed with the own one first, and without that of the user', () => {
    expect(listRooms('me', new Set(['a', String(user(7)), 'me', 'b']))).toEqual(['me', 'a', 'b']);
    expect(listRooms('me', new Set(['a']))).toEqual(['a']);
    expect(roomsOf({ socket: undefined })).toEqual([]);
  });

  it('M4 are closed for everybody', async () => {
    const { ann, ben, runtime } = await someone();
    for (const { socket } of [ann, ben]) await socket.join('room');
    closeRoomFor(runtime, { room: 'room' });

    expect([ann, ben].map(({ socket }) => socket.rooms.has('room'))).toEqual([false, false]);
  });

  it('M1 are joined and left, and clients disconnected, by one command each', async () => {
    const { ann, runtime } = await someone();
    const to = { nsp: '/', rooms: [ann.socket.id], except: [] };
    runCommand(runtime, { kind: 'join', to, rooms: ['a', 'b'] });
    runCommand(runtime, { kind: 'leave', to, rooms: ['a'] });
    const rooms = [...ann.socket.rooms];
    runCommand(runtime, { kind: 'disconnect', to, close: false });

    expect([rooms, ann.socket.connected]).toEqual([[ann.socket.id, 'b'], false]);
  });
});
