import {
  call,
  ConnectionRefusedError,
  disconnect,
  emit,
  joinRoom,
  OnConnect,
  OnEvent,
  request,
  rooms,
  SocketGateway,
  SocketIO,
  user,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, connected, flushed, inbox, next, refusal, startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';

const WEBSOCKET = { transports: ['websocket'] };

/** An application in which a client with `auth.wait` is connecting until the gate opens. */
async function start(options: FlaskSocketOptions = {}) {
  const arrived = new Journal();
  const gate = new Gate();

  @SocketGateway()
  class DoorGateway {
    constructor(private readonly socketio: SocketIO) {}

    @OnConnect()
    async connect(auth?: { wait?: boolean; refuse?: boolean; task?: boolean }) {
      joinRoom('lobby');
      if (!auth?.wait) return;
      const { sid } = request;
      emit('own', 1);
      if (auth.task)
        this.socketio.startBackgroundTask(() => {
          this.socketio.emit('task to sid', 1, { to: sid });
          this.socketio.emit('task to all', 2);
        });
      arrived.add(sid);
      await gate.opened;
      emit('own', 2);
      if (auth.refuse) throw new ConnectionRefusedError('no');
    }

    @OnEvent('tell')
    tell(sid: string) {
      emit('told', rooms({ sid }), { to: sid });
    }

    @OnEvent('match')
    match(sid: string) {
      joinRoom('match', { sid });
      emit('matched', 1, { to: 'match' });
    }

    @OnEvent('ask')
    async ask(sid: string) {
      return { answer: await call('question', 'well?', { to: sid }) };
    }

    @OnEvent('end')
    end(sid: string) {
      disconnect({ sid });
    }
  }

  const app = await startApp({ providers: [DoorGateway], options });
  onTestFinished(gate.open); // the application's end waits for handlers
  const socketio = app.get(SocketIO);
  const open = (auth: object = {}, more: object = {}) =>
    app.open('/', { ...WEBSOCKET, auth: { wait: true, ...auth }, ...more });
  return { app, arrived, gate, open, socketio };
}

const RECOVERY: FlaskSocketOptions = { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } };

/** What a client got, without the offsets that recovery adds. */
const withoutOffsets = (events: unknown[][]) => events.map(([name, value]) => [name, value]);

