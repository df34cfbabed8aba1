import {
  args,
  emit,
  OnConnect,
  OnDisconnect,
  OnEvent,
  request,
  send,
  SocketGateway,
  SocketIO,
  type FlaskSocketOptions,
} from 'nestjs-flask-socket';
import { createEmitter } from 'nestjs-flask-socket/emitter';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bootError, flushed, inbox, next, startApp, type RunningApp } from '../support/app.js';
import { rabbitBroker, redisBroker, type Broker } from '../support/brokers.js';
import { Gate, Journal } from '../support/journal.js';
import { HOST, newChannel, PythonQueue } from '../support/python-queue.js';
import { have } from '../support/system-packages.mjs';

const left = new Journal();

/** Who waits at `/door`, and what lets them in. */
const waiting = new Journal();
let door = new Gate();

/** Python and brokers take their time on a busy machine. */
const soon = <T>(look: () => T | Promise<T>): Promise<T> => vi.waitFor(look, 10_000);

/** How many acknowledgements are awaited from a client that is connecting. */
function acksOf({ server }: SocketIO, sid: string): number | undefined {
  const { _preConnectSockets: arriving } = server.of('/door') as unknown as {
    _preConnectSockets: Map<string, { acks: Map<unknown, unknown> }>;
  };
  return arriving.get(sid)?.acks.size;
}

@SocketGateway()
class FleetGateway {
  @OnConnect('*')
  connect() {}

  @OnConnect('/door')
  async wait() {
    waiting.add(request.sid);
    await door.opened;
  }

  @OnDisconnect('*')
  gone() {
    left.add(request.sid);
  }

  @OnEvent('to all')
  toAll() {
    emit('news', args('one', { two: 2 }), { broadcast: true, includeSelf: false });
  }

  @OnEvent('say')
  say() {
    send('hello', { to: ['red', 'blue'] });
  }
}

