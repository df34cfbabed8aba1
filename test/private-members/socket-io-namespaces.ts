import { Namespace, Server, type Socket } from 'socket.io';
import { expect } from 'vitest';
import { heard, until } from './bench.js';
import { call, callsOf, inside, replace, type PrivateMember } from './private-member.js';

type Done = (error?: Error) => void;

/** The parts of socket.io's servers and namespaces. */
export const namespaces: PrivateMember[] = [
  {
    member: 'Server._nsps',
    kind: 'property',
    serves: 'finds namespaces without making them, and sees each that is made, whoever makes it',
    instead:
      '`of()` makes what it does not find; listeners of `new_namespace` end with `removeAllListeners()`',
    check({ io }) {
      const made: unknown[] = [];
      const map = inside<Map<string, Namespace>>(io, '_nsps');
      map.set = function set(name, namespace) {
        made.push(name);
        return Map.prototype.set.call(this, name, namespace) as typeof map;
      };
      const namespace = io.of('/made');
      expect(made).toEqual(['/made']);
      expect(map.get('/made')).toBe(namespace);
    },
  },
  {
    member: 'Server._checkNamespace',
    kind: 'method',
    serves: 'a name that a client asks for is opened with every parent that lets the client in',
    instead: '`of(function)` opens it with the first parent alone',
    async check(bench) {
      const asked: unknown[] = [];
      const answer = (_: unknown, name: string, __: unknown, done: (found: false) => void) => {
        asked.push(name);
        done(false);
      };
      replace(bench.io, '_checkNamespace', answer);
      const client = await bench.client('/asked');
      const [error] = await heard(client, 'connect_error');
      expect(asked).toEqual(['/asked']);
      expect(error).toMatchObject({ message: 'Invalid namespace' });
    },
  },
  {
    member: 'Server.parentNsps',
    kind: 'property',
    serves: 'asks the parents of a namespace in their order, and finds what they have opened',
    instead: 'there is none: a server does not list its parents',
    check({ io }) {
      const ask = () => {};
      const parent = io.of(ask);
      const [entry] = inside<Map<unknown, unknown>>(io, 'parentNsps');
      expect(entry).toEqual([ask, parent]);
    },
  },
  {
    member: 'Server.parentNamespacesFromRegExp',
    kind: 'property',
    serves: 'finds the parents that a name fits',
    instead: 'there is none: a server does not list its parents',
    check({ io }) {
      const parent = io.of(/^\/room-/);
      const [entry] = inside<Map<RegExp, unknown>>(io, 'parentNamespacesFromRegExp');
      expect(entry).toEqual([/^\/room-/, parent]);
    },
  },
  {
    member: 'Server._parser',
    kind: 'property',
    serves:
      'reads packets as the clients of the server do: the test client, and what goes to other processes',
    instead: 'the option `parser` is not to be read again',
    check() {
      const parser = { Encoder: class {}, Decoder: class {} };
      expect(inside(new Server({ parser }), '_parser')).toBe(parser);
      expect(inside(inside<object>(new Server(), '_parser'), 'Decoder')).toBeTypeOf('function');
    },
  },
  {
    member: 'Server.encoder',
    kind: 'property',
    serves: 'encodes a packet once, as it is now: while its client waits, or for other processes',
    instead: '`emit()` encodes when it sends',
    check({ io }) {
      const encoder = inside<object>(io, 'encoder');
      expect(call(encoder, 'encode', { type: 2, nsp: '/', data: ['news', 1] })).toEqual(['2["news",1]']);
    },
  },
  {
    member: 'Server.opts',
    also: [
      'Server.opts.connectionStateRecovery',
      'Server.opts.connectionStateRecovery.maxDisconnectionDuration',
    ],
    kind: 'property',
    serves: 'tells whether clients get what they missed, and for how long it is kept',
    instead: 'options are not to be read again',
    check() {
      const { opts } = new Server({ connectionStateRecovery: {} }) as unknown as { opts: object };
      expect(opts).toMatchObject({ connectionStateRecovery: { maxDisconnectionDuration: 120_000 } });
    },
  },
  {
    member: 'Namespace.server',
    kind: 'property',
    serves: 'leads from a namespace, which is what an adapter is given, to its server',
    instead: 'there is none',
    check: ({ io, main }) => expect(inside(main, 'server')).toBe(io),
  },
  {
    member: 'Namespace._fns',
    kind: 'property',
    serves:
      'runs the middlewares of a namespace so that one which throws refuses one client; a child gets later ones',
    instead: '`use()` adds, and nothing lists',
    check({ main }) {
      const middleware = (_: Socket, next: Done) => next();
      main.use(middleware);
      expect(inside(main, '_fns')).toEqual([middleware]);
    },
  },
  {
    member: 'Namespace.run',
    kind: 'method',
    serves: 'a connect handler runs after all middlewares, whenever they were added',
    instead:
      '`use()` runs in the order of adding: a middleware that is added later comes after the connect handler',
    async check(bench) {
      replace(bench.main, 'run', (_, socket: Socket, done: Done) =>
        done(new Error(`no ${typeof socket.id}`)),
      );
      const client = await bench.client();
      expect((await heard(client, 'connect_error'))[0]).toMatchObject({ message: 'no string' });
    },
  },
  {
    member: 'Namespace._add',
    kind: 'method',
    serves: 'the first to hear that a client asks for a namespace: from then on its packets are ours',
    instead: 'middlewares come later, and are skipped for clients that are recovered',
    async check(bench) {
      const asked: unknown[] = [];
      replace(bench.main, '_add', (usual, ...values: [object, object, () => void]) => {
        asked.push(inside<Map<string, unknown>>(values[0], 'nsps').size, values[1], typeof values[2]);
        const added = usual(...values);
        expect(added).toBeInstanceOf(Promise);
        return added;
      });
      const { socket } = await bench.pair('/', { auth: { token: 'a' } });
      expect(asked).toEqual([0, { token: 'a' }, 'function']);
      expect(inside<Map<string, Socket>>(socket.client, 'nsps').get('/')).toBe(socket);
    },
  },
  {
    member: 'Namespace._preConnectSockets',
    kind: 'property',
    serves: 'broadcasts reach clients that are connecting, and a namespace is empty when nobody is',
    instead: '`sockets` has those that are connected',
    async check(bench) {
      const { main } = bench;
      const waiting = inside<Map<string, Socket>>(main, '_preConnectSockets');
      const found: unknown[] = [];
      main.use((socket, next) => {
        found.push(waiting.get(socket.id) === socket, main.sockets.size);
        next();
      });
      await bench.pair();
      expect(found).toEqual([true, 0]);
      expect(waiting.size).toBe(0);
    },
  },
  {
    member: 'Namespace._ids',
    kind: 'property',
    serves:
      'numbers the packets that ask for acknowledgements, and finds those that a broadcast no longer waits for',
    instead: '`emit()` with a callback cannot take an answer of 120,000 values, nor be forgotten',
    async check(bench) {
      const { socket } = await bench.pair();
      const id = inside<number>(bench.main, '_ids');
      const seen: unknown[] = [];
      replace(bench.main.adapter, 'apply', (usual, ...values: unknown[]) => {
        seen.push(inside<number>(bench.main, '_ids') - 1);
        usual(...values);
        seen.push(inside<Map<number, unknown>>(socket, 'acks').has(id));
      });
      bench.main.timeout(50).emit('news', () => {});
      expect(seen).toEqual([id, true]);
    },
  },
  {
    member: 'Namespace._createSocket',
    kind: 'method',
    serves: 'asks whether a client may have what is kept for the private id that it names',
    instead: 'the adapter is asked without the client: it cannot tell who asks',
    async check(bench) {
      const calls = callsOf<[Socket['client'], object]>(bench.main, '_createSocket');
      const { socket } = await bench.pair('/', { auth: { pid: 'x', offset: 'y' } });
      expect(calls).toEqual([[socket.client, { pid: 'x', offset: 'y' }]]);
    },
  },
  {
    member: 'Namespace._doConnect',
    kind: 'method',
    serves: 'a client is known as connected when it has been told, and before listeners hear of it',
    instead: 'listeners of `connection` end with `removeAllListeners()`, and others may come first',
    async check(bench) {
      const order: unknown[] = [];
      bench.main.on('connection', () => order.push('listener'));
      replace(bench.main, '_doConnect', (usual, socket: Socket, done: (socket: Socket) => void) => {
        order.push(socket.connected);
        usual(socket, (connected: Socket) => {
          done(connected);
          order.push(connected === socket && socket.connected);
        });
      });
      await bench.pair();
      expect(order).toEqual([false, true, 'listener']);
    },
  },
  {
    member: 'Namespace._remove',
    kind: 'method',
    serves: 'a namespace that was opened for a client goes with its last one',
    instead: '`cleanupEmptyChildNamespaces` closes those that wait for clients which may come back',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const left: unknown[] = [];
      const prototype = Namespace.prototype as unknown as { _remove(socket: Socket): void };
      replace(bench.main, '_remove', (_, gone: Socket) => {
        prototype._remove.call(bench.main, gone);
        left.push(gone, bench.main.sockets.size);
      });
      client.disconnect();
      await until(() => left.length > 0);
      expect(left).toEqual([socket, 0]);
    },
  },
  {
    member: 'Namespace._onServerSideEmit',
    kind: 'method',
    serves: 'takes what processes tell each other, and hands on what python-socketio tells',
    instead: 'listeners end with `removeAllListeners()`; for an adapter there is none',
    check({ main }) {
      const told: unknown[] = [];
      main.on('told' as 'connection', (value: unknown) => told.push(value));
      call(main, '_onServerSideEmit', ['told', 1]);
      expect(told).toEqual([1]);
    },
  },
  {
    member: 'Namespace.children',
    kind: 'property',
    serves: 'tells which namespaces a pattern or a function has opened, and lets several do so',
    instead: 'there is none: a parent does not list what it has opened',
    check({ io }) {
      const parent = io.of(/^\/room-/);
      const child = call(parent, 'createChild', '/room-1');
      expect([...inside<Set<unknown>>(parent, 'children')]).toEqual([child]);
    },
  },
  {
    member: 'Namespace.createChild',
    kind: 'method',
    serves: 'opens a namespace with a parent, its middlewares and listeners',
    instead: 'there is none: socket.io does it when a client asks',
    check({ io }) {
      const parent = io.of(/^\/room-/);
      parent.use((_, next) => next());
      parent.on('connection', () => {});
      const child = call(parent, 'createChild', '/room-1') as Namespace;
      expect([child, child.listenerCount('connection')]).toEqual([io.of('/room-1'), 1]);
      expect(inside(child, '_fns')).toHaveLength(1);
    },
  },
];
