import { Controller, Inject, Post, Req, UseGuards, type CanActivate } from '@nestjs/common';
import {
  closeRoom,
  emit,
  joinRoom,
  leaveRoom,
  OnConnect,
  OnDisconnect,
  OnError,
  OnEvent,
  Reason,
  request,
  rooms,
  session,
  SocketGateway,
  SocketIO,
  user,
  type FlaskSocketOptions,
  type UserId,
} from 'nestjs-flask-socket';
import type { Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  ask,
  bootError,
  connected,
  flushed,
  inbox,
  next,
  refusal,
  startApp,
  type AppOptions,
  type RunningApp,
} from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { Browser, platforms, startWithLogin, type User } from '../support/login.js';
import { sharedAdapter } from '../support/processes.js';

type Identify = NonNullable<FlaskSocketOptions['identify']>;

/** A client says who it is: enough, where nothing else is tested. */
const trusting: Identify = (client) => (client.auth as { id?: UserId } | undefined)?.id;
const as = (id: unknown) => ({ auth: { id } });

@SocketGateway('*')
class RoomGateway {
  @OnEvent('rooms')
  rooms() {
    return rooms();
  }

  @OnEvent('who')
  who() {
    return request.user ?? 'nobody';
  }

  @OnEvent('become')
  become(id: UserId | null) {
    request.user = id;
    emit('welcome', id, { to: id === null ? [] : user(id) });
    return 'done';
  }

  @OnEvent('try')
  try(what: 'join' | 'leave' | 'close' | 'emit', room: string) {
    if (what === 'join') joinRoom(room);
    if (what === 'leave') leaveRoom(room);
    if (what === 'close') closeRoom(room);
    if (what === 'emit') emit('news', 'forged', { to: ['lobby', room] });
    return 'done';
  }

  @OnError()
  failed(error: Error & { code?: string }) {
    return error.code;
  }
}

const NAMESPACES = ['/', '/here', '/guarded', '/silent', '/other', '/with-connect-handler'];

const start = (options: FlaskSocketOptions = {}, more: AppOptions = {}) =>
  startApp({
    providers: [RoomGateway],
    ...more,
    options: { identify: trusting, namespaces: NAMESPACES, ...options },
  });

/** Who of the clients gets what is emitted to a user. */
async function reached(app: RunningApp, id: UserId, clients: Socket[], namespace = '/'): Promise<boolean[]> {
  const inboxes = clients.map(inbox);
  app.get(SocketIO).emit('news', 1, { to: user(id), namespace });
  await flushed(...clients);
  return inboxes.map((received) => received.some(([event]) => event === 'news'));
}