describe('what is for a client whose @OnConnect() runs', () => {
  it.each([
    ['', {}],
    [', with recovery', RECOVERY],
  ])('M2 C1 waits, in order, and follows the acceptance before anything newer%s', async (_, options) => {
    const { app, arrived, gate, open, socketio } = await start(options);
    const other = await app.connect();
    const client = open();
    const received = inbox(client);
    const [sid = ''] = await arrived.reached(1);

    socketio.emit('to sid', 1, { to: sid });
    socketio.emit('to rooms', Buffer.from([1]), { to: ['lobby', sid] });
    await ask(other, 'tell', sid);
    await ask(other, 'match', sid);
    socketio.emit('to all', 2);
    socketio.emit('not to it', 3, { skipSid: sid });
    socketio.server.to(sid).emit('raw', 4);
    const before = [...received];
    gate.open();
    await connected(client);
    socketio.emit('newer', 5);
    await flushed(client);

    expect(before).toEqual([]);
    expect(withoutOffsets(received)).toEqual([
      ['own', 1],
      ['to sid', 1],
      ['to rooms', Buffer.from([1])],
      ['told', [sid, 'lobby']],
      ['matched', 1],
      ['to all', 2],
      ['raw', 4],
      ['own', 2],
      ['newer', 5],
    ]);
    expect(client.id).toBe(sid);
  });

  it('C1 Q2 comes from a task that @OnConnect() starts, too, with the sid or to all', async () => {
    const { gate, open } = await start();
    const client = open({ task: true });
    const received = inbox(client);
    gate.open();

    await next(client, 'task to all');

    expect(received).toContainEqual(['task to sid', 1]);
  });

  it('C1 is dropped after a refusal, and nothing of the client stays in rooms', async () => {
    const { app, arrived, gate, open, socketio } = await start();
    const other = await app.connect();
    const client = open({ refuse: true });
    const received = inbox(client);
    const [sid = ''] = await arrived.reached(1);
    socketio.emit('to sid', 1, { to: sid });
    await ask(other, 'match', sid);

    const refused = refusal(client);
    gate.open();
    const { message } = await refused;
    await flushed(client);

    const { adapter } = socketio.server.of('/');
    expect({ message, received }).toEqual({ message: 'no', received: [] });
    expect([...adapter.sids.keys()]).toEqual([other.id]);
    expect([...adapter.rooms.keys()].toSorted()).toEqual([other.id, 'lobby'].toSorted());
  });

  it('C1 with bytes, msgpack and compression is what was sent', async () => {
    const { arrived, gate, open, socketio } = await start({ serializer: 'msgpack' });
    const { default: parser } = (await import('socket.io-msgpack-parser')) as { default: object };
    const client = open({}, { parser });
    const received = inbox(client);
    const [sid = ''] = await arrived.reached(1);

    socketio.emit('data', { bytes: Buffer.from([1, 2]), text: '💬' }, { to: sid, compress: false });
    gate.open();
    await connected(client);
    await flushed(client);

    expect(received).toContainEqual(['data', { bytes: Buffer.from([1, 2]), text: '💬' }]);
  });

  it('C1 is dropped where it is volatile: the client cannot take it now', async () => {
    const { arrived, gate, open, socketio } = await start();
    const client = open();
    const received = inbox(client);
    await arrived.reached(1);

    for (let n = 0; n < 5_000; n++) socketio.emit('position', n, { volatile: true });
    socketio.emit('last');
    gate.open();
    await connected(client);
    await flushed(client);

    expect(received.map(([name]) => name)).toEqual(['own', 'last', 'own']);
  });

  it.each([
    ['packets', 1_001, ''],
    ['bytes', 11, 'x'.repeat(100_000)],
  ])(
    'C1 has a limit in %s, above which the client is refused, and the log says so',
    async (_, count, data) => {
      const { app, arrived, gate, open, socketio } = await start();
      const client = open();
      const [sid = ''] = await arrived.reached(1);

      for (let n = 1; n < count; n++) socketio.emit('much', data, { to: sid });
      const before = app.log.of('warn');
      socketio.emit('much', data, { to: sid });
      const refused = refusal(client);
      gate.open();

      expect((await refused).message).toBe('Connection rejected by server');
      expect(before).toEqual([]);
      expect(app.log.of('warn')).toEqual([
        expect.stringMatching(
          new RegExp(`'/', sid ${sid} is refused: more than 1000 packets or 1048576 bytes`),
        ),
      ]);
    },
  );

  it('C1 of its own handler has none', async () => {
    @SocketGateway()
    class HistoryGateway {
      @OnConnect()
      connect() {
        for (let n = 1; n <= 3_000; n++) emit('past', n);
      }
    }
    const app = await startApp({ providers: [HistoryGateway] });
    const client = app.open('/', WEBSOCKET);
    const received = inbox(client);
    await connected(client);
    await flushed(client);

    expect(received).toHaveLength(3_000);
  });
});

