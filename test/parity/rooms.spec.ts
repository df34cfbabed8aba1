import {
  closeRoom,
  emit,
  joinRoom,
  leaveRoom,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  rooms,
  send,
  SocketGateway,
  SocketIO,
  user,
  type Room,
} from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { ask, flushed, inbox, next, refusal, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

interface Named {
  sid?: string;
  namespace?: string;
}

/** Rooms as the clients of a test want them. */
@SocketGateway()
class RoomGateway {
  @OnEvent('join')
  @OnEvent('join', '/chat')
  join(room: Room, named: Named) {
    void joinRoom(room, named ?? {});
    return rooms();
  }

  @OnEvent('leave')
  @OnEvent('leave', '/chat')
  leave(room: Room, named: Named) {
    void leaveRoom(room, named ?? {});
    return rooms();
  }

  @OnEvent('close')
  @OnEvent('close', '/chat')
  close(room: Room, named: Named) {
    closeRoom(room, named ?? {});
    return rooms();
  }

  @OnEvent('rooms')
  @OnEvent('rooms', '/chat')
  rooms(named: Named) {
    return rooms(named ?? {});
  }

  @OnEvent('say')
  @OnEvent('say', '/chat')
  say(room: Room) {
    send('hello', { to: room });
  }

  @OnEvent('reply')
  reply() {
    emit('reply');
  }
}

const start = () => startApp({ providers: [RoomGateway] });

describe('joinRoom and leaveRoom', () => {
  it('M1 are in force at once', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'join', 'lobby')).toEqual([[client.id, 'lobby']]);
    expect(await ask(client, 'leave', 'lobby')).toEqual([[client.id]]);
  });

  it('M1 let the joined client hear what is sent to the room next', async () => {
    @SocketGateway()
    class JoiningGateway {
      @OnEvent('join')
      join() {
        joinRoom('lobby');
        send('somebody has entered', { to: 'lobby' });
      }
    }
    const app = await startApp({ providers: [JoiningGateway] });
    const client = await app.connect();
    const received = inbox(client);

    await ask(client, 'join');

    expect(received).toEqual([['message', 'somebody has entered']]);
  });

  it('M1 keep the client that has left from hearing what is sent to the room next', async () => {
    @SocketGateway()
    class LeavingGateway {
      @OnEvent('leave')
      leave() {
        joinRoom('lobby');
        leaveRoom('lobby');
        send('somebody has left', { to: 'lobby' });
      }
    }
    const app = await startApp({ providers: [LeavingGateway] });
    const client = await app.connect();
    const received = inbox(client);

    await ask(client, 'leave');

    expect(received).toEqual([]);
  });

  it('M1 may be awaited', async () => {
    @SocketGateway()
    class AwaitingGateway {
      @OnEvent('move')
      async move() {
        await joinRoom('lobby');
        await joinRoom('cellar');
        await leaveRoom('lobby');
        return rooms();
      }
    }
    const app = await startApp({ providers: [AwaitingGateway] });
    const client = await app.connect();

    expect(await ask(client, 'move')).toEqual([[client.id, 'cellar']]);
  });

  it('M1 may be repeated', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');

    expect(await ask(client, 'join', 'lobby')).toEqual([[client.id, 'lobby']]);
    await ask(client, 'leave', 'lobby');
    expect(await ask(client, 'leave', 'lobby')).toEqual([[client.id]]);
  });

  it('M1 repeated lets a message arrive once', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    await ask(client, 'join', 'lobby');
    const received = inbox(client);

    await ask(client, 'say', 'lobby');

    expect(received).toHaveLength(1);
  });

  it('M1 left once after joining twice is left', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    await ask(client, 'join', 'lobby');

    expect(await ask(client, 'leave', 'lobby')).toEqual([[client.id]]);
  });

  it('M1 do not mind a room in which the client never was', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'leave', 'unknown')).toEqual([[client.id]]);
  });

  it('M1 take numbers for names', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'join', 7)).toEqual([[client.id, '7']]);
    expect(await ask(client, 'leave', '7')).toEqual([[client.id]]);
  });

  it('M1 reach a room by its number or its name', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', '7');
    const received = inbox(client);

    await ask(client, 'say', 7);

    expect(received).toEqual([['message', 'hello']]);
  });

  it.each([
    ['an object', {}],
    ['an array', ['a']],
    ['null', null],
    ['a hostile object', { toString: 1 }],
  ])('M1 refuse %s as a name', async (_, room) => {
    const app = await start();
    const client = await app.connect();

    await ask(client, 'join', room);

    expect(app.log.of('error')).toEqual([expect.stringContaining('FSK_INVALID_ROOM')]);
  });

  it('M1 keep the rooms of different namespaces apart', async () => {
    const app = await start();
    const client = await app.connect('/');
    const other = await app.also(client, '/chat');
    await ask(client, 'join', 'lobby');
    const received = inbox(client);

    await ask(other, 'say', 'lobby');
    await flushed(client);

    expect(received).toEqual([]);
  });

  it('M1 may name another client', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);

    await ask(client, 'join', 'lobby', { sid: other.id });

    expect(await ask(other, 'rooms')).toEqual([[other.id, 'lobby']]);
    expect(await ask(client, 'rooms')).toEqual([[client.id]]);
  });

  it('M1 may name another client to put out', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    await ask(other, 'join', 'lobby');
    await ask(client, 'join', 'lobby');

    await ask(client, 'leave', 'lobby', { sid: other.id });

    expect(await ask(other, 'rooms')).toEqual([[other.id]]);
    expect(await ask(client, 'rooms')).toEqual([[client.id, 'lobby']]);
  });

  it('M1 may name another client in another namespace', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect('/'), app.connect('/chat')]);

    await ask(client, 'join', 'lobby', { sid: other.id, namespace: '/chat' });
    expect(await ask(other, 'rooms')).toEqual([[other.id, 'lobby']]);

    await ask(client, 'leave', 'lobby', { sid: other.id, namespace: '/chat' });
    expect(await ask(other, 'rooms')).toEqual([[other.id]]);
  });

  it('M1 do not mind an unknown client', async () => {
    const app = await start();
    const client = await app.connect();

    await ask(client, 'join', 'lobby', { sid: 'unknown' });
    await ask(client, 'leave', 'lobby', { sid: 'unknown' });

    expect(await app.get(SocketIO).members('lobby')).toEqual([]);
  });

  it('M1 of SocketIO name the client', async () => {
    const app = await start();
    const client = await app.connect('/chat');
    const named = { sid: client.id as string, namespace: '/chat' };

    await app.get(SocketIO).joinRoom(7, named);
    const joined = app.get(SocketIO).rooms(named);
    await app.get(SocketIO).leaveRoom('7', named);

    expect([joined, app.get(SocketIO).rooms(named)]).toEqual([[client.id, '7'], [client.id]]);
  });

  it.each([
    ['joinRoom()', () => joinRoom('lobby')],
    ['leaveRoom()', () => leaveRoom('lobby')],
    ['closeRoom()', () => closeRoom('lobby')],
    ['rooms()', () => rooms()],
  ])('M1 %s outside of a handler throws an error that names SocketIO', (name, use) => {
    expect(use).toThrow(`FSK_NO_CONTEXT: ${name}`);
  });
});

