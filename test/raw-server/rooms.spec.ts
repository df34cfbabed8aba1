import { describe } from 'vitest';
import { inbox, next } from '../support/app.js';
import { once, raw, type World } from './world.js';

/** Three clients, and what each of them hears from now on. */
async function three({ connect, socketOf, flushed }: World, namespace = '/') {
  const clients = [await connect(namespace), await connect(namespace), await connect(namespace)] as const;
  const received = clients.map((client) => inbox(client).map(([event]) => event));
  const heard = clients.map(() => [] as unknown[]);
  clients.forEach((client, index) => client.onAny((event) => heard[index]!.push(event)));
  return {
    clients,
    received,
    sockets: clients.map(socketOf) as [
      ReturnType<World['socketOf']>,
      ReturnType<World['socketOf']>,
      ReturnType<World['socketOf']>,
    ],
    async heard() {
      await flushed(...clients);
      return heard;
    },
  };
}

describe('rooms', () => {
  const one = async (world: World) => {
    const { sockets, heard } = await three(world);
    await sockets[0].join('room');
    world.io.to('room').emit('x');
    return heard();
  };
  raw('an event reaches those in the room alone', one, { expected: [['x'], [], []] });

  const several = async (world: World) => {
    const { sockets, heard } = await three(world);
    await sockets[0].join(['a', 'b']);
    await sockets[1].join('b');
    world.io.to('a').to('b').emit('x');
    world.io.in(['a', 'b']).emit('y');
    return heard();
  };
  raw('a client in several of them gets it once', several, { expected: [['x', 'y'], ['x', 'y'], []] });

  const except = async (world: World) => {
    const { sockets, heard } = await three(world);
    await sockets[0].join('a');
    await sockets[1].join(['a', 'b']);
    world.io.to('a').except('b').emit('x');
    world.io.except('b').emit('y');
    world.io.except(sockets[0].id).emit('z');
    return heard();
  };
  raw('those in an excepted room do not get it', except, { expected: [['x', 'y'], ['z'], ['y', 'z']] });

  const broadcast = async (world: World) => {
    const { sockets, heard } = await three(world);
    await sockets[1].join('a');
    sockets[0].broadcast.emit('x');
    sockets[0].to('a').emit('y');
    sockets[1].to('a').emit('to nobody');
    sockets[0].broadcast.except('a').emit('z');
    return heard();
  };
  raw('a socket’s broadcast leaves itself out', broadcast, { expected: [[], ['x', 'y'], ['x', 'z']] });

  const own = async (world: World) => {
    const { sockets, heard } = await three(world);
    world.io.to(sockets[1].id).emit('x');
    sockets[0].to(sockets[2].id).emit('y');
    return heard();
  };
  raw('each client is in the room of its id', own, { expected: [[], ['x'], ['y']] });

  const leaves = async (world: World) => {
    const { sockets, heard } = await three(world);
    await sockets[0].join('room');
    await sockets[0].leave('room');
    world.io.to('room').emit('x');
    world.io.to('unknown').emit('y');
    return [await heard(), [...sockets[0].rooms].length, world.io.of('/').adapter.rooms.has('room')];
  };
  raw('nobody hears what goes to a room that has been left', leaves, { expected: [[[], [], []], 1, false] });

  const gone = async ({ io, connect, socketOf }: World) => {
    const client = await connect();
    const socket = socketOf(client);
    await socket.join(['a', 'b']);
    const rooms = once<unknown[]>((take) =>
      socket.on('disconnecting', () => take([...socket.rooms].slice(1))),
    );
    const after = once<number>((take) => socket.on('disconnect', () => take(socket.rooms.size)));
    client.disconnect();
    return [await rooms, await after, io.of('/').adapter.rooms.size];
  };
  raw('are there in disconnecting, and left in disconnect', gone, { expected: [['a', 'b'], 0, 0] });

  const events = async ({ io, connect, socketOf }: World) => {
    const heard: string[] = [];
    const { adapter } = io.of('/');
    for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room'])
      adapter.on(event, (room: string) => void (room === 'room' && heard.push(event)));
    const socket = socketOf(await connect());
    await socket.join('room');
    await socket.join('room');
    await socket.leave('room');
    return heard;
  };
  raw('the adapter tells of them', events, {
    expected: ['create-room', 'join-room', 'leave-room', 'delete-room'],
  });

  const inMiddleware = async ({ io, connect }: World) => {
    io.use((socket, pass) => {
      void socket.join('early');
      pass();
    });
    const client = await connect();
    const heard = next(client, 'x');
    io.to('early').emit('x');
    return heard;
  };
  raw('can be joined in a middleware', inMiddleware, { expected: [] });

  const refused = async ({ io, open }: World) => {
    io.use((socket, pass) => {
      void socket.join('early');
      pass(new Error('no'));
    });
    const client = open();
    await next(client, 'connect_error');
    return io.of('/').adapter.rooms.size;
  };
  raw('a client that is refused leaves them', refused, { expected: 0 });

  const namespaces = async (world: World) => {
    world.io.of('/a');
    world.io.of('/b');
    const [a, b] = [await world.connect('/a'), await world.connect('/b')];
    const received = [inbox(a), inbox(b)];
    await world.socketOf(a).join('room');
    await world.socketOf(b).join('room');
    world.io.of('/a').to('room').emit('x');
    await world.flushed(a, b);
    return received;
  };
  raw('belong to their namespace', namespaces, { expected: [[['x']], []] });

  const bytes = async ({ io, connect }: World) => {
    const client = await connect();
    const heard = next(client, 'x');
    io.emit('x', Buffer.from([1, 2]), { deep: [Buffer.from([3])] });
    const [flat, { deep }] = (await heard) as [Buffer, { deep: Buffer[] }];
    return [[...flat], [...deep[0]!]];
  };
  raw('bytes travel in a broadcast', bytes, { expected: [[1, 2], [3]] });
});

