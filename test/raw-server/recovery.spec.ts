import type { Socket as ServerSocket } from 'socket.io';
import type { Socket } from 'socket.io-client';
import { describe } from 'vitest';
import { next, type ClientOptions } from '../support/app.js';
import { once, raw, type World } from './world.js';

const options = { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } };

/** What a client proves itself with here; plain socket.io does not look at it. */
const auth = { token: 'Ann’s' };

/** A client that has an offset, loses its transport, and comes back when `between` has run. */
async function lost(
  { io, connect, socketOf }: World,
  between: (io: World['io']) => void = () => {},
  brings: ClientOptions = { auth },
) {
  const client = await connect('/', brings);
  const first = socketOf(client);
  await first.join('room');
  first.data['name'] = 'Ann';
  const marked = next(client, 'mark');
  io.emit('mark');
  await marked;
  const gone = once((take) => first.on('disconnect', take));
  client.io.engine.close();
  await gone;
  between(io);
  return { client, id: first.id, back: () => comeBack(io, client) };
}

async function comeBack(io: World['io'], client: Socket): Promise<ServerSocket> {
  const again = once<ServerSocket>((take) => io.once('connection', take));
  client.connect();
  return again;
}

describe('connection state recovery', () => {
  const stateWith = (brings: ClientOptions) => async (world: World) => {
    const { client, id, back } = await lost(world, () => {}, brings);
    const socket = await back();
    if (!client.connected) await next(client, 'connect');
    return [
      client.recovered,
      socket.recovered,
      socket.id === id,
      socket.rooms.has('room'),
      socket.data['name'],
    ];
  };
  raw('gives id, rooms and data back', stateWith({ auth }), {
    expected: [true, true, true, true, 'Ann'],
    options,
  });
  raw('is for clients that bring nothing but their private id, too', stateWith({}), {
    expected: [true, true, true, true, 'Ann'],
    differs: {
      expected: [false, false, false, false, undefined],
      because: 'to know a private id proves nothing: option identify, a session or credentials do',
    },
    options,
  });

  const stolen = async (world: World) => {
    const { client, back } = await lost(world);
    client.auth = { token: 'Bob’s' };
    return (await back()).recovered;
  };
  raw('is for clients that come back with other credentials, too', stolen, {
    expected: true,
    differs: { expected: false, because: 'it is somebody else, for all that the server knows' },
    options,
  });

  const missed = async (world: World) => {
    const { client, back } = await lost(world, (io) => {
      io.emit('all', 1);
      io.to('room').emit('room', 2);
      io.to('other').emit('other', 3);
    });
    const heard: unknown[] = [];
    client.onAny((event: string, value: number) => heard.push([event, value]));
    const last = next(client, 'last');
    await back();
    world.io.emit('last');
    await last;
    return heard.slice(0, 2);
  };
  raw('gives what was missed', missed, {
    expected: [
      ['all', 1],
      ['room', 2],
    ],
    options,
  });

  const never = async (world: World) => {
    const { client, back } = await lost(world, (io) => {
      io.volatile.emit('volatile');
      io.emit('kept');
    });
    const kept = next(client, 'kept');
    const heard: string[] = [];
    client.onAny((event: string) => heard.push(event));
    await back();
    await kept;
    return heard.includes('volatile');
  };
  raw('does not give what was volatile', never, { expected: false, options });

  const goodbye = async (world: World) => {
    const client = await world.connect('/', { auth });
    const marked = next(client, 'mark');
    world.io.emit('mark');
    await marked;
    const gone = once((take) => world.socketOf(client).on('disconnect', take));
    client.disconnect();
    await gone;
    const socket = await comeBack(world.io, client);
    return socket.recovered;
  };
  raw('is not for clients that have said goodbye', goodbye, { expected: false, options });

  const unknown = async ({ io, open }: World) => {
    const again = once<ServerSocket>((take) => io.once('connection', take));
    open('/', { auth: { ...auth, pid: 'unknown', offset: '1' } });
    return (await again).recovered;
  };
  raw('is not for unknown ones', unknown, { expected: false, options });

  const skipped = async (world: World) => {
    let ran = 0;
    world.io.use((_, pass) => {
      ran++;
      pass();
    });
    const { back } = await lost(world);
    await back();
    return ran;
  };
  raw('skips middlewares', skipped, {
    expected: 1,
    options: { connectionStateRecovery: { ...options.connectionStateRecovery, skipMiddlewares: true } },
  });
  raw('runs middlewares, if it is told to', skipped, {
    expected: 2,
    options: { connectionStateRecovery: { ...options.connectionStateRecovery, skipMiddlewares: false } },
  });
});
