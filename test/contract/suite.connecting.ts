import { expect, it } from 'vitest';
import { refusal } from '../support/app.js';
import type { World } from './world.js';

const namespace = '/door';

/** What processes do to a client whose `@OnConnect()` runs on one of them. */
export function welcomesAcross(world: World): void {
  it('P4 M2 C1 what is sent from everywhere to a connecting client waits, and follows the acceptance in order', async () => {
    const waiting = await world.waiting();
    const clients = waiting.map(({ client }) => client);
    const [, onB] = waiting;
    const to = onB!.sid;
    await world.a.emit('to sid', Buffer.from([1]), { namespace, to });
    await world.a.emit('to room', 2, { namespace, to: 'hall' });
    await world.a.emit('to all', 3, { namespace });
    await world.a.emit('to others', 4, { namespace, skipSid: to });
    await world.a.emit('to sid', 5, { namespace, to });
    await expect.poll(() => world.c.members('hall', { namespace })).toHaveLength(3);
    expect(clients.map(({ socket, all }) => [socket.connected, all.length])).toEqual(
      clients.map(() => [false, 0]),
    );
    await openAll(world);
    await expect.poll(() => clients.every(({ socket }) => socket.connected)).toBe(true);
    await world.a.emit('newer', 6, { namespace });
    const [, heard] = await world.heard(clients);
    expect(heard!.filter(([event]) => event !== 'own')).toEqual([
      ['to sid', Buffer.from([1])],
      ['to room', 2],
      ['to all', 3],
      ['to sid', 5],
      ['newer', 6],
    ]);
    expect(heard).toContainEqual(['own', 1]);
    expect(clients.map(({ sid }) => sid)).toEqual(waiting.map(({ sid }) => sid));
  });

  it('P4 M1 M4 M6 a connecting client is put into rooms, and listed, from other processes', async () => {
    const [onB] = await world.waiting({ on: [world.b] });
    const { client, sid } = onB!;
    for (const room of ['match', 'left', 'closed']) await world.a.joinRoom(room, { sid, namespace });
    await world.a.leaveRoom('left', { sid, namespace });
    await world.a.closeRoom('closed', { namespace });
    await world.a.emit('matched', 1, { namespace, to: 'match' });
    await expect.poll(() => world.c.members(sid, { namespace })).toEqual([{ sid, rooms: [sid, 'hall', 'match'] }]); // prettier-ignore
    await world.b.openDoor();
    await expect.poll(() => client.socket.connected).toBe(true);
    expect(await world.heard([client], [world.a])).toEqual([[['matched', 1], ['own', 1]]]); // prettier-ignore
    expect(await client.ask('my rooms')).toEqual([sid, 'hall', 'match']);
  });

  it('P4 E7 E6 a question from another process waits for the acceptance', async () => {
    const [onB] = await world.waiting({ on: [world.b] });
    const { client, sid: to } = onB!;
    client.answer('question', 'yes', 2);
    const answers = Promise.all([
      world.a.call('question', 1, { to, namespace }),
      world.c.emitForCallback('question', 1, { to, namespace }),
    ]);
    await world.b.members(to, { namespace });
    await world.b.openDoor();
    expect(await answers).toEqual([
      ['yes', 2],
      ['yes', 2],
    ]);
  });

  it('P4 C9 a connecting client that another process disconnects is refused, and nothing of it stays', async () => {
    const [onB] = await world.waiting({ on: [world.b] });
    const { client, sid } = onB!;
    await world.a.emit('early', 1, { namespace, to: sid });
    await world.a.disconnect({ sid, namespace });
    await expect.poll(() => world.c.members(sid, { namespace })).toEqual([]);
    const refused = refusal(client.socket);
    await world.b.openDoor();
    expect((await refused).message).toBe('Connection rejected by server');
    expect([client.all, await world.b.rooms({ sid, namespace })]).toEqual([[], []]);
  });

  it('P4 M2 no client joins a room that is named as the sid of a client of another process', async () => {
    const [onA, onB] = await world.clients();
    const join = (process = world.a) => process.joinRoom(onB!.sid, { sid: onA!.sid });
    await expect(join()).rejects.toMatchObject({ code: 'FSK_ROOM_OF_ANOTHER' });
    await expect(join(world.c)).rejects.toMatchObject({ code: 'FSK_ROOM_OF_ANOTHER' });
    await world.c.order('socketsJoin', onB!.sid, onA!.sid);
    await world.c.emit('secret', 1, { to: onB!.sid });
    expect(await world.heard([onA!, onB!])).toEqual([[], [['secret', 1]]]);
    expect(await onA!.ask('my rooms')).toEqual([onA!.sid]);
  });

  it('P4 M6 members() without a room lists all of a namespace, on all processes', async () => {
    const clients = await world.clients({ namespace: '/chat' });
    const [onA] = clients;
    await world.a.leaveRoom(onA!.sid, { sid: onA!.sid, namespace: '/chat' });
    for (const process of world.three) {
      const { sids, partial } = await process.partialMembers(undefined, { namespace: '/chat' });
      expect(sids.toSorted()).toEqual(clients.map(({ sid }) => sid).toSorted());
      expect(partial).toBe(false);
    }
  });
}

async function openAll({ three }: World): Promise<void> {
  await Promise.all(three.map((process) => process.openDoor()));
}
