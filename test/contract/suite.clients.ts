import { expect, it } from 'vitest';
import { next } from '../support/app.js';
import type { World } from './world.js';

/** What one process does to the clients of others. */
export function movesAcross(world: World): void {
  it('P4 M1 a client of another process is put into a room and out of it', async () => {
    const [, onB] = await world.clients();
    await world.a.joinRoom('lobby', { sid: onB!.sid });
    await world.heard([onB!], [world.a]);
    expect(await onB!.ask('my rooms')).toEqual([onB!.sid, 'lobby']);
    await world.c.leaveRoom('lobby', { sid: onB!.sid });
    await world.heard([onB!], [world.c]);
    expect(await onB!.ask('my rooms')).toEqual([onB!.sid]);
  });

  it('P4 M4 closeRoom() puts everybody out, on every process', async () => {
    const clients = await world.clients();
    for (const [index, process] of world.three.entries())
      await process.joinRoom('lobby', { sid: clients[index]!.sid });
    await world.b.closeRoom('lobby');
    await world.heard(clients);
    for (const client of clients) expect(await client.ask('my rooms')).toEqual([client.sid]);
    expect(await world.a.members('lobby')).toEqual([]);
  });

  it('P4 M6 members() lists those of all processes', async () => {
    const clients = await world.clients({ auth: { user: 7 } });
    for (const [index, process] of world.three.entries())
      await process.joinRoom('lobby', { sid: clients[index]!.sid });
    const expected = clients.map(({ sid }) => ({ sid, rooms: [sid, 'lobby'], userId: 7 }));
    for (const process of world.three) {
      const members = await process.members('lobby');
      expect(members.toSorted(bySid)).toEqual(expected.toSorted(bySid));
    }
    expect(await world.a.members('nobody is here')).toEqual([]);
  });

  it('P4 M6 members() answers promptly', async () => {
    const [onA] = await world.clients({ on: [world.a] });
    const began = performance.now();
    for (let n = 0; n < 20; n++) await world.c.members(onA!.sid);
    expect((performance.now() - began) / 20).toBeLessThan(500);
  });

  it('P4 M5 an sid of another process has no rooms here', async () => {
    const [onA] = await world.clients();
    expect(await world.b.rooms({ sid: onA!.sid })).toEqual([]);
  });

  it('P4 C9 disconnect() ends a client of another process, and its handler runs once', async () => {
    const clients = await world.clients();
    const [onA, onB, onC] = clients;
    const chat = onB!.socket.io.socket('/chat', {});
    await next(chat, 'connect');
    await world.b.left();
    const told = next(onB!.socket, 'disconnect');
    await world.a.disconnect({ sid: onB!.sid });
    expect((await told)[0]).toBe('io server disconnect');
    expect(chat.connected).toBe(true);
    await world.a.emit('after', 1);
    expect(await world.heard([onA!, onC!], [world.a])).toEqual([[['after', 1]], [['after', 1]]]);
    expect(await world.b.left()).toEqual([
      expect.objectContaining({ reason: 'server namespace disconnect' }),
    ]);
  });

  it('P4 A3 disconnectUser() ends all connections of a user, on every process and in every namespace', async () => {
    const gone = [
      ...(await world.clients({ auth: { user: 9 } })),
      ...(await world.clients({ auth: { user: 9 }, namespace: '/chat', on: [world.b] })),
      ...(await world.clients({ auth: { user: 9 }, namespace: '/job/9', on: [world.c] })),
    ];
    const stays = await world.clients({ auth: { user: 10 } });
    const ended = gone.map(({ socket }) => next(socket, 'disconnect'));
    await world.a.disconnectUser(9);
    await Promise.all(ended);
    await world.heard(stays);
    expect(stays.map(({ socket }) => socket.connected)).toEqual([true, true, true]);
  });

  it('P4 V12 a namespace with parameters that nobody here has: rooms, members and disconnect', async () => {
    const namespace = '/job/11';
    const [onB] = await world.clients({ namespace, on: [world.b] });
    const { sid } = onB!;
    await world.reaches(world.a, [onB!]);
    await world.a.joinRoom('watchers', { sid, namespace });
    await world.heard([onB!], [world.a]);
    expect(await world.a.members('watchers', { namespace })).toEqual([{ sid, rooms: [sid, 'watchers'] }]);
    await world.a.closeRoom('watchers', { namespace });
    await world.heard([onB!], [world.a]);
    expect(await onB!.ask('my rooms')).toEqual([sid]);
    const told = next(onB!.socket, 'disconnect');
    await world.a.disconnect({ sid, namespace });
    expect((await told)[0]).toBe('io server disconnect');
    expect(await world.a.members(sid, { namespace })).toEqual([]);
  });

  it('P4 V12 a namespace that went with its last client is reached again when the next one comes', async () => {
    const namespace = '/job/12';
    const [first] = await world.clients({ namespace, on: [world.b] });
    await world.reaches(world.a, [first!]);
    first!.socket.disconnect();
    for (let round = 0; round < 20; round++) {
      const [onB] = await world.clients({ namespace, on: [world.b] });
      await world.a.emit('done', round, { namespace });
      expect(await world.heard([onB!], [world.a])).toEqual([[['done', round]]]);
      onB!.socket.disconnect();
    }
  });
}

const bySid = (one: { sid: string }, other: { sid: string }) => one.sid.localeCompare(other.sid);