describe('the room of a client', () => {
  it('M2 is there from the start', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'rooms')).toEqual([[client.id]]);
  });

  it('M2 is there in @OnConnect()', async () => {
    const seen: unknown[] = [];
    @SocketGateway()
    class GreetingGateway {
      @OnConnect()
      connect() {
        seen.push(rooms(), request.sid);
        send('welcome', { to: request.sid });
      }
    }
    const app = await startApp({ providers: [GreetingGateway] });
    const client = app.open();
    const message = next(client, 'message');

    expect(await message).toEqual(['welcome']);
    expect(seen).toEqual([[client.id], client.id]);
  });

  it('M2 addresses this client only', async () => {
    const app = await start();
    const [client, other, third] = await Promise.all([app.connect(), app.connect(), app.connect()]);
    const inboxes = [client, other, third].map(inbox);

    await ask(client, 'say', other.id);
    await flushed(other, third);

    expect(inboxes.map(({ length }) => length)).toEqual([0, 1, 0]);
  });

  it('M2 may be left without being cut off from replies', async () => {
    const app = await start();
    const client = await app.connect();
    const received = inbox(client);

    await ask(client, 'leave', client.id);
    await ask(client, 'reply');

    expect(received).toEqual([['reply']]);
  });

  it('M2 may be left without being cut off from acknowledgements', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'leave', client.id);

    expect(await ask(client, 'rooms')).toEqual([[]]);
  });

  it('M2 may be closed without cutting the client off from replies and broadcasts', async () => {
    const app = await start();
    const client = await app.connect();
    const received = inbox(client);
    await ask(client, 'close', client.id);

    await ask(client, 'reply');
    app.get(SocketIO).emit('news');
    await flushed(client);

    expect(received).toEqual([['reply'], ['news']]);
  });

  it('M2 of the same client differs from namespace to namespace', async () => {
    const app = await start();
    const client = await app.connect('/');
    const same = await app.also(client, '/chat');

    expect(await ask(same, 'rooms')).toEqual([[same.id]]);
    expect(same.id).not.toBe(client.id);
  });
});