describe('many clients at once', () => {
  const fetch = async (world: World) => {
    const { sockets } = await three(world);
    await sockets[0].join(['a', 'b']);
    await sockets[1].join('a');
    sockets[0].data['name'] = 'first';
    const all = await world.io.fetchSockets();
    const [inB, ...more] = await world.io.in('b').fetchSockets();
    const local = await sockets[0].to('a').fetchSockets();
    return [all.length, inB!.id === sockets[0].id, inB!.data, [...inB!.rooms].slice(1), more, local.length];
  };
  raw('fetchSockets() finds them, with rooms and data', fetch, {
    expected: [3, true, { name: 'first' }, ['a', 'b'], [], 1],
  });

  const reach = async (world: World) => {
    const { sockets, heard } = await three(world);
    for (const remote of await world.io.in(sockets[0].id).fetchSockets()) {
      remote.emit('x');
      remote.join('joined');
    }
    world.io.to('joined').emit('y');
    return heard();
  };
  raw('what fetchSockets() finds can be spoken to and put into rooms', reach, {
    expected: [['x', 'y'], [], []],
  });

  const joins = async (world: World) => {
    const { sockets, heard } = await three(world);
    world.io.in([sockets[0].id, sockets[1].id]).socketsJoin(['a', 'b']);
    world.io.in(sockets[1].id).socketsLeave('b');
    world.io.to('a').emit('x');
    world.io.to('b').emit('y');
    return heard();
  };
  raw('socketsJoin() and socketsLeave()', joins, { expected: [['x', 'y'], ['x'], []] });

  const disconnects = async (world: World) => {
    const { clients, sockets } = await three(world);
    const ends = Promise.all(clients.slice(0, 2).map((client) => next(client, 'disconnect')));
    await sockets[2].join('stays');
    world.io.except('stays').disconnectSockets();
    const reasons = (await ends).map(([reason]) => reason);
    return [reasons, (await world.io.fetchSockets()).length];
  };
  raw('disconnectSockets()', disconnects, {
    expected: [['io server disconnect', 'io server disconnect'], 1],
  });

  const closes = async (world: World) => {
    const client = await world.connect();
    const reason = next(client, 'disconnect');
    world.io.disconnectSockets(true);
    return (await reason)[0];
  };
  raw('disconnectSockets(true) ends the connection', closes, { expected: 'io server disconnect' });

  const local = async (world: World) => {
    const { heard } = await three(world);
    world.io.local.emit('x');
    return heard();
  };
  raw('local.emit() reaches those of this process', local, { expected: [['x'], ['x'], ['x']] });

  const sets = async (world: World) => {
    const { sockets } = await three(world);
    await sockets[0].join('a');
    const ids = await world.io.of('/').allSockets();
    const inA = await world.io.in('a').allSockets();
    return [ids.size, [...inA].every((id) => id === sockets[0].id), world.io.engine.clientsCount];
  };
  raw('allSockets(), and the engine’s count', sets, { expected: [3, true, 3] });

  const alone = ({ io }: World) =>
    Promise.resolve()
      .then(() => io.serverSideEmit('x', 1))
      .then(String);
  raw('serverSideEmit() without another server is no error', alone, { expected: 'true' });
});
