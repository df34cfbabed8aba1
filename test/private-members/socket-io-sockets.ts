import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { expect } from 'vitest';
import { WebSocketServer } from 'ws';
import { heard, until, type Bench } from './bench.js';
import { call, callsOf, inside, replace, type PrivateMember } from './private-member.js';

interface Packet {
  type: number;
  nsp?: string;
  data?: unknown[];
  id?: number;
}

const EVENT = 2;

type ClientClass = new (
  server: Server,
  conn: EventEmitter,
) => { ondata(data: unknown): void; ondecoded(packet: Packet): void };

/** A client of a class that extends that of socket.io's, and what passed it. */
async function ownClient(bench: Bench) {
  const { socket } = await bench.pair();
  const Client = socket.client.constructor as ClientClass;
  const read: unknown[] = [];
  const decoded: Packet[] = [];
  class Own extends Client {
    override ondata(data: unknown) {
      read.push(data);
      super.ondata(data);
    }
    override ondecoded(packet: Packet) {
      decoded.push(packet);
    }
  }
  const conn = new EventEmitter();
  const client = new Own(bench.io, conn);
  bench.closing(() => conn.emit('close'));
  return { client, conn, read, decoded };
}

/** The parts of socket.io's sockets, and of the connection that they share. */
export const sockets: PrivateMember[] = [
  {
    member: 'Client.nsps',
    kind: 'property',
    serves: 'finds the sockets of a connection in other namespaces',
    instead: '`fetchSockets()` of each namespace, held against the connection: slow, and for each packet',
    async check(bench) {
      const { socket } = await bench.pair('/chat');
      expect([...inside<Map<string, Socket>>(socket.client, 'nsps')]).toEqual([['/chat', socket]]);
    },
  },
  {
    member: 'Client.sockets',
    kind: 'property',
    usedBy: ['lib/socketio/client-internals.ts'],
    serves: 'counts the namespaces of a client, several sockets in one of them included',
    instead: 'a count of connects and disconnects of our own',
    async check(bench) {
      const { socket } = await bench.pair('/chat');
      expect([...inside<Map<string, Socket>>(socket.client, 'sockets').values()]).toEqual([socket]);
    },
  },
  {
    member: 'Server.onconnection',
    kind: 'method',
    serves: 'makes each client of a class of ours, so that nothing that it sends is missed',
    instead:
      'the `connection` event of the engine brings no client; that of a namespace is for those connected',
    async check(bench) {
      const io = new Server({ wsEngine: WebSocketServer });
      const made = callsOf<[{ id: string }]>(io, 'onconnection');
      const http = createServer();
      io.attach(http);
      bench.closing(() => io.close());
      await once(http.listen(0, '127.0.0.1'), 'listening');
      const { port } = http.address() as AddressInfo;
      const opened = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`);
      const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
      expect(made.map(([{ id }]) => id)).toEqual([sid]);
    },
  },
  {
    member: 'Client.ondata',
    kind: 'method',
    usedBy: ['lib/socketio/client-internals.ts'],
    serves: 'sees what has been read for a packet, and when, before it is decoded',
    instead: 'a parser of its own would measure as well, and take the place of that of the application',
    async check(bench) {
      const { conn, read, decoded } = await ownClient(bench);
      conn.emit('data', '2["news",1]');
      expect([read.length, decoded.length]).toEqual([1, 1]);
    },
  },
  {
    member: 'Client.ondecoded',
    kind: 'method',
    usedBy: ['lib/socketio/client-internals.ts'],
    serves: 'packets are checked, kept while a namespace decides, and handled without a tick of their own',
    instead: 'middlewares of a socket see events alone, of clients that are connected, a tick later',
    async check(bench) {
      const { conn, decoded } = await ownClient(bench);
      conn.emit('data', '2["news",1]');
      expect(decoded).toMatchObject([{ type: EVENT, nsp: '/', data: ['news', 1] }]);
      conn.emit('close');
      conn.emit('data', '2["news",2]');
      expect(decoded.length).toBe(1);
    },
  },
  {
    member: 'Client.connect',
    kind: 'method',
    usedBy: ['lib/socketio/client-internals.ts'],
    serves:
      'each request for a namespace, before the application is asked: its `auth` is measured, and the namespaces of the client are counted',
    instead: 'there is none',
    async check(bench) {
      const { socket } = await bench.pair();
      const arrived = once(bench.io.of('/other'), 'connection') as Promise<[Socket]>;
      call(socket.client, 'connect', '/other');
      const [other] = await arrived;
      expect(other.client).toBe(socket.client);
    },
  },
  {
    member: 'Client._packet',
    kind: 'method',
    usedBy: ['lib/socketio/client-internals.ts'],
    serves: 'refuses a client before it has a socket',
    instead: 'a middleware could, when the socket has been made of what is refused',
    async check(bench) {
      const { client, socket } = await bench.pair();
      call(socket.client, '_packet', { type: EVENT, nsp: '/', data: ['news', 1] });
      expect(await heard(client, 'news')).toEqual([1]);
    },
  },
  {
    member: 'Client.writeToEngine',
    kind: 'method',
    serves:
      'what adapters write to a client that is connecting waits until it has been told that it is connected',
    instead: 'there is none: adapters call it, past the socket',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const written = callsOf(socket.client, 'writeToEngine');
      bench.main.emit('news', 1);
      expect(written).toMatchObject([[['2["news",1]'], { preEncoded: true }]]);
      await heard(client, 'news');
      call(socket.client, 'writeToEngine', ['2["more",2]'], {});
      expect(await heard(client, 'more')).toEqual([2]);
    },
  },
  {
    member: 'Socket.packet',
    kind: 'method',
    serves:
      'what is sent to a client that is connecting is held; packets are sent whose values are counted nowhere',
    instead: '`emit()` spreads its values as arguments, and sends at once',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const sent = callsOf<[Packet, unknown]>(socket, 'packet');
      socket.emit('news', 1);
      expect(sent[0]![0]).toMatchObject({ type: EVENT, data: ['news', 1] });
      await heard(client, 'news');
      call(socket, 'packet', { type: EVENT, data: ['more', 2] });
      expect(await heard(client, 'more')).toEqual([2]);
    },
  },
  {
    member: 'Socket.acks',
    kind: 'property',
    serves:
      'an acknowledgement of any length is taken, and forgotten when nobody waits any more or too many are awaited',
    instead: "`emit()` with a callback gets a client's values as arguments, which overflow the stack",
    async check(bench) {
      const { client, socket } = await bench.pair();
      const answers: unknown[][] = [];
      const acks = new Map<number, (...values: unknown[]) => void>();
      Object.assign(socket, { acks }); // by one with a limit
      acks.set(7, (...values) => answers.push(values));
      client.on('ask', (answer: (...values: unknown[]) => void) => answer('yes', 1));
      call(socket, 'packet', { type: EVENT, data: ['ask'], id: 7 });
      await until(() => answers.length > 0);
      expect(answers).toEqual([['yes', 1]]);
      expect(acks.size).toBe(0);
    },
  },
  {
    member: 'Socket._onpacket',
    kind: 'method',
    serves: 'a packet that came alone is handled in the turn in which it was read',
    instead: 'socket.io gives each packet a tick of its own',
    async check(bench) {
      const { socket } = await bench.pair();
      const dispatched = callsOf(socket, 'dispatch');
      call(socket, '_onpacket', { type: EVENT, nsp: '/', data: ['news', 1] });
      expect(dispatched).toEqual([[['news', 1]]]);
    },
  },
  {
    member: 'Socket.onevent',
    kind: 'method',
    serves: 'a listener of `onAny()` that throws ends nothing',
    instead: 'socket.io lets it end the process',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const events = callsOf<[Packet]>(socket, 'onevent');
      client.emit('news', 1);
      await until(() => events.length > 0);
      expect(events).toMatchObject([[{ type: EVENT, data: ['news', 1] }]]);
    },
  },
  {
    member: 'Socket.ack',
    kind: 'method',
    serves: 'makes what answers an event: part of `onevent`',
    instead: 'socket.io appends it to the values in its own `onevent`',
    async check(bench) {
      const { client, socket } = await bench.pair();
      replace(socket, 'onevent', (_, { id }: Packet) =>
        (call(socket, 'ack', id) as (value: string) => void)('yes'),
      );
      expect(await client.timeout(5_000).emitWithAck('ask')).toBe('yes');
    },
  },
  {
    member: 'Socket.dispatch',
    kind: 'method',
    serves:
      'each event reaches its handler after the middlewares of the socket, whatever listeners are there',
    instead: '`onAny()` comes before the middlewares, and ends with `offAny()`; `on()` has to know all names',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const heardBy: unknown[] = [];
      socket.on('news', (value) => heardBy.push('listener', value));
      replace(socket, 'dispatch', (_, event: unknown[]) => heardBy.push('dispatch', ...event));
      client.emit('news', 1);
      await until(() => heardBy.length > 0);
      expect(heardBy).toEqual(['dispatch', 'news', 1]);
    },
  },
  {
    member: 'Socket.fns',
    kind: 'property',
    serves: 'runs the middlewares of a socket so that one which throws ends nothing',
    instead: '`use()` adds, and nothing lists',
    async check(bench) {
      const { socket } = await bench.pair();
      const middleware = (_: unknown, next: () => void) => next();
      socket.use(middleware);
      expect(inside(socket, 'fns')).toEqual([middleware]);
    },
  },
  {
    member: 'StrictEventEmitter.emitReserved',
    kind: 'method',
    serves: 'a listener of `connection`, `disconnecting`, `disconnect` or `error` that throws ends nothing',
    instead: 'socket.io lets it end the process',
    async check(bench) {
      const ofNamespace = callsOf(bench.main, 'emitReserved');
      const { client, socket } = await bench.pair();
      expect(ofNamespace.map(([name]) => name)).toEqual(['connect', 'connection']);
      const ofSocket = callsOf(socket, 'emitReserved');
      client.disconnect();
      await until(() => ofSocket.length === 2);
      expect(ofSocket.map(([name]) => name)).toEqual(['disconnecting', 'disconnect']);
      call(socket, '_onerror', new Error('broken'));
      expect(ofSocket.at(-1)).toMatchObject(['error', { message: 'broken' }]);
    },
  },
  {
    member: 'Socket._onclose',
    kind: 'method',
    serves: 'however a socket ends, its disconnect handler runs, with the reason, before it leaves its rooms',
    instead: 'listeners of `disconnecting` end with `removeAllListeners()`; `disconnect()` takes no reason',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const closed = callsOf(socket, '_onclose');
      client.disconnect();
      await until(() => closed.length > 0);
      expect(closed[0]![0]).toBe('client namespace disconnect');
      expect([socket.connected, bench.main.sockets.size]).toEqual([false, 0]);
    },
  },
  {
    member: 'Socket._cleanup',
    kind: 'method',
    serves: 'drops a socket that was never connected',
    instead: '`disconnect()` tells the client, and runs what a connected one has',
    async check(bench) {
      const { socket } = await bench.pair();
      await socket.join('room');
      call(socket, '_cleanup');
      expect([socket.rooms.size, bench.main.sockets.size]).toEqual([0, 0]);
    },
  },
  {
    member: 'Socket._onerror',
    kind: 'method',
    serves: 'reports an error where socket.io does, on the `error` event of the socket',
    instead: '`emit("error")` is refused: the name is reserved',
    async check(bench) {
      const { socket } = await bench.pair();
      const errors: unknown[] = [];
      socket.on('error', (error) => errors.push(error));
      const error = new Error('broken');
      call(socket, '_onerror', error);
      expect(errors).toEqual([error]);
    },
  },
  {
    member: 'Socket.pid',
    kind: 'property',
    serves: 'the private id under which is kept what a client may come back to',
    instead: 'the adapter is told it when the client has gone; a crash keeps nothing then',
    async check(bench) {
      const recovering = bench.another({ connectionStateRecovery: {} });
      const { client, socket } = await recovering.pair();
      const kept = callsOf<[{ pid: string }]>(recovering.main.adapter, 'persistSession');
      const pid = inside<string>(socket, 'pid');
      client.io.engine.close();
      await until(() => kept.length > 0);
      expect(kept[0]![0]).toMatchObject({ pid, sid: socket.id });
    },
  },
  {
    member: 'Socket.id',
    kind: 'behaviour',
    serves: 'a sid that every process can tell from other names, given before anybody has seen another',
    instead: '`generateId` of the engine names connections, not sockets',
    usedBy: ['lib/socketio/adapter-internals.ts'],
    async check(bench) {
      const waiting = inside<Map<string, Socket>>(bench.main, '_preConnectSockets');
      bench.main.use((socket, next) => {
        waiting.delete(socket.id);
        Reflect.set(socket, 'id', `ours-${socket.id}`);
        waiting.set(socket.id, socket);
        next();
      });
      const { client, socket } = await bench.pair();
      expect(client.id).toMatch(/^ours-/);
      expect([...bench.main.sockets]).toEqual([[client.id, socket]]);
      expect([...socket.rooms]).toEqual([client.id]);
    },
  },
];