describe.skipIf(!have('redis-server'))('a fleet with Flask-SocketIO processes, through Redis', () => {
  let redis: Broker;
  beforeAll(async () => (redis = await redisBroker()).start());
  afterAll(() => redis.stop());

  const setUp = (channel?: string): FlaskSocketOptions => ({
    messageQueue: { url: redis.url, protocol: 'flask-socketio' },
    ...(channel !== undefined && { channel }),
    namespaces: '*',
  });

  async function startNest(channel: string): Promise<RunningApp> {
    const app = await startApp({ options: setUp(channel), providers: [FleetGateway] });
    await soon(() => expect(app.log.of('log').join()).toContain('is connected'));
    return app;
  }

  /** One process of ours, and the queue that Python's would be on. */
  async function start() {
    const python = await PythonQueue.onRedis(redis.url);
    const app = await startNest(python.channel);
    return { python, app, socketio: app.get(SocketIO) };
  }

  describe('the raw server', () => {
    it('P4 does not pass this process off as the fleet: what nobody else can be asked rejects with a code', async () => {
      const { app, socketio } = await start();
      const client = await app.connect();
      client.on('question', (acknowledge: (answer: string) => void) => acknowledge('answer'));
      const io = socketio.server.timeout(5_000);
      const code = expect.objectContaining({ code: 'FSK_NOT_IN_PROTOCOL' }) as unknown;
      const asked = [
        io.fetchSockets(),
        io.emitWithAck('question'),
        socketio.server.serverSideEmitWithAck('question'),
      ];
      const here = socketio.server.local;
      expect(await Promise.allSettled(asked)).toEqual(
        asked.map(() => ({ status: 'rejected', reason: code })),
      );
      expect((await here.fetchSockets()).map(({ id }) => id)).toEqual([client.id]);
      expect(await here.timeout(5_000).emitWithAck('question')).toEqual(['answer']);
    });
  });

  describe('hears events of Python', () => {
    it('P4 delivers one to everybody in its namespace, and to nobody else', async () => {
      const { python, app } = await start();
      const [first, second] = await Promise.all([app.connect('/chat'), app.connect('/chat')]);
      const other = await app.connect();
      const elsewhere = inbox(other);
      const heard = Promise.all([next(first, 'news'), next(second, 'news')]);
      await python.emit('news', [{ title: 'It works' }], { namespace: '/chat' });
      expect(await heard).toEqual([[{ title: 'It works' }], [{ title: 'It works' }]]);
      await flushed(other);
      expect(elsewhere).toEqual([]);
    });

    it.each([
      ['no argument', [null], []],
      ['one', ['text'], ['text']],
      ['several', ['one', 2, null, { three: [3] }], ['one', 2, null, { three: [3] }]],
      ['a list as one', [[1, 2]], [[1, 2]]],
      ['none at all', [], []],
      ['what is no list', 'text', ['text']],
    ])('E5 hands on %s', async (_, data, expected) => {
      const { python, app } = await start();
      const client = await app.connect();
      const heard = next(client, 'values');
      await python.emit('values', data);
      expect(await heard).toEqual(expected);
    });

    it('E5 hands on bytes, wherever they are', async () => {
      const { python, app } = await start();
      const client = await app.connect();
      const heard = next(client, 'bytes');
      const structure = [{ _placeholder: true, num: 1 }, { inner: [{ _placeholder: true, num: 0 }] }];
      await python.emit('bytes', [structure, 'AAH+/w==', 'aGk='], { binary: true });
      expect(await heard).toEqual([Buffer.from('hi'), { inner: [Buffer.from([0, 1, 254, 255])] }]);
    });

    it('B5 B4 reaches each client of several rooms once, and none that is skipped', async () => {
      const { python, app, socketio } = await start();
      const clients = await Promise.all([app.connect(), app.connect(), app.connect(), app.connect()]);
      const [both, red, skipped] = clients.map(({ id }) => ({ sid: id! }));
      for (const client of [both!, red!, skipped!]) void socketio.joinRoom('red', client);
      void socketio.joinRoom('7', both!);
      const heard = clients.map((client) => inbox(client));
      await python.emit('rooms', [1], { room: ['red', 7], skip_sid: [skipped!.sid] });
      await python.emit('one', [2], { room: 'red', skip_sid: both!.sid });
      await python.emit('nobody', [3], { room: [] });
      await python.emit('end', [4]);
      await Promise.all(clients.map((client) => next(client, 'end')));
      const names = heard.map((events) => events.map(([event]) => event));
      expect(names).toEqual([['rooms', 'end'], ['rooms', 'one', 'end'], ['one', 'end'], ['end']]);
    });

    it('V12 serves namespaces that exist only while they have clients', async () => {
      const { python, app } = await start();
      await python.emit('too early', [1], { namespace: '/job/7' });
      const first = await app.connect('/job/7');
      first.close();
      await soon(() => expect(app.get(SocketIO).server._nsps.has('/job/7')).toBe(false));
      await python.emit('in between', [2], { namespace: '/job/7' });
      const client = await app.connect('/job/7');
      const heard = inbox(client);
      await python.emit('now', [3], { namespace: '/job/7' });
      await soon(() => expect(heard).toEqual([['now', 3]]));
    });
  });

  describe('does what Python asks for', () => {
    it('M1 M4 puts a client into a room and out of it, and closes a room', async () => {
      const { python, app, socketio } = await start();
      const client = await app.connect('/chat');
      const named = { sid: client.id!, namespace: '/chat' };
      await python.say({ method: 'enter_room', room: 'red', ...named });
      await python.say({ method: 'enter_room', room: 'blue', ...named });
      await soon(() => expect(socketio.rooms(named)).toEqual([client.id, 'red', 'blue']));
      await python.say({ method: 'leave_room', room: 'red', ...named });
      await soon(() => expect(socketio.rooms(named)).toEqual([client.id, 'blue']));
      await python.say({ method: 'close_room', room: 'blue', namespace: '/chat' });
      await soon(() => expect(socketio.rooms(named)).toEqual([client.id]));
    });

    it('C9 disconnects a client, which is told; its disconnect handler runs', async () => {
      const { python, app } = await start();
      const [client, other] = await Promise.all([app.connect('/chat'), app.connect('/chat')]);
      const { id } = client;
      const told = next(client, 'disconnect');
      await python.say({ method: 'disconnect', sid: id, namespace: '/chat' });
      expect((await told)[0]).toBe('io server disconnect');
      await left.has(id!);
      expect(other.connected).toBe(true);
    });

    it('E6 brings Python what a client acknowledges with', async () => {
      const { python, app } = await start();
      const client = await app.connect('/chat');
      client.on('question', (text: string, answer: (...values: unknown[]) => void) => answer(text, 2, null));
      const callback = [client.id, '/chat', 17];
      await python.emit('question', ['text'], { namespace: '/chat', room: client.id, callback });
      expect(await python.heard.find(({ method }) => method === 'callback')).toEqual({
        method: 'callback',
        host_id: HOST,
        sid: client.id,
        namespace: '/chat',
        id: 17,
        args: ['text', 2, null],
      });
    });

    it('M1 M2 C1 E6 reaches, moves and asks a client whose @OnConnect() runs: it hears so when it is accepted', async () => {
      const { python, app, socketio } = await start();
      door = new Gate();
      const client = app.open('/door', { transports: ['websocket'] });
      client.on('question', (answer: (value: string) => void) => answer('yes'));
      const heard = inbox(client);
      const [sid = ''] = (await waiting.reached(1)).splice(0);
      const named = { sid, namespace: '/door' };
      await python.say({ method: 'enter_room', room: 'red', ...named });
      await python.emit('to sid', [1], { namespace: '/door', room: sid });
      await python.emit('to room', [2], { namespace: '/door', room: 'red' });
      await python.emit('to all', [3], { namespace: '/door' });
      const callback = [sid, '/door', 5];
      await python.emit('question', [null], { namespace: '/door', room: sid, callback });
      await soon(() => expect(socketio.rooms(named)).toContain('red'));
      await soon(() => expect(acksOf(socketio, sid)).toBe(1));
      expect([client.connected, heard]).toEqual([false, []]);
      door.open();
      expect(await python.heard.find(({ method }) => method === 'callback')).toMatchObject({ sid, args: ['yes'] }); // prettier-ignore
      expect(heard.map(([event]) => event)).toEqual(['to sid', 'to room', 'to all', 'question']);
    });

    it('M2 puts nobody into a room that is named as another client’s sid', async () => {
      const { python, app, socketio } = await start();
      const [client, victim] = await Promise.all([app.connect(), app.connect()]);
      const named = { sid: client.id!, namespace: '/' };
      await python.say({ method: 'enter_room', room: victim.id!, ...named });
      await python.say({ method: 'enter_room', room: 'red', ...named });
      await soon(() => expect(socketio.rooms(named)).toEqual([client.id, 'red']));
    });

    it('E6 says in the log that bytes cannot be brought back to Python', async () => {
      const { python, app } = await start();
      const client = await app.connect();
      client.on('question', (answer: (value: unknown) => void) => answer(Buffer.from('bytes')));
      await python.emit('question', [null], { room: client.id, callback: [client.id, '/', 1] });
      await soon(() => expect(app.log.of('warn').join()).toContain('bytes in an acknowledgement'));
    });

    it('E6 forgets after a minute that a client was to acknowledge', async () => {
      const { python, app, socketio } = await start();
      const client = await app.connect();
      const { acks } = socketio.server.sockets.sockets.get(client.id!) as unknown as {
        acks: Map<unknown, unknown>;
      };
      const asked = next(client, 'question');
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      await python.emit('question', [1], { room: client.id, callback: [client.id, '/', 1] });
      await asked;
      expect(acks.size).toBe(1);
      vi.advanceTimersByTime(60_000);
      vi.useRealTimers();
      expect(acks.size).toBe(0);
    });
  });

  describe('tells Python', () => {
    it('P4 B1 an event for everybody, as python-socketio writes it', async () => {
      const { python, socketio } = await start();
      socketio.emit('news', args('one', { two: 2 }), { namespace: '/chat' });
      const message = await python.next('emit');
      const { host_id, ...rest } = message;
      expect(rest).toEqual({
        method: 'emit',
        event: 'news',
        data: ['one', { two: 2 }],
        binary: false,
        namespace: '/chat',
        room: null,
        skip_sid: null,
        callback: null,
      });
      expect(host_id).toMatch(/^[0-9a-f]{32}$/);
      expect(Object.keys(message)).toEqual([...Object.keys(rest), 'host_id']);
    });

    it('E1 B4 whom an event is for and whom it skips', async () => {
      const { python, app } = await start();
      const client = await app.connect();
      client.emit('to all');
      expect(await python.next('emit')).toMatchObject({ event: 'news', room: null, skip_sid: client.id });
      client.emit('say');
      const said = await python.heard.find(({ event }) => event === 'message');
      expect(said).toMatchObject({ data: ['hello'], namespace: '/', room: ['red', 'blue'], skip_sid: null });
    });

    it.each([
      ['nothing', undefined, { data: [null], binary: false }],
      ['a list', [1, 2], { data: [[1, 2]], binary: false }],
      ['a date', new Date(0), { data: ['1970-01-01T00:00:00.000Z'], binary: false }],
      [
        'bytes',
        args(Buffer.from('hi'), { at: new Date(0), inner: [new Uint8Array([0, 255])] }),
        {
          data: [
            [
              { _placeholder: true, num: 0 },
              { at: '1970-01-01T00:00:00.000Z', inner: [{ _placeholder: true, num: 1 }] },
            ],
            'aGk=',
            'AP8=',
          ],
          binary: true,
        },
      ],
    ])('E5 %s', async (_, data, expected) => {
      const { python, socketio } = await start();
      socketio.emit('values', data);
      expect(await python.next('emit')).toMatchObject(expected);
    });

    it('M1 M4 C9 what it wants of clients that are not here', async () => {
      const { python, socketio } = await start();
      const named = { sid: 'somewhere', namespace: '/chat' };
      void socketio.joinRoom('red', named);
      void socketio.leaveRoom(7, named);
      socketio.closeRoom('red', { namespace: '/chat' });
      socketio.disconnect(named);
      await python.next('disconnect');
      const host_id = python.heard.entries[0]!['host_id'];
      expect(python.heard.entries).toEqual([
        { method: 'enter_room', room: 'red', ...named, host_id },
        { method: 'leave_room', room: '7', ...named, host_id },
        { method: 'close_room', room: 'red', namespace: '/chat', host_id },
        { method: 'disconnect', ...named, host_id },
      ]);
    });

    it('E7 asks a client of Python and takes its several values', async () => {
      const { python, socketio } = await start();
      const answer = socketio.call('question', args('text', 2), { to: 'somewhere', namespace: '/chat' });
      const asked = await python.next('emit');
      expect(asked).toMatchObject({
        event: 'question',
        data: ['text', 2],
        room: 'somewhere',
        callback: ['somewhere', '/chat', expect.any(Number)],
      });
      const [sid, namespace, id] = asked['callback'] as unknown[];
      const reply = { method: 'callback', host_id: asked['host_id'], sid, namespace, id };
      await python.say({ ...reply, id: 99, args: ['of another question'] });
      await python.say({ ...reply, sid: 'someone', args: ['of another client'] });
      await python.say({ ...reply, host_id: HOST, args: ['of another process'] });
      await python.say({ ...reply, args: ['one', 2] });
      expect(await answer).toEqual(['one', 2]);
    });

    it('E6 calls a callback with the acknowledgement of a client of Python', async () => {
      const { python, socketio } = await start();
      const called = new Promise((resolve) =>
        socketio.emit('question', 'text', {
          to: 'somewhere',
          callback: (...values: unknown[]) => resolve(values),
        }),
      );
      const { host_id, callback } = await python.next('emit');
      const [sid, namespace, id] = callback as unknown[];
      await python.say({ method: 'callback', host_id, sid, namespace, id, args: [] });
      expect(await called).toEqual([]);
    });

    it('E7 gives up on a client that nobody has when the time is over', async () => {
      const { socketio } = await start();
      const answer = socketio.call('question', 1, { to: 'nowhere', timeout: 50 });
      await expect(answer).rejects.toMatchObject({ code: 'FSK_CALL_TIMEOUT' });
    });

    it('P6 nothing of what is to stay on this process', async () => {
      const { python, socketio } = await start();
      socketio.emit('for us', 1, { ignoreQueue: true });
      socketio.emit('for all', 2);
      expect(await python.next('emit')).toMatchObject({ event: 'for all' });
    });

    it('E8 nothing that JSON cannot hold: the caller hears of it', async () => {
      const { socketio } = await start();
      expect(() => socketio.emit('values', 1n)).toThrow(
        expect.objectContaining({ code: 'FSK_NOT_SERIALIZABLE' }),
      );
    });
  });

  describe('of our own processes alone', () => {
    async function startTwo() {
      const channel = newChannel();
      const [first, second] = [await startNest(channel), await startNest(channel)];
      return { first, second, socketio: first.get(SocketIO) };
    }

    it('P4 delivers a broadcast once on each, bytes included', async () => {
      const { first, second, socketio } = await startTwo();
      const clients = await Promise.all([first.connect(), second.connect()]);
      const heard = clients.map((client) => inbox(client));
      socketio.emit('news', args('one', Buffer.from('hi')));
      socketio.emit('end');
      await soon(() => expect(heard.map((events) => events.length)).toEqual([2, 2]));
      expect(heard[0]).toEqual([['news', 'one', Buffer.from('hi')], ['end']]);
      expect(heard[1]).toEqual(heard[0]);
    });

    it('M1 M4 M6 C9 joins, lists, empties rooms and disconnects on the other one', async () => {
      const { first, second, socketio } = await startTwo();
      const client = await second.connect('/chat');
      const { id } = client;
      const named = { sid: id!, namespace: '/chat' };
      const there = () => second.get(SocketIO).rooms(named);
      await first.connect('/chat');
      void socketio.joinRoom('red', named);
      void socketio.joinRoom('blue', named);
      await soon(() => expect(there()).toEqual([id, 'red', 'blue']));
      expect(await socketio.members('red', { namespace: '/chat' })).toEqual([{ sid: id, rooms: there() }]);
      void socketio.leaveRoom('red', named);
      socketio.closeRoom('blue', { namespace: '/chat' });
      await soon(() => expect(there()).toEqual([id]));
      socketio.disconnect(named);
      await left.has(id!);
    });

    it('E7 calls a client of the other one, and knows at once if there is none', async () => {
      const { second, socketio } = await startTwo();
      const client = await second.connect();
      client.on('question', (value: number, answer: (...values: unknown[]) => void) => answer(value, 'two'));
      expect(await socketio.call('question', 1, { to: client.id! })).toEqual([1, 'two']);
    });

    it('A3 disconnects a user on the other one', async () => {
      const channel = newChannel();
      const options = { ...setUp(channel), identify: () => 7 };
      const [first, second] = await Promise.all([
        startApp({ options, providers: [FleetGateway] }),
        startApp({ options, providers: [FleetGateway] }),
      ]);
      for (const app of [first, second])
        await soon(() => expect(app.log.of('log').join()).toContain('is connected'));
      const client = await second.connect('/elsewhere');
      const gone = next(client, 'disconnect');
      first.get(SocketIO).disconnectUser(7);
      await gone;
    });

    it('P5 hears nothing of another channel', async () => {
      const [app, other] = [await startNest(newChannel()), await PythonQueue.onRedis(redis.url)];
      const client = await app.connect();
      const heard = inbox(client);
      await other.emit('news', [1]);
      app.get(SocketIO).emit('end');
      await next(client, 'end');
      expect(heard).toEqual([['end']]);
      expect(other.heard.entries).toHaveLength(1);
    });
  });

  describe('withstands what is no message', () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    const emitted = (more: object) =>
      JSON.stringify({
        method: 'emit',
        event: 'x',
        data: ['forged'],
        binary: false,
        namespace: '/',
        room: null,
        host_id: HOST,
        ...more,
      });
    const placeholder = (num: unknown) => ({ _placeholder: true, num });

    const malformed: [what: string, payload: string][] = [
      ['nothing', ''],
      ['no JSON', '{"method":'],
      ['JSON of Python that is none', emitted({ data: ['NaN'] }).replace('"NaN"', 'NaN')],
      ['null', 'null'],
      ['a list', '[]'],
      ['a method that is no text', '{"method":{}}'],
      ['a method that objects have', '{"method":"constructor"}'],
      ['an unknown method', '{"method":"shutdown","namespace":"/"}'],
      ['a namespace that is no text', emitted({ namespace: 7 })],
      ['a namespace that objects have', emitted({ namespace: '__proto__' })],
      ['a host_id that is no text', emitted({ host_id: {} })],
      ['an event that is no text', emitted({ event: 7 })],
      ['a reserved event', emitted({ event: 'disconnect' })],
      ['an event with a long name', emitted({ event: 'x'.repeat(129) })],
      ['a room that is no name', emitted({ room: { red: true } })],
      ['rooms that are no names', emitted({ room: [['red']] })],
      ['a skip_sid that is no name', emitted({ skip_sid: [null] })],
      ['a callback that is no list', emitted({ callback: 'red' })],
      ['a callback that is too short', emitted({ callback: ['red', '/'] })],
      ['bytes without a list', emitted({ binary: true, data: 'AA==' })],
      ['bytes that are no base64', emitted({ binary: true, data: [[placeholder(0)], '%%%%'] })],
      ['bytes that are no text', emitted({ binary: true, data: [[placeholder(0)], 7] })],
      ['a placeholder without bytes', emitted({ binary: true, data: [[placeholder(1)], 'AA=='] })],
      ['a negative placeholder', emitted({ binary: true, data: [[placeholder(-1)], 'AA=='] })],
      ['a placeholder that is no number', emitted({ binary: true, data: [[placeholder('0')], 'AA=='] })],
      ['bytes used twice', emitted({ binary: true, data: [[placeholder(0), placeholder(0)], 'AA=='] })],
      ['data that is nested deeply', emitted({ data: ['deep'] }).replace('"deep"', deep(100_000))],
      [
        'bytes that are nested deeply',
        emitted({ binary: true, data: [['deep'], 'AA=='] }).replace('"deep"', deep(100_000)),
      ],
      ['10 MB', emitted({ data: ['x'.repeat(10_000_000)] })],
      ['a sid that is no text', '{"method":"disconnect","namespace":"/","sid":["a"]}'],
      ['a room to join that is no name', '{"method":"enter_room","namespace":"/","sid":"a","room":{}}'],
      ['no room to close', '{"method":"close_room","namespace":"/","room":null}'],
      ['a callback without arguments', `{"method":"callback","namespace":"/","host_id":"${HOST}"}`],
      [
        'an event of namespaces',
        '{"method":"server_side_emit","namespace":"/","event":"connection","data":[]}',
      ],
    ];

    it('P4 reaches nobody with any of it, and delivers the next message', async () => {
      const { python, app } = await start();
      const client = await app.connect();
      const heard = inbox(client);
      for (const [what, payload] of malformed) {
        const end = next(client, 'end');
        await python.raw(payload);
        await python.emit('end', [what]);
        await end;
      }
      expect(heard).toEqual(malformed.map(([what]) => ['end', what]));
      expect(app.log.of('error')).toEqual([]);
      expect(app.log.of('warn')).toEqual([expect.stringContaining('1 message that arrived refused')]);
    });

    it('P4 names in one line what wrote pickle, and what to do', async () => {
      const { python, app } = await start();
      const pickle = Buffer.from('80049529000000000000007d94288c066d6574686f64948c04656d6974942e', 'hex');
      for (let count = 0; count < 3; count++) await python.raw(pickle);
      const client = await app.connect();
      const end = next(client, 'end');
      await python.emit('end', ['of test']);
      await end;
      expect(app.log.of('warn')).toEqual([
        expect.stringMatching(/1 message that arrived refused \(.*pickle.*python-socketio 5\.15\.1 or later/),
      ]);
    });

    it('L7 leaves out a key __proto__ of data', async () => {
      const { python, app } = await start();
      const client = await app.connect();
      const heard = next(client, 'keys');
      await python.raw(
        emitted({ event: 'keys', binary: true, data: [[{ key: 1, other: 2 }]] }).replace(
          '"key"',
          '"__proto__"',
        ),
      );
      const [value] = await heard;
      expect(JSON.stringify(value)).toBe('{"other":2}');
      expect(Object.keys({})).toEqual([]);
    });
  });

  it('O1 is spoken to by an emitter', async () => {
    const { python, app, socketio } = await start();
    const client = await app.connect('/chat');
    const named = { sid: client.id!, namespace: '/chat' };
    const queue = { url: redis.url, protocol: 'flask-socketio' } as const;
    const emitter = createEmitter(queue, { channel: python.channel, namespace: '/chat' });
    const heard = next(client, 'news');
    const gone = next(client, 'disconnect');
    await emitter.joinRoom('red', { sid: client.id! });
    await soon(() => expect(socketio.rooms(named)).toContain('red'));
    await emitter.emit('news', args('one', Buffer.from('hi')), { to: 'red', skipSid: 'somebody' });
    expect(await heard).toEqual(['one', Buffer.from('hi')]);
    await emitter.closeRoom('red');
    await soon(() => expect(socketio.rooms(named)).not.toContain('red'));
    await emitter.disconnect({ sid: client.id! });
    await gone;
    await emitter.close();
    const methods = python.heard.entries.map(({ method }) => method);
    expect(methods).toEqual(['enter_room', 'emit', 'close_room', 'disconnect']);
  });

  it('P4 refuses to start with queueSecret, which Python does not know', async () => {
    const options = { ...setUp(newChannel()), queueSecret: 'a secret of 16 characters' };
    const { code, message } = await bootError({ options });
    expect(code).toBe('FSK_INVALID_OPTION');
    expect(message).toContain('queueSecret');
  });

  it('P4 refuses to start with a broker that Flask-SocketIO does not share', async () => {
    const options = {
      ...setUp(newChannel()),
      messageQueue: { url: 'nats://localhost', protocol: 'flask-socketio' as const },
    };
    const { code, message } = await bootError({ options });
    expect(code).toBe('FSK_UNKNOWN_QUEUE');
    expect(message).toContain('redis://');
  });

  it('P4 uses the channel that Flask-SocketIO uses by default', async () => {
    const python = await PythonQueue.onRedis(redis.url, 'flask-socketio');
    const app = await startApp({ options: setUp(), providers: [FleetGateway] });
    await soon(() => expect(app.log.of('log').join()).toContain('is connected'));
    const client = await app.connect();
    const heard = next(client, 'news');
    await python.emit('news', [1]);
    expect(await heard).toEqual([1]);
  });
});

