import { createAdapter } from '@socket.io/redis-adapter';
import { SocketIO } from 'nestjs-flask-socket';
import { createClient } from 'redis';
import type { Namespace } from 'socket.io';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { inbox, next, startApp } from '../support/app.js';
import { redisBroker, type Broker } from '../support/brokers.js';
import { have } from '../support/system-packages.mjs';
import { startPlain, worldOf, type World } from './world.js';

/** Two servers that one Redis joins, and a client of each. */
interface Fleet {
  worlds: [World, World];
  /** Resolves when what one server has published so far has arrived at the clients of both. */
  flushed(): Promise<void>;
}

type Start = (redis: string) => Promise<World>;

const plain: Start = async (url) => {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  onTestFinished(async () => void (await Promise.all([publisher.close(), subscriber.close()])));
  return startPlain({ adapter: createAdapter(publisher, subscriber) });
};

const ours: Start = async (url) => {
  const { app, port } = await startApp({ options: { messageQueue: url } });
  return worldOf(app.get(SocketIO).server, port);
};

/** Resolves when a namespace sees so many servers. */
function are(count: number, { adapter }: Namespace): Promise<unknown> {
  const seen = () => adapter.serverCount().catch(() => 0); // the broker is not there yet
  return vi.waitUntil(async () => (await seen()) === count, { interval: 5, timeout: 10_000 });
}

const message = (error: unknown) => (error as Error).message;
const ids = (sockets: readonly { id: string }[]) => sockets.map(({ id }) => id).toSorted();

