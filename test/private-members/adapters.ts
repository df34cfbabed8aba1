import { once } from 'node:events';
import type { Namespace, Socket } from 'socket.io';
import { ClusterAdapter, MessageType, type ClusterMessage, type ClusterResponse } from 'socket.io-adapter';
import { expect } from 'vitest';
import { heard, until, type Bench } from './bench.js';
import { call, callsOf, inside, replace, type PrivateMember } from './private-member.js';

/** A cluster adapter that keeps what it would publish. */
class Keeping extends ClusterAdapter {
  readonly published: unknown[] = [];
  readonly answered: unknown[] = [];

  // oxlint-disable-next-line no-useless-constructor -- that of socket.io is protected in its type
  constructor(namespace: Namespace) {
    super(namespace);
  }

  protected doPublish(message: ClusterMessage): Promise<string> {
    this.published.push(message);
    return Promise.resolve('7');
  }

  protected doPublishResponse(requester: string, response: ClusterResponse): Promise<void> {
    this.answered.push([requester, response]);
    return Promise.resolve();
  }
}

/** Makes one serve the clients of a server, from before they come. */
function keeping({ main }: Bench): Keeping {
  const adapter = new Keeping(main);
  main.adapter = adapter;
  return adapter;
}

/** The parts of socket.io-adapter. */
export const adapters: PrivateMember[] = [
  {
    member: 'Adapter.apply',
    kind: 'method',
    serves:
      'all that an adapter, whichever it is, does to clients of its process reaches those that are connecting, too',
    instead: 'an adapter of our own: those of Redis and others could not be used',
    async check(bench) {
      const { socket } = await bench.pair();
      const { adapter } = bench.main;
      const seen: unknown[][] = [];
      replace(adapter, 'apply', (usual, options: unknown, callback: (socket: Socket) => void) =>
        usual(options, (one: Socket) => {
          seen.push([one === socket]);
          callback(one);
        }),
      );
      bench.main.emit('news');
      bench.main.socketsJoin('room');
      bench.main.socketsLeave('room');
      await bench.main.fetchSockets();
      bench.main.disconnectSockets();
      expect(seen).toEqual([[true], [true], [true], [true], [true]]);
    },
  },
  {
    member: 'Adapter.addAll',
    kind: 'behaviour',
    serves: "no room is named as another client's sid, and nobody is in too many rooms, whoever joins",
    instead: 'it is public; that every join passes what is put in its place is not',
    usedBy: ['lib/socketio/room-joins.ts'],
    async check(bench) {
      const { adapter } = bench.main;
      const joins = callsOf<[string, Set<string>]>(adapter, 'addAll');
      const { socket } = await bench.pair();
      await socket.join('a');
      bench.main.socketsJoin('b');
      expect(joins.map(([, rooms]) => [...rooms])).toEqual([[socket.id], ['a'], ['b']]);
    },
  },
  {
    member: 'Adapter.close',
    kind: 'behaviour',
    serves: 'ends what is kept for a namespace when it goes',
    instead: 'it is public; that the server calls what is put in its place is not',
    async check(bench) {
      const other = bench.another({});
      const closed = callsOf(other.main.adapter, 'close');
      await other.io.close();
      expect(closed).toHaveLength(1);
    },
  },
  {
    member: 'Adapter.restoreSession',
    kind: 'behaviour',
    serves: 'what comes back to a client waits until it has been accepted, and is given once',
    instead: 'they are public; that sockets are made with what they answer, and when they are told, is not',
    usedBy: ['lib/connection/recovery/recovering-adapter.ts', 'lib/socketio/memory-adapter.ts'],
    async check(bench) {
      const other = bench.another({ connectionStateRecovery: {} });
      const { adapter } = other.main;
      const missedPackets = [['news', 1]];
      const session = { sid: 'sid', pid: 'pid', rooms: ['sid', 'room'], data: { a: 1 }, missedPackets };
      replace(adapter, 'restoreSession', () => Promise.resolve(session));
      const kept = callsOf(adapter, 'persistSession');
      const connecting = once(other.main, 'connection') as Promise<[Socket]>;
      const client = await other.client('/', { auth: { pid: 'pid', offset: 'offset' } });
      const [missed, [socket]] = await Promise.all([heard(client, 'news'), connecting]);
      expect(missed).toEqual([1]);
      expect([socket.recovered, socket.id, [...socket.rooms]]).toEqual([true, 'sid', ['sid', 'room']]);
      client.io.engine.close();
      await until(() => kept.length > 0);
      expect(kept).toMatchObject([[{ sid: 'sid', pid: 'pid', rooms: ['sid', 'room'], data: { a: 1 } }]]);
    },
  },
  {
    member: 'ClusterAdapter.uid',
    kind: 'property',
    serves: 'tells the messages of this process from those of others, and names its channel',
    instead: 'there is none',
    check: (bench) => expect(inside(keeping(bench), 'uid')).toMatch(/^[\da-f]{16}$/),
  },
  {
    member: 'ClusterAdapter.publish',
    kind: 'method',
    serves: 'tells other processes what has been done to the clients of this one already',
    instead: '`broadcast()` waits for the broker before it serves its own clients',
    async check(bench) {
      const adapter = keeping(bench);
      call(adapter, 'publish', { type: MessageType.SOCKETS_JOIN, data: { rooms: ['a'] } });
      await until(() => adapter.published.length > 0);
      const uid = inside(adapter, 'uid');
      expect(adapter.published).toEqual([
        { uid, nsp: '/', type: MessageType.SOCKETS_JOIN, data: { rooms: ['a'] } },
      ]);
    },
  },
  {
    member: 'ClusterAdapter.doPublish',
    kind: 'method',
    serves: 'what leaves is what clients would get, in a form that the codec takes',
    instead: 'there is none: the adapter encodes what it is given',
    async check(bench) {
      const adapter = keeping(bench);
      const published = callsOf<[{ type: number }]>(adapter, 'doPublish');
      void adapter.serverSideEmit(['told', 1]);
      await until(() => published.length > 0);
      expect(published).toMatchObject([
        [{ type: MessageType.SERVER_SIDE_EMIT, data: { packet: ['told', 1] } }],
      ]);
    },
  },
  {
    member: 'ClusterAdapter.onMessage',
    kind: 'method',
    serves: 'what arrives is checked before the adapter takes it',
    instead: 'there is none: a malformed message ends the process',
    async check(bench) {
      const adapter = keeping(bench);
      const { socket } = await bench.pair();
      const data = { opts: { rooms: [], except: [], flags: {} }, rooms: ['a'] };
      call(adapter, 'onMessage', { uid: 'other', nsp: '/', type: MessageType.SOCKETS_JOIN, data });
      expect([...socket.rooms]).toEqual([socket.id, 'a']);
    },
  },
  {
    member: 'ClusterAdapter.doPublishResponse',
    kind: 'method',
    serves: 'other processes get an answer, also where it cannot be encoded',
    instead: "there is none: socket.io's throws in a promise that nobody listens to",
    async check(bench) {
      const adapter = keeping(bench);
      await bench.pair();
      const answers = callsOf(adapter, 'doPublishResponse');
      const data = { opts: { rooms: [], except: [], flags: {} }, requestId: 'r' };
      call(adapter, 'onMessage', { uid: 'other', nsp: '/', type: MessageType.FETCH_SOCKETS, data });
      await until(() => answers.length > 0);
      expect(answers).toMatchObject([['other', { data: { requestId: 'r', sockets: [{ data: {} }] } }]]);
    },
  },
];