describe('a room named as the sid of another client', () => {
  const OF_ANOTHER = { code: 'FSK_ROOM_OF_ANOTHER' };

  /** Whoever listens, in vain. */
  async function eavesdropper() {
    const app = await start();
    const [client, victim] = await Promise.all([app.connect(), app.connect()]);
    const received = inbox(client);
    const hears = async () => {
      app.get(SocketIO).emit('secret', 1, { to: victim.id! });
      await flushed(client);
      return received.some(([name]) => name === 'secret');
    };
    return { app, client, sid: client.id!, victim: victim.id!, hears };
  }

  it('M2 is joined by no handler: that is an error of its own', async () => {
    const { client, sid, victim, hears, app } = await eavesdropper();

    await ask(client, 'join', victim);

    expect(await ask(client, 'rooms')).toEqual([[sid]]);
    expect(app.log.of('error')).toEqual([expect.stringContaining('FSK_ROOM_OF_ANOTHER')]);
    expect(await hears()).toBe(false);
  });

  it('M2 is joined by nobody through SocketIO, for a client here or elsewhere', async () => {
    const { app, sid, victim } = await eavesdropper();
    const socketio = app.get(SocketIO);

    expect(() => socketio.joinRoom(victim, { sid })).toThrow(expect.objectContaining(OF_ANOTHER));
    expect(() => socketio.joinRoom(victim, { sid: 'elsewhere' })).toThrow(expect.objectContaining(OF_ANOTHER)); // prettier-ignore
  });

  it.each(['socket.join', 'socketsJoin'])(
    'M2 is left out by %s, which joins the others, and the log says so',
    async (way) => {
      // prettier-ignore
      const { app, client, sid, victim, hears } = await eavesdropper();
      const namespace = app.get(SocketIO).server.of('/');

      if (way === 'socketsJoin') namespace.in(sid).socketsJoin([victim, 'lobby']);
      else await namespace.sockets.get(sid)!.join([victim, 'lobby']);

      expect(await ask(client, 'rooms')).toEqual([[sid, 'lobby']]);
      expect(app.log.of('warn')).toEqual([expect.stringContaining(`${sid} does not join '${victim}'`)]);
      expect(await hears()).toBe(false);
    },
  );

  it('M2 is told from other names of its form', async () => {
    const { client, sid } = await eavesdropper();
    const names = ['aaaaaaaaaaaaaaaaaaaa', 'Zx8Qm2Lr0Kd7Wp4Vt1Bn', `game:${sid}`];

    for (const name of names) await ask(client, 'join', name);

    expect(await ask(client, 'rooms')).toEqual([[sid, ...names]]);
  });

  it('M2 may be the own one, which was left', async () => {
    const { client, sid } = await eavesdropper();
    await ask(client, 'leave', sid);

    expect(await ask(client, 'join', sid)).toEqual([[sid]]);
  });
});