describe.skipIf(!have('redis-server'))('servers in two processes, joined by Redis', () => {
  let redis: Broker;
  beforeAll(async () => (redis = await redisBroker()).start());
  afterAll(() => redis.stop());

  async function fleetOf(start: Start): Promise<Fleet> {
    const worlds: [World, World] = [await start(redis.url), await start(redis.url)];
    for (const { io } of worlds) await are(2, io.of('/'));
    return { worlds, flushed: () => flushedBy(worlds) };
  }

  /** An answer from the other process comes behind what was published before, and so does what its clients hear. */
  async function flushedBy(worlds: [World, World]): Promise<void> {
    for (const { io } of worlds) await io.fetchSockets();
    for (const { io, flushed } of worlds)
      await flushed(...[...io.of('/').sockets.keys()].flatMap((id) => clients.get(id) ?? []));
  }

  const clients = new Map<string, Awaited<ReturnType<World['connect']>>>();

  /** A client of each server, and what they hear from now on. */
  async function two({ worlds, flushed }: Fleet) {
    const [near, far] = [await worlds[0].connect(), await worlds[1].connect()] as const;
    for (const client of [near, far]) clients.set(client.id!, client);
    const inboxes = [inbox(near), inbox(far)];
    const heard = async () => {
      await flushed();
      return inboxes.map((received) => received.map(([event]) => event));
    };
    return { near, far, io: worlds[0].io, other: worlds[1].io, farSocket: worlds[1].socketOf(far), heard };
  }

  function joined(title: string, act: (fleet: Fleet) => Promise<unknown>, expected: unknown): void {
    describe(`${title} (two processes)`, () => {
      it('in plain socket.io', async () => expect(await act(await fleetOf(plain))).toEqual(expected));
      it('here, the same', async () => expect(await act(await fleetOf(ours))).toEqual(expected));
    });
  }

  const serverSide = async ({ worlds: [{ io }, { io: other }] }: Fleet) => {
    const heard: unknown[] = [];
    io.on('x', () => heard.push('itself'));
    const arrives = new Promise((resolve) => other.on('x', (...values: unknown[]) => resolve(values)));
    io.serverSideEmit('x', 1, { two: [2] });
    return [await arrives, heard];
  };
  joined('serverSideEmit() is heard by the other, not by itself', serverSide, [[1, { two: [2] }], []]);

  const answered = async ({ worlds: [{ io }, { io: other }] }: Fleet) => {
    other.on('x', (value: number, answer: (value: number) => void) => answer(value + 1));
    const promised: unknown = await io.serverSideEmitWithAck('x', 1);
    const called = new Promise((resolve) => io.serverSideEmit('x', 2, (...all: unknown[]) => resolve(all)));
    return [promised, await called];
  };
  joined('serverSideEmit() is answered by a promise or a callback', answered, [[2], [null, [3]]]);

  const inNamespace = async ({ worlds: [{ io }, { io: other }] }: Fleet) => {
    for (const server of [io, other]) server.of('/a');
    await are(2, io.of('/a'));
    const heard: string[] = [];
    other.on('x', () => heard.push('/'));
    const arrives = new Promise<void>((resolve) => other.of('/a').on('x', resolve));
    io.of('/a').serverSideEmit('x');
    await arrives;
    return heard;
  };
  joined('serverSideEmit() of a namespace is heard there alone', inNamespace, []);

  const reserved = ({ worlds: [{ io }] }: Fleet) =>
    Promise.resolve()
      .then(() => io.serverSideEmit('connection'))
      .catch(message);
  joined('serverSideEmit() refuses reserved names', reserved, '"connection" is a reserved event name');

  const fetched = async (fleet: Fleet) => {
    const { near, far, io, other, farSocket } = await two(fleet);
    farSocket.data = { name: 'far' };
    await farSocket.join('room');
    const [remote, ...more] = await io.in('room').fetchSockets();
    const all = [await io.fetchSockets(), await other.fetchSockets()].map(ids);
    return [
      all.every((each) => each.join() === ids([{ id: near.id! }, { id: far.id! }]).join()),
      remote!.id === far.id,
      remote!.data,
      [...remote!.rooms].slice(1),
      remote!.handshake.query['transport'],
      more.length,
      ids(await io.local.fetchSockets()).length,
    ];
  };
  joined('fetchSockets() finds those of both, with data, rooms and handshake', fetched, [
    true,
    true,
    { name: 'far' },
    ['room'],
    'websocket',
    0,
    1,
  ]);

  const remotely = async (fleet: Fleet) => {
    const { far, io, farSocket, heard } = await two(fleet);
    const [remote] = await io.in(far.id!).fetchSockets();
    remote!.emit('x');
    remote!.join('room');
    await heard();
    const joinedRoom = farSocket.rooms.has('room');
    remote!.leave('room');
    const told = await heard();
    return [told, joinedRoom, farSocket.rooms.has('room')];
  };
  joined('what it finds can be spoken to, and put into rooms', remotely, [[[], ['x']], true, false]);

  const remoteEnd = async (fleet: Fleet) => {
    const { far, io } = await two(fleet);
    const reason = next(far, 'disconnect');
    const [remote] = await io.in(far.id!).fetchSockets();
    remote!.disconnect();
    return (await reason)[0];
  };
  joined('what it finds can be disconnected', remoteEnd, 'io server disconnect');

  const moved = async (fleet: Fleet) => {
    const { near, far, io, heard } = await two(fleet);
    io.in(far.id!).socketsJoin(['a', 'b']);
    io.in(near.id!).socketsJoin('a');
    await heard();
    io.in('a').socketsLeave('b');
    await heard();
    io.to('a').emit('x');
    io.to('b').emit('y');
    return heard();
  };
  joined('socketsJoin() and socketsLeave() reach those of both', moved, [['x'], ['x']]);

  const ended = async (fleet: Fleet) => {
    const { near, far, io, farSocket } = await two(fleet);
    await farSocket.join('room');
    const reason = next(far, 'disconnect');
    io.in('room').disconnectSockets(true);
    return [(await reason)[0], near.connected, (await io.fetchSockets()).length];
  };
  joined('disconnectSockets() reaches those of both', ended, ['io server disconnect', true, 1]);

  const emitted = async (fleet: Fleet) => {
    const { near, far, io, farSocket, heard } = await two(fleet);
    await farSocket.join('room');
    io.emit('all');
    io.to('room').emit('room');
    io.except('room').emit('except');
    io.to(near.id!).to(far.id!).emit('sids');
    io.local.emit('local');
    farSocket.broadcast.emit('broadcast');
    return (await heard()).map((each) => each.toSorted());
  };
  joined('events reach rooms of both, but for local ones', emitted, [
    ['all', 'broadcast', 'except', 'local', 'sids'],
    ['all', 'room', 'sids'],
  ]);

  const acknowledged = async (fleet: Fleet) => {
    const { near, far, io } = await two(fleet);
    near.on('x', (answer: (value: string) => void) => answer('near'));
    far.on('x', (answer: (value: string) => void) => answer('far'));
    const all = (await io.timeout(5_000).emitWithAck('x')) as string[];
    const [remote] = await io.in(far.id!).fetchSockets();
    const one: unknown = await remote!.timeout(5_000).emitWithAck('x');
    return [all.toSorted(), one];
  };
  joined('acknowledgements of both are gathered', acknowledged, [['far', 'near'], 'far']);

  const missing = async (fleet: Fleet) => {
    const { near, io } = await two(fleet);
    near.on('x', (answer: (value: string) => void) => answer('near'));
    return new Promise((resolve) =>
      io.timeout(200).emit('x', (error: unknown, answers: unknown) => resolve([message(error), answers])),
    );
  };
  joined('those that do not come are told of, with those that do', missing, [
    'operation has timed out',
    ['near'],
  ]);

  const bytes = async (fleet: Fleet) => {
    const { far, io } = await two(fleet);
    const heard = next(far, 'x');
    io.emit('x', Buffer.from([1, 2]), { deep: [Buffer.from([3])] });
    const [flat, { deep }] = (await heard) as [Buffer, { deep: Buffer[] }];
    return [[...flat], [...deep[0]!]];
  };
  joined('bytes travel to those of the other', bytes, [[1, 2], [3]]);

  const gone = async ({ worlds: [{ io }, far] }: Fleet) => {
    await far.io.close();
    await are(1, io.of('/'));
    return [(await io.fetchSockets()).length, await io.serverSideEmitWithAck('x')] as unknown[];
  };
  joined('one that has gone is not waited for', gone, [0, []]);
});
