import { describe, expect, it } from 'vitest';
import { USER_ID, user } from '../../../lib/common/address.js';
import { storage } from '../../../lib/context/storage.js';
import { membersFrom, localMembers, membersOf } from '../../../lib/messaging/members.js';
import { connectionTo, portlessServer, remotely, requestOf } from '../../support/units.js';

async function crowd(remote?: Parameters<typeof remotely>[0]) {
  const server = portlessServer();
  const runtime = { remoteClients: remote && remotely(remote).clients };
  const ann = await connectionTo({ server, runtime });
  const ben = await connectionTo({ server, runtime });
  await ann.socket.join('room');
  return { ann, ben, runtime: ann.connection.runtime };
}

const far = { sid: 'far', rooms: ['far', 'room'] };

describe('the members', () => {
  it('M6 of a room are those in it, with their rooms and users', async () => {
    const { ann, runtime } = await crowd();
    await ann.socket.join(String(user(7)));
    Object.assign(ann.socket.data as object, { [USER_ID]: 7 });

    expect(await membersOf(runtime, { room: 'room' })).toEqual([
      { sid: ann.socket.id, rooms: [ann.socket.id, 'room'], userId: 7 },
    ]);
  });

  it('M6 of a namespace are all in it; of what is not there, nobody', async () => {
    const { ann, ben, runtime } = await crowd();
    const all = await membersOf(runtime, { room: undefined });

    expect(all.map(({ sid }) => sid)).toEqual([ann.socket.id, ben.socket.id]);
    expect(await membersOf(runtime, { room: 'empty' })).toEqual([]);
    expect(await membersOf(runtime, { room: 'room', namespace: '/nowhere' })).toEqual([]);
  });

  it('M6 are those of other processes, too, and say so where some are missing', async () => {
    const { ann, runtime } = await crowd({ members: async () => membersFrom([far], true) });
    const found = await membersOf(runtime, { room: 'room' });

    expect([found.map(({ sid }) => sid), found.partial]).toEqual([[ann.socket.id, 'far'], true]);
    expect(localMembers(runtime, { nsp: '/', room: 'room' }).length).toBe(1);
  });

  it('M3 hold a client that leaves, as it sees it itself', async () => {
    const { ben } = await crowd();
    const { runtime } = ben.connection;
    ben.connection.state = 'disconnecting';
    const request = requestOf(ben.connection, 'disconnect');
    request.roomsAtDisconnect = new Set([ben.socket.id, 'room']);
    const [own, others] = await Promise.all([
      storage.run(request, () => membersOf(runtime, { room: 'room' })),
      membersOf(runtime, { room: 'room' }),
    ]);

    expect([own.length, others.length]).toEqual([2, 1]);
  });
});