describe('option identify', () => {
  it('A3 puts each connection into the room of its user, on all devices', async () => {
    const app = await start();
    const clients = await Promise.all([7, 7, 8, undefined].map((id) => app.connect('/', as(id))));

    expect(await reached(app, 7, clients)).toEqual([true, true, false, false]);
  });

  it('A3 takes numbers and texts for the same', async () => {
    const app = await start();
    const clients = await Promise.all([7, '7'].map((id) => app.connect('/', as(id))));

    expect(await reached(app, '7', clients)).toEqual([true, true]);
  });

  it.each([null, undefined])('A3 may say that nobody knows the client: %s', async (nobody) => {
    const app = await start({ identify: () => nobody as undefined });
    const client = await app.connect();

    expect([await reached(app, String(nobody), [client]), await ask(client, 'rooms')]).toEqual([
      [false],
      [[client.id]],
    ]);
  });

  it('A3 is asked in every namespace, with or without handlers, also in those of patterns', async () => {
    const asked = new Journal();
    const identify: Identify = (client) => {
      asked.add(client.namespace);
      return 7;
    };
    @SocketGateway('/job/:id')
    class JobGateway {
      @OnConnect()
      connect() {}
    }
    const app = await start({ identify }, { providers: [JobGateway] });
    const client = await app.connect('/');
    const others = [await app.also(client, '/job/1'), await app.also(client, '/silent')] as const;

    expect(await reached(app, 7, [client, ...others])).toEqual([true, false, false]);
    expect(await reached(app, 7, [client, ...others], '/job/1')).toEqual([false, true, false]);
    expect(await reached(app, 7, [client, ...others], '/silent')).toEqual([false, false, true]);
    expect(asked.entries).toEqual(['/', '/job/1', '/silent']);
  });

  it.each(platforms)('A3 may go by the login of HTTP, on $platform', async ({ adapter }) => {
    const identify: Identify = (client) => (client.user as User | undefined)?.id;
    const app = await startWithLogin({ adapter, options: { identify } });
    const browser = new Browser(app);
    await browser.login('ann');
    const clients = [await app.connect('/', browser.headers), await app.connect()];

    expect(await reached(app, 7, clients)).toEqual([true, false]);
  });

  it('A3 sees what a guard has set, and @OnConnect() may emit to the user, itself included', async () => {
    class KnowsSeven implements CanActivate {
      canActivate() {
        request.user = 7;
        return true;
      }
    }
    @SocketGateway('/guarded')
    class GuardedGateway {
      @UseGuards(KnowsSeven)
      @OnConnect()
      connect() {
        emit('hello', 1, { to: user(7) });
      }
    }
    const app = await start({ identify: (client) => client.user as number }, { providers: [GuardedGateway] });
    const first = await app.connect('/guarded');
    const heard = next(first, 'hello');
    const second = app.open('/guarded');

    expect([await next(second, 'hello'), await heard]).toEqual([[1], [1]]);
  });

  it('A3 is asked again when @OnConnect() sets the user', async () => {
    @SocketGateway()
    class ConnectGateway {
      @OnConnect()
      connect() {
        request.user = 7;
        emit('hello', 1, { to: user(7) });
      }
    }
    const app = await start({ identify: (client) => client.user as number }, { providers: [ConnectGateway] });
    const client = app.open();
    const hello = next(client, 'hello');
    await connected(client);

    expect([await hello, await reached(app, 7, [client])]).toEqual([[1], [true]]);
  });

  it('A3 is asked before a connect handler that was added at run time', async () => {
    const app = await start();
    app.get(SocketIO).onConnect(() => emit('hello', 1, { to: user(7) }));

    expect(await next(app.open('/', as(7)), 'hello')).toEqual([1]);
  });

  it('A3 has a context of its own: request and session are those of its connection', async () => {
    const identify: Identify = (given) => {
      session['identified'] = true;
      return request.sid === given.sid && request.namespace === '/here' ? 7 : undefined;
    };
    const app = await start({ identify });

    expect(await reached(app, 7, [await app.connect('/here')], '/here')).toEqual([true]);
  });

  it('A3 is waited for before the client is told that it is connected', async () => {
    const [gate, asked] = [new Gate(), new Journal()];
    const identify: Identify = async () => {
      asked.add('asked');
      await gate.opened;
      return 7;
    };
    const app = await start({ identify });
    const client = app.open();
    await asked.has('asked');
    await flushed(client);
    const before = client.connected;
    gate.open();
    await connected(client);

    expect([before, await reached(app, 7, [client])]).toEqual([false, [true]]);
  });

  it('A3 is waited for when @OnConnect() sets the user, too', async () => {
    const [gate, asked] = [new Gate(), new Journal()];
    @SocketGateway()
    class ConnectGateway {
      @OnConnect()
      connect() {
        request.user = 7;
      }
    }
    const identify: Identify = async (client) => {
      if (client.user === undefined) return undefined;
      asked.add('asked');
      await gate.opened;
      return 7;
    };
    const app = await start({ identify }, { providers: [ConnectGateway] });
    const client = app.open();
    await asked.has('asked');
    await flushed(client);
    const before = client.connected;
    gate.open();
    await connected(client);

    expect([before, await reached(app, 7, [client])]).toEqual([false, [true]]);
  });

  it('A3 is waited for before events are handled, with alwaysConnect too', async () => {
    const [gate, asked] = [new Gate(), new Journal()];
    const identify: Identify = async (client) => {
      asked.add('asked');
      await gate.opened;
      client.user = 'ann';
      return 7;
    };
    const app = await start({ identify, alwaysConnect: true });
    const client = await app.connect();
    await asked.has('asked');
    const answer = ask(client, 'who');
    await flushed(client);
    gate.open();

    expect(await answer).toEqual(['ann']);
  });

  it('A3 is asked once for a connection', async () => {
    const asked = new Journal();
    @SocketGateway()
    class ConnectGateway {
      @OnConnect()
      connect() {}
    }
    const identify: Identify = async (client) => {
      asked.add(client.event.message as string);
      client.user = 'ann'; // no change of user: this is where it is found out
      return 7;
    };
    const app = await start({ identify }, { providers: [ConnectGateway, RoomGateway] });
    const client = await app.connect();

    expect([await ask(client, 'who'), asked.entries]).toEqual([['ann'], ['connect']]);
  });

  const broken: [string, Identify][] = [
    [
      'throws',
      () => {
        throw new Error('secret of the database');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret of the database'))],
    ['returns an object', () => ({ id: 7 }) as never],
    ['returns an empty text', () => ''],
    ['resolves with NaN', () => Promise.resolve(Number.NaN)],
  ];

  describe.each(['/', '/with-connect-handler'])('in %s', (namespace) => {
    it.each(broken)('A3 that %s refuses its client with a safe message', async (_, identify) => {
      const handled = new Journal();
      @SocketGateway('/with-connect-handler')
      class ConnectGateway {
        @OnConnect()
        connect() {
          handled.add('connect');
        }

        @OnDisconnect()
        left() {
          handled.add('disconnect');
        }

        @OnError()
        failed() {
          handled.add('error');
          return true;
        }
      }
      const app = await start({ identify }, { providers: [ConnectGateway] });

      const { message } = await refusal(app.open(namespace));

      expect([message, handled.entries]).toEqual(['Internal server error', []]);
      expect(app.log.of('error')).toEqual([expect.stringContaining(`option "identify" for '${namespace}'`)]);
    });
  });

  it('A3 that never answers refuses its client after ten seconds', async () => {
    const asked = new Journal();
    const identify: Identify = () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      asked.add('asked');
      return new Promise(() => {});
    };
    onTestFinished(() => void vi.useRealTimers());
    const app = await start({ identify });
    const refused = refusal(app.open('/', { transports: ['websocket'] }));
    await asked.has('asked');

    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();

    expect((await refused).message).toBe('Internal server error');
    expect(app.log.of('error')).toEqual([expect.stringContaining('FSK_IDENTIFY_TIMEOUT')]);
  });

  it('A3 that is no function fails the boot', async () => {
    const error = await bootError({ options: { identify: 'user.id' as never } });

    expect(error.code).toBe('FSK_INVALID_OPTION');
  });
});

describe('a change of user', () => {
  const byUser = (options: FlaskSocketOptions = {}) =>
    start({ identify: (client) => (client.user as UserId | null) ?? undefined, ...options });

  it('A3 moves the connection to the room of the new user at once, in all its namespaces', async () => {
    const app = await byUser();
    const client = await app.connect();
    const other = await app.also(client, '/other');
    await ask(client, 'become', 7);
    const welcome = next(client, 'welcome');

    await ask(client, 'become', 8);

    expect(await welcome).toEqual([8]);
    expect(await reached(app, 7, [client, other])).toEqual([false, false]);
    expect(await reached(app, 7, [client, other], '/other')).toEqual([false, false]);
    expect(await reached(app, 8, [client, other])).toEqual([true, false]);
    expect(await reached(app, 8, [client, other], '/other')).toEqual([false, true]);
  });

  it('A3 to nobody takes the connection out of the room', async () => {
    const app = await byUser();
    const client = await app.connect();
    await ask(client, 'become', 7);
    await ask(client, 'become', null);

    expect(await reached(app, 7, [client])).toEqual([false]);
    expect(await app.get(SocketIO).members(client.id as string)).toEqual([
      { sid: client.id, rooms: [client.id] },
    ]);
  });

  it('A3 leaves no time in which the connection hears what is for the old user', async () => {
    const gate = new Gate();
    const identify: Identify = async (client) => {
      if (client.user === 8) await gate.opened;
      return (client.user as number) ?? undefined;
    };
    const app = await byUser({ identify });
    const client = await app.connect();
    await ask(client, 'become', 7);

    await ask(client, 'become', 8);
    const meanwhile = [await reached(app, 7, [client]), await reached(app, 8, [client])];
    gate.open();

    await expect.poll(async () => (await app.get(SocketIO).members(user(8))).length).toBe(1);
    expect(meanwhile).toEqual([[false], [false]]);
  });

  it.each<[string, () => number]>([
    ['an answer', () => 7],
    [
      'an error',
      () => {
        throw new Error('too late to matter');
      },
    ],
  ])('A3 counts when it is the last one, even if %s to an earlier one comes later', async (_, late) => {
    const gate = new Gate();
    const identify: Identify = async (client) => {
      if (client.user !== 7) return (client.user as number) ?? undefined;
      await gate.opened;
      return late();
    };
    const app = await byUser({ identify });
    const client = await app.connect();
    await ask(client, 'become', 7);
    await ask(client, 'become', 8);
    await expect.poll(async () => (await app.get(SocketIO).members(user(8))).length).toBe(1);
    gate.open();
    await flushed(client);

    expect([await reached(app, 7, [client]), await reached(app, 8, [client])]).toEqual([[false], [true]]);
    expect(app.log.of('error')).toEqual([]);
  });

  it.each([
    [
      'at once',
      () => {
        throw new Error('no database');
      },
    ],
    ['later', () => Promise.reject(new Error('no database'))],
  ])('A3 that cannot be looked up ends the connection (%s)', async (_, fail) => {
    const app = await byUser({ identify: (client) => (client.user === 7 ? fail() : undefined) });
    const client = await app.connect();
    const gone = next(client, 'disconnect');

    client.emit('become', 7);

    expect((await gone)[0]).toBe('io server disconnect');
    expect(app.log.of('error')).toEqual([expect.stringContaining('no database')]);
  });

  it('A3 is made when a client comes back with another login, before its old rooms are used', async () => {
    const identify: Identify = (client) => Number(client.headers['x-user']);
    const app = await start({ identify, server: { connectionStateRecovery: {} } });
    const client = await app.connect('/', { extraHeaders: { 'x-user': '7' }, reconnection: true });
    app.get(SocketIO).emit('first', 1, { to: user(7) }); // gives the client the offset that it asks to go on from
    await next(client, 'first');
    client.io.opts.extraHeaders = { 'x-user': '8' };
    client.io.engine.close();
    await connected(client);
    await new Promise<void>((resolve) => (client.connected ? resolve() : client.once('connect', resolve)));

    expect(client.recovered).toBe(false);
    expect(await reached(app, 7, [client])).toEqual([false]);
    expect(await reached(app, 8, [client])).toEqual([true]);
  });
});

describe('the room of a user', () => {
  const FORGED = String(user(7));

  it.each(['join', 'leave', 'close', 'emit'])('A3 cannot be named by a client (%s)', async (what) => {
    const app = await start();
    const [ann, mallory] = [await app.connect('/', as(7)), await app.connect('/', as(8))];
    const received = inbox(ann);

    const answer = await ask(mallory, 'try', what, FORGED);

    expect([answer, received]).toEqual([['FSK_RESERVED_ROOM'], []]);
    expect(await reached(app, 7, [ann, mallory])).toEqual([true, false]);
  });

  it('A3 cannot be asked for its members by name', async () => {
    const app = await start();
    await app.connect('/', as(7));

    await expect(app.get(SocketIO).members(FORGED)).rejects.toThrow('FSK_RESERVED_ROOM');
  });

  it('A3 M5 is not among the rooms that are listed, so nobody leaves it by leaving all', async () => {
    const app = await start();
    const client = await app.connect('/', as(7));
    await ask(client, 'try', 'join', 'lobby');

    expect(await ask(client, 'rooms')).toEqual([[client.id, 'lobby']]);
  });

  it('A3 can be joined, left and closed by code that names the user', async () => {
    const app = await start();
    const socketio = app.get(SocketIO);
    const [ann, helper] = [await app.connect('/', as(7)), await app.connect('/', as(8))];

    await socketio.joinRoom(user(7), { sid: helper.id as string });
    const joined = await reached(app, 7, [ann, helper]);
    await socketio.leaveRoom(user(7), { sid: helper.id as string });
    const left = await reached(app, 7, [ann, helper]);
    socketio.closeRoom(user(7));

    expect([joined, left]).toEqual([
      [true, true],
      [true, false],
    ]);
    expect(await reached(app, 7, [ann, helper])).toEqual([false, false]);
  });

  it('A3 B5 may stand among other rooms, and with includeSelf', async () => {
    @SocketGateway()
    class TellGateway {
      @OnEvent('tell')
      tell() {
        emit('news', 1, { to: [user(7), user(8)], includeSelf: false });
      }
    }
    const app = await start({}, { providers: [TellGateway] });
    const clients = await Promise.all([7, 7, 8, 9].map((id) => app.connect('/', as(id))));
    const inboxes = clients.map(inbox);

    await ask(clients[0]!, 'tell');
    await flushed(...clients);

    expect(inboxes.map((received) => received.length)).toEqual([0, 1, 1, 0]);
  });

  it('M6 tells the userId of its members, as identify gave it', async () => {
    const app = await start();
    const [ann, bob, nobody] = await Promise.all([7, 'bob', undefined].map((id) => app.connect('/', as(id))));
    for (const client of [ann, bob, nobody]) await ask(client!, 'try', 'join', 'lobby');
    const socketio = app.get(SocketIO);

    const lobby = await socketio.members('lobby');

    expect(lobby).toEqual([
      { sid: ann!.id, rooms: [ann!.id, 'lobby'], userId: 7 },
      { sid: bob!.id, rooms: [bob!.id, 'lobby'], userId: 'bob' },
      { sid: nobody!.id, rooms: [nobody!.id, 'lobby'] },
    ]);
    expect(await socketio.members(user('7'))).toEqual([lobby[0]]);
  });
});

/** A gateway that notes who leaves which namespace. */
function noticing() {
  const journal = new Journal();
  @SocketGateway('*')
  class LeftGateway {
    @OnDisconnect()
    left(@Reason() reason: string) {
      journal.add(`${request.namespace} ${reason}`);
    }
  }
  return { journal, LeftGateway };
}

describe('disconnectUser', () => {
  it("A3 ends all connections of a user, in every namespace, and nobody else's", async () => {
    const { journal, LeftGateway } = noticing();
    const app = await start({ namespaces: '*' }, { providers: [LeftGateway] });
    const phone = await app.connect('/', as(7));
    const job = await app.also(phone, '/job/1', as(7));
    const laptop = await app.connect('/', as('7'));
    const other = await app.connect('/', as(8));
    const gone = [phone, job, laptop].map((client) => next(client, 'disconnect'));

    app.get(SocketIO).disconnectUser(7);

    await Promise.all(gone);
    expect(journal.entries.toSorted()).toEqual([
      '/ server namespace disconnect',
      '/ server namespace disconnect',
      '/job/1 server namespace disconnect',
    ]);
    await flushed(other);
    expect(other.connected).toBe(true);
  });

  it('A3 refuses those of the user whose @OnConnect() still runs', async () => {
    const [gate, asked] = [new Gate(), new Journal()];
    @SocketGateway()
    class SlowGateway {
      @OnConnect()
      async connect() {
        asked.add('connect');
        await gate.opened;
      }
    }
    const app = await start({}, { providers: [SlowGateway] });
    const refused = refusal(app.open('/', as(7)));
    await asked.has('connect');

    app.get(SocketIO).disconnectUser(7);
    gate.open();

    expect((await refused).message).toBe('Connection rejected by server');
  });

  it('A3 refuses those of the user about whom option identify is still asked', async () => {
    const [gate, asked] = [new Gate(), new Journal()];
    @SocketGateway()
    class TwoUsersGateway {
      @OnConnect()
      connect() {
        joinRoom(user(9));
        request.user = 'slow';
      }
    }
    const identify: Identify = async (client) => {
      if (client.user !== 'slow') return 7;
      asked.add('slow');
      await gate.opened;
      return 8;
    };
    const app = await start({ identify }, { providers: [TwoUsersGateway] });
    const refused = refusal(app.open());
    await asked.has('slow');

    app.get(SocketIO).disconnectUser(9);
    gate.open();

    expect((await refused).message).toBe('Connection rejected by server');
  });

  it('A3 is fine for a user who is not there, and before there is a server', async () => {
    const app = await start({}, { prepare: (nest) => nest.get(SocketIO).disconnectUser(7) });
    const client = await app.connect('/', as(8));

    app.get(SocketIO).disconnectUser('nobody');
    await flushed(client);

    expect(client.connected).toBe(true);
  });

  it.each(['', Number.NaN, Number.POSITIVE_INFINITY, null, {}, 7n])('A3 takes no %s', async (id) => {
    const app = await start();

    expect(() => app.get(SocketIO).disconnectUser(id as never)).toThrow('FSK_INVALID_USER');
  });

  it.each(platforms)('A3 lets a logout over HTTP end the connections, on $platform', async ({ adapter }) => {
    @Controller()
    class GoodbyeController {
      constructor(@Inject(SocketIO) private readonly socketio: SocketIO) {}

      @Post('goodbye')
      goodbye(@Req() { user: { id } }: { user: User }) {
        this.socketio.disconnectUser(id);
      }
    }
    const identify: Identify = (client) => (client.user as User | undefined)?.id;
    const app = await startWithLogin({ adapter, controllers: [GoodbyeController], options: { identify } });
    const browser = new Browser(app);
    await browser.login('ann');
    const client = await app.connect('/', browser.headers);
    const gone = next(client, 'disconnect');

    await browser.post('/goodbye');

    expect((await gone)[0]).toBe('io server disconnect');
  });
});

describe('users on several processes', () => {
  async function startTwo() {
    const adapter = sharedAdapter() as never;
    const { journal, LeftGateway } = noticing();
    const [here, there] = [
      await start({ server: { adapter }, namespaces: '*' }),
      await start({ server: { adapter }, namespaces: '*' }, { providers: [RoomGateway, LeftGateway] }),
    ];
    return { here, there, journal };
  }

  it('A3 are reached everywhere', async () => {
    const { here, there } = await startTwo();
    const clients = [await here.connect('/', as(7)), await there.connect('/', as(7))];

    expect(await reached(here, 7, clients)).toEqual([true, true]);
  });

  it('A3 are disconnected everywhere, also from namespaces that only the other process has', async () => {
    const { here, there, journal } = await startTwo();
    const client = await there.connect('/', as(7));
    const job = await there.also(client, '/job/1', as(7));
    const gone = [client, job].map((each) => next(each, 'disconnect'));

    here.get(SocketIO).disconnectUser(7);

    await Promise.all(gone);
    expect(journal.entries.toSorted()).toEqual([
      '/ server namespace disconnect',
      '/job/1 server namespace disconnect',
    ]);
  });

  it('M6 show their userId everywhere', async () => {
    const { here, there } = await startTwo();
    const [near, far] = [await here.connect('/', as(7)), await there.connect('/', as(7))];

    expect(await here.get(SocketIO).members(user(7))).toEqual([
      { sid: near.id, rooms: [near.id], userId: 7 },
      { sid: far.id, rooms: [far.id], userId: 7 },
    ]);
  });
});