describe('the rooms of a client that goes', () => {
  it('M3 are left', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    await ask(client, 'join', 'lobby');
    const sid = client.id as string;
    const gone = goneFrom(app.get(SocketIO), sid);

    client.disconnect();
    await gone;

    expect(await app.get(SocketIO).members('lobby')).toEqual([]);
    expect(await ask(other, 'rooms', { sid })).toEqual([[]]);
  });

  it('M3 leave nothing behind in the server', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    const gone = goneFrom(app.get(SocketIO), client.id as string);

    client.disconnect();
    await gone;

    const { adapter } = app.get(SocketIO).server.of('/');
    expect([adapter.rooms.size, adapter.sids.size]).toEqual([0, 0]);
  });

  it('M3 are left after the disconnect handler', async () => {
    const seen = new Journal<unknown>();
    @SocketGateway()
    class LeavingGateway {
      constructor(private readonly socketio: SocketIO) {}

      @OnConnect()
      connect() {
        joinRoom('lobby');
      }

      @OnDisconnect()
      left() {
        seen.add([rooms(), this.socketio.server.of('/').adapter.rooms.get('lobby')?.has(request.sid)]);
      }
    }
    const app = await startApp({ providers: [LeavingGateway] });
    const client = await app.connect();
    const { id } = client;

    client.disconnect();

    expect(await seen.reached(1)).toEqual([[[id, 'lobby'], true]]);
  });

  it('M3 M6 have the client among their members as long as its disconnect handler runs', async () => {
    const seen = new Journal<unknown>();
    @SocketGateway()
    class LeavingGateway {
      constructor(private readonly socketio: SocketIO) {}

      @OnConnect()
      connect() {
        joinRoom('lobby');
      }

      @OnDisconnect()
      async left() {
        const list = async () =>
          Promise.all([
            this.socketio.members('lobby'),
            this.socketio.members(request.sid),
            this.socketio.members(),
            this.socketio.members(user(7)),
            this.socketio.members('cellar'),
            this.socketio.members('lobby', { namespace: '/chat' }),
          ]);
        seen.add(await list());
        seen.add(await list());
      }
    }
    const app = await startApp({ providers: [LeavingGateway], options: { identify: () => 7 } });
    const client = await app.connect();
    const member = { sid: client.id, rooms: [client.id, 'lobby'], userId: 7 };
    const listed = [[member], [member], [member], [member], [], []];

    client.disconnect();

    expect(await seen.reached(2)).toEqual([listed, listed]);
    expect(await app.get(SocketIO).members('lobby')).toEqual([]);
  });

  it('M3 are left also when the disconnect handler throws', async () => {
    @SocketGateway()
    class LeavingGateway {
      @OnConnect()
      connect() {
        joinRoom('lobby');
      }

      @OnDisconnect()
      left() {
        throw new Error('broken');
      }
    }
    const app = await startApp({ providers: [LeavingGateway] });
    const client = await app.connect();
    const gone = goneFrom(app.get(SocketIO), client.id as string);

    client.disconnect();
    await gone;

    expect(app.get(SocketIO).server.of('/').adapter.rooms.size).toBe(0);
  });

  it('M3 cannot be joined any more by a handler that still runs', async () => {
    const left = new Gate();
    const joined = new Gate();
    @SocketGateway()
    class SlowGateway {
      @OnEvent('join')
      async join() {
        await left.opened;
        await joinRoom('lobby');
        joined.open();
      }
    }
    const app = await startApp({ providers: [SlowGateway] });
    const client = await app.connect();
    const gone = goneFrom(app.get(SocketIO), client.id as string);
    client.emit('join');
    await flushed(client);
    client.disconnect();
    await gone;

    left.open();
    await joined.opened;

    expect(app.get(SocketIO).server.of('/').adapter.rooms.size).toBe(0);
  });

  it('M3 are left by a client that is refused', async () => {
    @SocketGateway()
    class RefusingGateway {
      @OnConnect()
      connect() {
        joinRoom('lobby');
        return false;
      }
    }
    const app = await startApp({ providers: [RefusingGateway] });

    await refusal(app.open());

    expect(app.get(SocketIO).server.of('/').adapter.rooms.size).toBe(0);
  });

  /** Resolves when the server has done with a client. */
  function goneFrom({ server }: SocketIO, sid: string): Promise<unknown> {
    const socket = server.sockets.sockets.get(sid);
    return new Promise((resolve) => socket?.once('disconnect', resolve));
  }
});

