import { expect, it } from 'vitest';
import { ask } from '../support/app.js';
import { canDo } from './back-ends.js';
import type { World } from './world.js';

/** What one process emits, and who hears it. */
export function speaksAcross(world: World): void {
  it('P4 R4 a broadcast reaches the clients of all processes, each once', async () => {
    const clients = await world.clients();
    await world.a.emit('news', { n: 1 });
    const once = [['news', { n: 1 }]];
    expect(await world.heard(clients)).toEqual([once, once, once]);
  });

  it('P4 values and bytes arrive as they were', async () => {
    const clients = await world.clients();
    const data = {
      text: 'Zürich 日本 💬',
      number: 1.5,
      nothing: null,
      no: false,
      list: [[], {}],
      bytes: Buffer.from([0, 255]),
    };
    await world.a.emit('data', data);
    const heard = [['data', data]];
    expect(await world.heard(clients)).toEqual([heard, heard, heard]);
  });

  it('P4 E5 what hides itself from JSON stays hidden, and bytes are bytes in whatever view', async () => {
    const clients = await world.clients();
    await world.a.order('emitOfAllKinds', 'all kinds');
    const views = Array.from({ length: 5 }, () => Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]));
    const events = [{ hiding: { id: 1 } }, views, { hiding: { id: 1 }, views }];
    const heard = events.map((data) => ['all kinds', data]);
    expect(await world.heard(clients)).toEqual([heard, heard, heard]);
  });

  it('P4 large messages arrive as they were', async () => {
    const clients = await world.clients();
    const bytes = Buffer.alloc(Math.min(4_000_000, canDo(world.backEnd).largest - 1_000), 'abc');
    await world.a.emit('large', bytes);
    const heard = await world.heard(clients);
    expect(heard.map(([event]) => bytes.equals(event![1] as Buffer))).toEqual([true, true, true]);
  });

  it('P4 P6 a message that is too large reaches the clients of its process, and the log says so', async () => {
    const clients = await world.clients();
    await world.a.log();
    await world.a.emit('too large', Buffer.alloc(9_000_000));
    await world.a.emit('next', 1);
    const names = (await world.heard(clients)).map((events) => events.map(([event]) => event));
    expect(names).toEqual([['too large', 'next'], ['next'], ['next']]);
    expect((await world.a.log()).filter((line) => line.includes('not published'))).toHaveLength(1);
  });

  it('P4 a room has its members on all processes', async () => {
    const clients = await world.clients();
    const [onA, onB] = clients;
    await world.a.joinRoom('lobby', { sid: onA!.sid });
    await world.b.joinRoom('lobby', { sid: onB!.sid });
    await world.c.emit('news', 1, { to: 'lobby' });
    expect(await world.heard(clients)).toEqual([[['news', 1]], [['news', 1]], []]);
  });

  it('P4 B5 a client in several rooms is reached once, on any process', async () => {
    const clients = await world.clients();
    for (const room of ['red', 'green', 'blue'])
      for (const [index, process] of world.three.entries())
        await process.joinRoom(room, { sid: clients[index]!.sid });
    await world.a.emit('news', 1, { to: ['red', 'green', 'nobody'] });
    expect(await world.heard(clients)).toEqual([[['news', 1]], [['news', 1]], [['news', 1]]]);
  });

  it('P4 B4 those who are left out hear nothing, on any process', async () => {
    const clients = await world.clients();
    const [, onB, onC] = clients;
    await world.c.joinRoom('quiet', { sid: onC!.sid });
    await world.a.emit('one', 1, { skipSid: onB!.sid });
    await world.a.emit('two', 2, { skipSid: [onB!.sid, onC!.sid] });
    expect(await world.heard(clients)).toEqual([[['one', 1], ['two', 2]], [], [['one', 1]]]); // prettier-ignore
  });

  it('P4 M2 a client is reached by its sid, on any process', async () => {
    const clients = await world.clients();
    await world.a.emit('news', 1, { to: clients[2]!.sid });
    expect(await world.heard(clients)).toEqual([[], [], [['news', 1]]]);
  });

  it('P4 a namespace is the same one on all processes, and no other', async () => {
    const main = await world.clients();
    const chat = await world.clients({ namespace: '/chat' });
    await world.a.emit('news', 1, { namespace: '/chat' });
    const once = [['news', 1]];
    expect(await world.heard([...main, ...chat])).toEqual([[], [], [], once, once, once]);
  });

  it('P4 V12 a namespace with parameters that has clients on another process only is reached', async () => {
    const [onB] = await world.clients({ namespace: '/job/7', on: [world.b] });
    const [other] = await world.clients({ namespace: '/job/8', on: [world.b] });
    await world.reaches(world.a, [onB!, other!]);
    await world.a.emit('done', 1, { namespace: '/job/7' });
    await world.a.joinRoom('watchers', { sid: onB!.sid, namespace: '/job/7' });
    expect(await world.heard([onB!, other!], [world.a])).toEqual([[['done', 1]], []]);
    await world.c.emit('watched', 2, { namespace: '/job/7', to: 'watchers' });
    expect(await world.heard([onB!, other!], [world.c])).toEqual([[['watched', 2]], []]);
  });

  it.each(['/job/[7]', '/job/a.b', '/job/ü', "/job/'", `/job/${'x'.repeat(200)}`])(
    'P4 V12 a namespace may have any name: %s',
    async (namespace) => {
      const clients = await world.clients({ namespace });
      await world.reaches(world.a, clients);
      await world.a.emit('done', 1, { namespace });
      const once = [['done', 1]];
      expect(await world.heard(clients)).toEqual([once, once, once]);
    },
  );

  it.each(['*', '[a]', '#', 'a#b', 'Zürich 💬', "it's", '42', 'x'.repeat(300)])(
    'P4 M1 a room may have any name: %s',
    async (room) => {
      const clients = await world.clients();
      const [, onB] = clients;
      await world.a.joinRoom(room, { sid: onB!.sid });
      await world.a.emit('news', 1, { to: room });
      expect(await world.heard(clients)).toEqual([[], [['news', 1]], []]);
    },
  );

  it('P6 ignoreQueue stays on the process', async () => {
    const clients = await world.clients();
    await world.a.emit('local', 1, { ignoreQueue: true });
    expect(await world.heard(clients)).toEqual([[['local', 1]], [], []]);
  });

  it('P4 what one process says arrives in its order, on all', async () => {
    const clients = await world.clients();
    await Promise.all(world.three.map((process, index) => process.order('flood', `from ${index}`, 1_000)));
    const heard = await world.heard(clients);
    const inOrder = Array.from({ length: 1_000 }, (_, index) => index + 1);
    for (const events of heard)
      for (const sender of ['from 0', 'from 1', 'from 2']) {
        const numbers = events.filter(([event]) => event === sender).map(([, n]) => n);
        expect(numbers.join()).toBe(inOrder.join());
      }
  });

  it('P4 rooms, broadcasts and joins of one process keep their order among each other', async () => {
    const [onB] = await world.clients({ on: [world.b] });
    await world.a.emit('first', 1);
    await world.a.joinRoom('later', { sid: onB!.sid });
    await world.a.emit('second', 2, { to: 'later' });
    await world.a.leaveRoom('later', { sid: onB!.sid });
    await world.a.emit('never', 3, { to: 'later' });
    await world.a.emit('third', 3, { to: onB!.sid });
    expect(await world.heard([onB!], [world.a])).toEqual([[['first', 1], ['second', 2], ['third', 3]]]); // prettier-ignore
  });

  it('P5 another channel hears nothing, and is not heard', async () => {
    const other = await world.process({ channel: `${world.channel}-other` });
    await world.together([other]);
    const [ours] = await world.clients({ on: [world.a] });
    const [theirs] = await world.clients({ on: [other] });
    await world.a.emit('ours', 1);
    await other.emit('theirs', 1);
    const [members] = await Promise.all([other.members(ours!.sid), other.closeRoom(ours!.sid)]);
    await world.a.emit('still', 1, { to: ours!.sid });
    expect(members).toEqual([]);
    expect(await world.heard([ours!], [world.a])).toEqual([[['ours', 1], ['still', 1]]]); // prettier-ignore
    expect(await world.heard([theirs!], [other])).toEqual([[['theirs', 1]]]);
    await other.close();
  });

  it('P4 A3 a user is reached on all processes', async () => {
    const clients = await world.clients({ auth: { user: 7 } });
    const others = await world.clients({ auth: { user: 8 } });
    await world.a.emit('mail', 1, { toUser: 7 });
    const once = [['mail', 1]];
    expect(await world.heard([...clients, ...others])).toEqual([once, once, once, [], [], []]);
  });

  it('P4 E6 B2 the callback of an emit gets what a client of another process answers, in its context', async () => {
    const [onA, onB] = await world.clients();
    onB!.answer('question', 'fine', 2);
    await ask(onA!.socket, 'my rooms');
    const answered = new Promise((resolve) => onA!.socket.once('answered', resolve));
    onA!.socket.emit('ask another', onB!.sid);
    expect(await answered).toEqual({ answer: ['fine', 2], asker: onA!.sid, replied: onA!.sid });
  });

  it('P4 B2 a callback with a room on other processes is not called, the event arrives once, and the log says so', async () => {
    const clients = await world.clients();
    const [, onB, onC] = clients;
    await world.b.joinRoom('team', { sid: onB!.sid });
    await world.c.joinRoom('team', { sid: onC!.sid });
    onB!.answer('question', 'never heard');
    await world.a.log();
    void world.a.emitForCallback('question', 1, { to: 'team' }).catch(() => {});
    await expect
      .poll(() => world.a.log(), SOON_ENOUGH)
      .toEqual([expect.stringMatching(/callback.*call\(\)/)]);
    expect(await world.heard(clients)).toEqual([[], [['question', 1]], [['question', 1]]]);
  });
}

const SOON_ENOUGH = { timeout: 10_000 };