describe('a client whose @OnConnect() runs', () => {
  it('M1 M5 M6 has its rooms for everybody', async () => {
    const { app, arrived, open, socketio } = await start({ identify: () => 7 });
    const other = await app.connect();
    open();
    const [sid = ''] = await arrived.reached(1);

    await ask(other, 'match', sid);
    await socketio.joinRoom('seat', { sid });
    const before = socketio.rooms({ sid });
    await socketio.leaveRoom('seat', { sid });
    socketio.closeRoom('match');

    expect(before).toEqual([sid, 'lobby', 'match', 'seat']);
    expect(socketio.rooms({ sid })).toEqual([sid, 'lobby']);
    expect(await socketio.members(sid)).toEqual([{ sid, rooms: [sid, 'lobby'], userId: 7 }]);
    expect((await socketio.members('lobby')).map((member) => member.sid)).toContain(sid);
    expect((await socketio.members(user(7))).map((member) => member.sid)).toContain(sid);
  });

  it('E7 E6 is asked by others: the question waits for the acceptance', async () => {
    const { app, arrived, gate, open, socketio } = await start();
    const other = await app.connect();
    const client = open();
    client.on('question', (text: string, answer: (value: string) => void) => answer(`${text} yes`));
    const [sid = ''] = await arrived.reached(1);
    const called = new Journal<unknown>();

    const answers = [ask(other, 'ask', sid), socketio.call('question', 'ready?', { to: sid })];
    socketio.emit('question', 'there?', { to: sid, callback: called.add });
    await flushed(other);
    const before = [...called.entries];
    gate.open();

    expect(await Promise.all(answers)).toEqual([[{ answer: 'well? yes' }], 'ready? yes']);
    expect([before, await called.reached(1)]).toEqual([[], ['there? yes']]);
  });

  it('E7 ends the questions of others at once when it is refused', async () => {
    const { arrived, gate, open, socketio } = await start();
    open({ refuse: true });
    const [sid = ''] = await arrived.reached(1);

    const asked = socketio.call('question', 1, { to: sid });
    gate.open();

    await expect(asked).rejects.toMatchObject({ code: 'FSK_CALL_DISCONNECTED' });
  });

  it.each(['handler', 'SocketIO', 'user', 'raw'])(
    'C9 A3 is refused when it is disconnected by: %s',
    async (by) => {
      const { app, arrived, gate, open, socketio } = await start({ identify: ({ auth }) => ((auth as { wait?: boolean } | undefined)?.wait ? 7 : undefined) }); // prettier-ignore
      const other = await app.connect();
      const client = open();
      const received = inbox(client);
      const [sid = ''] = await arrived.reached(1);

      if (by === 'handler') await ask(other, 'end', sid);
      else if (by === 'SocketIO') socketio.disconnect({ sid });
      else if (by === 'user') socketio.disconnectUser(7);
      else socketio.server.in(sid).disconnectSockets();
      socketio.emit('late', 1, { to: sid });
      const refused = refusal(client);
      gate.open();

      expect((await refused).message).toBe('Connection rejected by server');
      expect(received).toEqual([]);
    },
  );

  it('E4 is the same client for its handlers in other namespaces', async () => {
    const gate = new Gate();
    const arrived = new Journal();
    @SocketGateway()
    class MainGateway {
      @OnEvent('speak there')
      speak() {
        emit('from main', rooms({ namespace: '/other' }).length, { namespace: '/other' });
      }
    }
    @SocketGateway('/other')
    class OtherGateway {
      @OnConnect()
      async connect() {
        arrived.add(request.sid);
        await gate.opened;
      }
    }
    const app = await startApp({ providers: [MainGateway, OtherGateway] });
    const client = await app.connect();
    const there = client.io.socket('/other', {});
    const received = inbox(there);
    there.connect();
    await arrived.reached(1);

    await ask(client, 'speak there');
    gate.open();
    await connected(there);
    await flushed(client);

    expect(received).toEqual([['from main', 1]]);
  });

  it('M2 is listed by fetchSockets() like a client of another process, and is not among the sockets yet', async () => {
    const { arrived, gate, open, socketio } = await start();
    const connections = new Journal();
    const namespace = socketio.server.of('/');
    namespace.on('connection', ({ id }) => connections.add(id));
    const client = open();
    const received = inbox(client);
    const [sid = ''] = await arrived.reached(1);

    const [listed] = await namespace.fetchSockets();
    listed!.join('raw room');
    listed!.emit('raw', 1);
    const before = { sockets: namespace.sockets.size, connections: [...connections.entries] };
    gate.open();
    await connected(client);
    await flushed(client);

    expect(listed).toMatchObject({ id: sid, rooms: new Set([sid, 'lobby']) });
    expect(before).toEqual({ sockets: 0, connections: [] });
    expect(connections.entries).toEqual([sid]);
    expect(received).toContainEqual(['raw', 1]);
    expect(socketio.rooms({ sid })).toEqual([sid, 'lobby', 'raw room']);
  });

  it('C1 is found among thousands that come back at once, at the cost of its room', async () => {
    const { arrived, gate, open, socketio } = await start();
    const clients = Array.from({ length: 20 }, () => open());
    const sids = [...(await arrived.reached(20))];
    const received = clients.map(inbox);

    sids.forEach((sid, n) => socketio.emit('seat', n, { to: sid }));
    gate.open();
    await Promise.all(clients.map(connected));
    await flushed(...clients);

    const seats = received.map((events) => events.filter(([name]) => name === 'seat'));
    expect(seats.flat()).toHaveLength(20);
    const byClient = clients.map(({ id }) => [['seat', sids.indexOf(id!)]]);
    expect(seats).toEqual(byClient);
  });
});

describe('a client that a middleware refuses', () => {
  it('M2 has no room in middlewares, and is in none for the adapter', async () => {
    const happened: unknown[] = [];
    const app = await startApp({
      options: { namespaces: ['/'] },
      prepare: async (nest) => {
        await nest.init();
        const namespace = nest.get(SocketIO).server.of('/');
        for (const name of ['create-room', 'join-room', 'leave-room', 'delete-room'])
          namespace.adapter.on(name, (...values: unknown[]) => happened.push([name, ...values]));
        namespace.use((socket, proceed) => {
          happened.push(socket.rooms.size);
          proceed(socket.handshake.auth['welcome'] ? undefined : new Error('not you'));
        });
      },
    });

    const client = app.open('/', WEBSOCKET);
    const { message } = await refusal(client);
    await flushed(client);
    const refused = happened.splice(0);
    const { id } = await app.connect('/', { auth: { welcome: true } });

    expect({ message, refused }).toEqual({ message: 'not you', refused: [0] });
    expect(happened).toEqual([0, ['create-room', id], ['join-room', id, id]]);
  });
});