describe('closeRoom', () => {
  it('M4 puts everybody out of the room', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    await ask(client, 'join', 'lobby');
    await ask(other, 'join', 'lobby');

    expect(await ask(client, 'close', 'lobby')).toEqual([[client.id]]);
    expect(await ask(other, 'rooms')).toEqual([[other.id]]);
  });

  it('M4 leaves other rooms alone', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    await ask(client, 'join', 'cellar');

    expect(await ask(client, 'close', 'lobby')).toEqual([[client.id, 'cellar']]);
  });

  it('M4 disconnects nobody', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    await ask(other, 'join', 'lobby');

    await ask(client, 'close', 'lobby');
    await flushed(other);

    expect(other.connected).toBe(true);
  });

  it('M4 lets the room be joined again', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    await ask(client, 'close', 'lobby');

    expect(await ask(client, 'join', 'lobby')).toEqual([[client.id, 'lobby']]);
  });

  it('M4 takes a number for a name', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', '7');

    expect(await ask(client, 'close', 7)).toEqual([[client.id]]);
  });

  it('M4 does not mind an unknown room', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'close', 'unknown')).toEqual([[client.id]]);
  });

  it('M4 stays in the namespace of the event', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect('/'), app.connect('/chat')]);
    await ask(other, 'join', 'lobby');

    await ask(client, 'close', 'lobby');

    expect(await ask(other, 'rooms')).toEqual([[other.id, 'lobby']]);
  });

  it('M4 may name another namespace', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect('/'), app.connect('/chat')]);
    await ask(other, 'join', 'lobby');

    await ask(client, 'close', 'lobby', { namespace: '/chat' });

    expect(await ask(other, 'rooms')).toEqual([[other.id]]);
  });

  it('M4 of SocketIO puts everybody out of the room', async () => {
    const app = await start();
    const client = await app.connect('/chat');
    await ask(client, 'join', 'lobby');

    app.get(SocketIO).closeRoom('lobby', { namespace: '/chat' });

    expect(await ask(client, 'rooms')).toEqual([[client.id]]);
  });

  it('M4 in @OnConnect() puts the connecting client out, too', async () => {
    const seen: unknown[] = [];
    @SocketGateway()
    class GreetingGateway {
      @OnConnect()
      connect() {
        joinRoom('lobby');
        closeRoom('lobby');
        seen.push(rooms());
      }
    }
    const app = await startApp({ providers: [GreetingGateway] });

    const client = await app.connect();

    expect(seen).toEqual([[client.id]]);
  });
});