describe.skipIf(!have('rabbitmq-server'))('a fleet with Flask-SocketIO processes, through RabbitMQ', () => {
  let rabbit: Broker;
  beforeAll(async () => (rabbit = await rabbitBroker()).start());
  afterAll(() => rabbit?.stop());

  async function startNest(channel: string): Promise<RunningApp> {
    const messageQueue = { url: rabbit.url, protocol: 'flask-socketio' } as const;
    const options = { messageQueue, channel, namespaces: '*' } as const;
    const app = await startApp({ options, providers: [FleetGateway] });
    await soon(() => expect(app.log.of('log').join()).toContain('is connected'));
    return app;
  }

  it('P4 E5 speaks on the fanout exchange of the channel, in text', async () => {
    const python = await PythonQueue.onRabbit(rabbit.url);
    const app = await startNest(python.channel);
    const client = await app.connect();
    const heard = next(client, 'news');
    await python.emit('news', [[{ _placeholder: true, num: 0 }], 'aGk='], { binary: true });
    expect(await heard).toEqual([Buffer.from('hi')]);
    app.get(SocketIO).emit('news', args('one', 2), { to: 'red' });
    expect(await python.next('emit')).toMatchObject({ event: 'news', data: ['one', 2], room: 'red' });
    expect(python.marks.at(-1)).toEqual({ contentType: 'text/plain', contentEncoding: 'utf-8' });
  });

  it('E7 M6 asks clients of Python, and of our own processes', async () => {
    const python = await PythonQueue.onRabbit(rabbit.url);
    const [first, second] = await Promise.all([startNest(python.channel), startNest(python.channel)]);
    const socketio = first.get(SocketIO);
    const client = await second.connect();
    client.on('question', (value: number, answer: (...values: unknown[]) => void) => answer(value, 'two'));
    expect(await socketio.call('question', 1, { to: client.id! })).toEqual([1, 'two']);
    expect(await socketio.members(client.id!)).toEqual([{ sid: client.id, rooms: [client.id] }]);
    const answer = socketio.call('question', 1, { to: 'somewhere' });
    const { host_id, callback } = await python.next('emit');
    const [sid, namespace, id] = callback as unknown[];
    await python.say({ method: 'callback', host_id, sid, namespace, id, args: [2] });
    expect(await answer).toBe(2);
  });

  it('P4 reaches nobody with pickle or what is no text', async () => {
    const python = await PythonQueue.onRabbit(rabbit.url);
    const app = await startNest(python.channel);
    const client = await app.connect();
    const heard = inbox(client);
    await python.raw(Buffer.from('80049529000000000000007d94', 'hex'));
    await python.raw(Buffer.from([0xff, 0xfe]));
    const end = next(client, 'end');
    await python.emit('end', [1]);
    await end;
    expect(heard).toEqual([['end', 1]]);
    expect(app.log.of('warn')).toEqual([expect.stringContaining('pickle')]);
  });
});
