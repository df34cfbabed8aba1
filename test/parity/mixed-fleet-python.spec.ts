import { args, OnConnect, SocketGateway, SocketIO } from 'nestjs-flask-socket';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connected, inbox, next, startApp } from '../support/app.js';
import { rabbitBroker, redisBroker, type Broker } from '../support/brokers.js';
import { noPythonOfToday, PythonProcess } from '../support/python-process.js';
import { newChannel } from '../support/python-queue.js';
import { have } from '../support/system-packages.mjs';

/** Python and brokers take their time on a busy machine. */
const soon = <T>(look: () => T | Promise<T>): Promise<T> => vi.waitFor(look, 10_000);

@SocketGateway('*')
class FleetGateway {
  @OnConnect()
  connect() {}
}

interface Fleet {
  python: PythonProcess;
  socketio: SocketIO;
  ours: Socket;
  theirs: Socket;
}

const PROBE = 'probe';
const BYTES = { $hex: '0001feff' };
const bytes = Buffer.from('0001feff', 'hex');

const brokers = [
  ['Redis', 'redis-server', redisBroker],
  ['RabbitMQ', 'rabbitmq-server', rabbitBroker],
] as const;

describe.each(brokers)('a fleet with a Python process, through %s', (_, program, create) => {
  const isMissing = !have(program);
  let broker: Broker;
  beforeAll(async () => {
    if (isMissing) return;
    broker = await create();
    await broker.start();
  });
  afterAll(() => broker?.stop());

  async function startNest(channel: string) {
    const messageQueue = { url: broker.url, protocol: 'flask-socketio' } as const;
    const options = { messageQueue, channel, namespaces: '*' } as const;
    const app = await startApp({ options, providers: [FleetGateway] });
    await soon(() => expect(app.log.of('log').join()).toContain('is connected'));
    return app;
  }

  it.skipIf(isMissing || !have('python-queue') || !noPythonOfToday)(
    'P4 refuses the pickle of an older python-socketio, in one line',
    async () => {
      const channel = newChannel();
      const app = await startNest(channel);
      const client = await app.connect();
      const heard = inbox(client);
      const python = await PythonProcess.start('emitter', { url: broker.url, channel });
      await python.do('emit', ['news', 'first']);
      await python.do('emit', ['news', 'second']);
      await soon(() => expect(app.log.of('warn')).toEqual([expect.stringContaining('pickle')]));
      app.get(SocketIO).emit('end');
      await next(client, 'end');
      expect(heard).toEqual([['end']]);
    },
  );

  describe.skipIf(isMissing || noPythonOfToday)(
    `of today${noPythonOfToday ? ` (${noPythonOfToday})` : ''}`,
    () => {
      async function start() {
        const channel = newChannel();
        const app = await startNest(channel);
        const python = await PythonProcess.start('server', { url: broker.url, channel });
        const connectTo = async (url: string): Promise<Socket> => {
          const client = io(`${url}/chat`, { forceNew: true, transports: ['polling'] });
          onTestFinished(() => void client.close());
          await connected(client);
          return client;
        };
        const [ours, theirs] = [await connectTo(app.url), await connectTo(python.url)];
        await meet({ python, socketio: app.get(SocketIO), ours, theirs });
        return { python, socketio: app.get(SocketIO), channel, ours, theirs };
      }

      /** Python says nothing when it has subscribed; so one speaks until the other is heard. */
      async function meet({ python, socketio, ours, theirs }: Fleet) {
        const heard = [ours, theirs].map((client) => inbox(client));
        const look = async () => {
          socketio.emit(PROBE, 1, { namespace: '/chat' });
          await python.do('emit', [PROBE, 2], { namespace: '/chat' });
          for (const events of heard)
            expect(new Set(events.map(([, sender]) => sender))).toEqual(new Set([1, 2]));
        };
        await soon(look);
      }

      /** All events of a test. */
      function inboxes(...clients: Socket[]): unknown[][][] {
        return clients.map((client) => {
          const received: unknown[][] = [];
          client.onAny((...event: unknown[]) => event[0] !== PROBE && received.push(event));
          return received;
        });
      }

      const namespace = '/chat';

      it('P4 E5 both deliver what either emits, bytes and several arguments included', async () => {
        const { python, socketio, channel, ours, theirs } = await start();
        const heard = inboxes(ours, theirs);
        const emitter = await PythonProcess.start('emitter', { url: broker.url, channel });
        await python.do('emit', ['server', { $tuple: ['one', [2], BYTES] }], { namespace });
        await emitter.do('emit', ['emitter', { deep: [BYTES] }], { namespace });
        await emitter.do('emit', ['nothing', null], { namespace });
        socketio.emit('ours', args('one', [2], { deep: bytes }), { namespace });
        socketio.emit('list', [1, 2], { namespace });
        socketio.send('text', { namespace });
        socketio.emit('end', undefined, { namespace });
        await soon(() => expect(heard.map((events) => events.length)).toEqual([7, 7]));
        const expected = [
          ['server', 'one', [2], bytes],
          ['emitter', { deep: [bytes] }],
          ['nothing'],
          ['ours', 'one', [2], { deep: bytes }],
          ['list', [1, 2]],
          ['message', 'text'],
          ['end'],
        ];
        for (const events of heard) expect(events).toEqual(expect.arrayContaining(expected));
      });

      it('M1 M4 B4 rooms span both', async () => {
        const { python, socketio, ours, theirs } = await start();
        const heard = inboxes(ours, theirs);
        await socketio.joinRoom('red', { sid: theirs.id!, namespace });
        await python.do('enter_room', [ours.id, 'red'], { namespace });
        await soon(() => expect(socketio.rooms({ sid: ours.id!, namespace })).toContain('red'));
        await soon(async () => expect(await python.do('rooms', [theirs.id], { namespace })).toContain('red'));
        socketio.emit('from us', 1, { to: ['red', 'blue'], skipSid: ours.id!, namespace });
        await python.do('emit', ['from python', 2], {
          room: ['red', 'blue'],
          skip_sid: theirs.id,
          namespace,
        });
        await soon(() => expect(heard).toEqual([[['from python', 2]], [['from us', 1]]]));
        await python.do('leave_room', [ours.id, 'red'], { namespace });
        await soon(() => expect(socketio.rooms({ sid: ours.id!, namespace })).not.toContain('red'));
        socketio.closeRoom('red', { namespace });
        await soon(async () =>
          expect(await python.do('rooms', [theirs.id], { namespace })).toEqual([theirs.id]),
        );
        void socketio.joinRoom('blue', { sid: ours.id!, namespace });
        await python.do('close_room', ['blue'], { namespace });
        await soon(() => expect(socketio.rooms({ sid: ours.id!, namespace })).toEqual([ours.id]));
      });

      it('E6 E7 each calls the clients of the other', async () => {
        const { python, socketio, ours, theirs } = await start();
        for (const client of [ours, theirs])
          client.on('question', (...values: unknown[]) => {
            const answer = values.pop() as (...given: unknown[]) => void;
            answer(...values);
          });
        const to = { namespace, to: theirs.id! };
        expect(await socketio.call('question', args(1, 'two'), to)).toEqual([1, 'two']);
        expect(await socketio.call('question', undefined, to)).toBeUndefined();
        const called = new Promise((resolve) =>
          socketio.emit('question', 'text', { ...to, callback: (...values: unknown[]) => resolve(values) }),
        );
        expect(await called).toEqual(['text']);
        const pythonTo = { namespace, to: ours.id };
        expect(await python.do('call', ['question', { $tuple: [1, 'two'] }], pythonTo)).toEqual([1, 'two']);
        expect(await python.emitForCallback('question', [1], pythonTo)).toEqual([[1]]);
      });

      it('C9 each disconnects the clients of the other', async () => {
        const { python, socketio, ours, theirs } = await start();
        const told = [ours, theirs].map((client) => next(client, 'disconnect'));
        const { id } = theirs;
        await python.do('disconnect', [ours.id], { namespace });
        socketio.disconnect({ sid: id!, namespace });
        for (const [reason] of await Promise.all(told)) expect(reason).toBe('io server disconnect');
        await python.left(id!);
      });
    },
  );
});