describe('rooms', () => {
  it('M5 lists the own room first', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'leave', client.id);
    await ask(client, 'join', 'b');
    await ask(client, 'join', 'a');
    await ask(client, 'join', client.id);

    expect(await ask(client, 'rooms')).toEqual([[client.id, 'b', 'a']]);
  });

  it('M5 lists those of another client', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect()]);
    await ask(other, 'join', 'lobby');

    expect(await ask(client, 'rooms', { sid: other.id })).toEqual([[other.id, 'lobby']]);
  });

  it('M5 lists those of another client in another namespace', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect('/'), app.connect('/chat')]);

    expect(await ask(client, 'rooms', { sid: other.id, namespace: '/chat' })).toEqual([[other.id]]);
  });

  it.each([
    ['an unknown sid', { sid: 'unknown' }],
    ['an unknown namespace', { namespace: '/unknown' }],
  ])('M5 is empty for %s', async (_, named) => {
    const app = await start();
    const client = await app.connect();

    expect(await ask(client, 'rooms', named)).toEqual([[]]);
  });

  it('M5 is empty for a sid of another namespace', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect('/'), app.connect('/chat')]);

    expect(await ask(client, 'rooms', { sid: other.id })).toEqual([[]]);
  });

  it('M5 of SocketIO lists those of a client, and none for an unknown one', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    const socketio = app.get(SocketIO);

    expect([socketio.rooms({ sid: client.id as string }), socketio.rooms({ sid: 'unknown' })]).toEqual([
      [client.id, 'lobby'],
      [],
    ]);
  });

  it('M5 gives a list that may be changed', async () => {
    @SocketGateway()
    class ChangingGateway {
      @OnEvent('rooms')
      rooms() {
        rooms().push('not joined');
        return rooms();
      }
    }
    const app = await startApp({ providers: [ChangingGateway] });
    const client = await app.connect();

    expect(await ask(client, 'rooms')).toEqual([[client.id]]);
  });
});

describe('members', () => {
  it('M6 are the clients in a room, with their rooms', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect(), app.connect(), app.connect()]);
    await ask(client, 'join', 'lobby');
    await ask(client, 'join', 'cellar');
    await ask(other, 'join', 'lobby');

    const members = await app.get(SocketIO).members('lobby');

    expect(members.toSorted((a, b) => a.rooms.length - b.rooms.length)).toEqual([
      { sid: other.id, rooms: [other.id, 'lobby'] },
      { sid: client.id, rooms: [client.id, 'lobby', 'cellar'] },
    ]);
  });

  it('M6 are found by the number of a room', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', '7');

    expect(await app.get(SocketIO).members(7)).toHaveLength(1);
  });

  it('M6 are all of a namespace without a room, also those that have left their own', async () => {
    const app = await start();
    const [first, second, other] = await Promise.all([app.connect(), app.connect(), app.connect('/chat')]);
    await ask(second, 'leave', second.id);
    const socketio = app.get(SocketIO);
    const sids = async (members: ReturnType<SocketIO['members']>) => (await members).map(({ sid }) => sid);

    expect((await sids(socketio.members())).toSorted()).toEqual([first.id!, second.id!].toSorted());
    expect(await sids(socketio.members(undefined, { namespace: '/chat' }))).toEqual([other.id]);
    expect(await sids(socketio.members(undefined, { namespace: '/nobody' }))).toEqual([]);
  });

  it('M6 are complete in a single process', async () => {
    const app = await start();
    await app.connect();

    expect((await app.get(SocketIO).members()).partial).toBeUndefined();
  });

  it('M6 are those of a namespace that is named', async () => {
    const app = await start();
    const [client, other] = await Promise.all([app.connect('/'), app.connect('/chat')]);
    await ask(client, 'join', 'lobby');
    await ask(other, 'join', 'lobby');

    const members = await app.get(SocketIO).members('lobby', { namespace: '/chat' });

    expect(members.map(({ sid }) => sid)).toEqual([other.id]);
  });

  it('M6 are one for the room of a client', async () => {
    const app = await start();
    const client = await app.connect();

    expect(await app.get(SocketIO).members(client.id as string)).toEqual([
      { sid: client.id, rooms: [client.id] },
    ]);
  });

  it.each([
    ['room', {}],
    ['namespace', { namespace: '/unknown' }],
  ])('M6 of an empty %s are an empty list', async (_, options) => {
    const app = await start();
    await app.connect();

    expect(await app.get(SocketIO).members('empty', options)).toEqual([]);
  });

  it('M6 are an empty list once everybody has left', async () => {
    const app = await start();
    const client = await app.connect();
    await ask(client, 'join', 'lobby');
    await ask(client, 'leave', 'lobby');

    expect(await app.get(SocketIO).members('lobby')).toEqual([]);
  });
});
