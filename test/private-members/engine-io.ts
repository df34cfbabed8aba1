import { type EventEmitter, once } from 'node:events';
import { request as httpRequest, ServerResponse } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import type { Socket } from 'socket.io';
import { expect } from 'vitest';
import { until, type Bench } from './bench.js';
import { call, callsOf, inside, replace, type PrivateMember } from './private-member.js';

interface Connection extends EventTarget {
  transport: object;
}

/** The connection of a client over polling, whose requests are the check's own. */
async function polling(bench: Bench) {
  const url = `${await bench.url()}/socket.io/?EIO=4&transport=polling`;
  const opened = (await (await fetch(url)).text()).slice(1);
  const { sid } = JSON.parse(opened) as { sid: string };
  const connection = inside<Record<string, Connection>>(bench.io.engine as object, 'clients')[sid]!;
  const ended: unknown[][] = [];
  Reflect.apply(Reflect.get(connection, 'on') as () => void, connection, [
    'close',
    (...values: unknown[]) => ended.push(values),
  ]);
  return { url: `${url}&sid=${sid}`, sid, connection, transport: connection.transport, ended };
}

/** A request with data of which the rest does not come. */
function unfinished(url: string): void {
  const request = httpRequest(url, { method: 'POST', headers: { 'content-length': 10 } });
  request.on('error', () => {});
  request.write('4');
}

const engineOf = ({ conn }: Socket) => conn as unknown as object;

/** The parts of engine.io's server, connections and transports. */
export const engine: PrivateMember[] = [
  {
    member: 'BaseServer.clients',
    kind: 'property',
    serves:
      'finds connections that are in no namespace, when the server closes and when a message is too large',
    instead: 'the `connection` event, with a list of our own: it ends with `removeAllListeners()`',
    async check(bench) {
      const { socket } = await bench.pair();
      const clients = inside<Record<string, unknown>>(bench.io.engine as object, 'clients');
      expect(Object.entries(clients)).toEqual([[inside(engineOf(socket), 'id'), socket.conn]]);
    },
  },
  {
    member: 'Server.handleRequest',
    kind: 'behaviour',
    serves: 'sees the answer to a request whose message is too large, and requests that are answered unread',
    instead: 'it is public; that engine.io itself calls what is put in its place is not',
    async check(bench) {
      const url = `${await bench.url()}/socket.io/?EIO=4&transport=polling`;
      const requests = callsOf<[{ method: string }]>(bench.io.engine as object, 'handleRequest');
      await fetch(url);
      expect(requests.map(([{ method }]) => method)).toEqual(['GET']);
    },
  },
  {
    member: 'Server.handleUpgrade',
    kind: 'behaviour',
    serves:
      'a client whose address has too many connections is answered before anybody else is asked about it',
    instead:
      '`allowRequest` comes after middlewares of the engine, such as sessions, and has no other answer than 400',
    async check(bench) {
      const upgrades = callsOf<[{ method: string }]>(bench.io.engine as object, 'handleUpgrade');
      await bench.pair();
      expect(upgrades.map(([{ method }]) => method)).toEqual(['GET']);
    },
  },
  {
    member: 'Server.prepare',
    kind: 'method',
    serves: 'tells a request for a new connection from one of a connection that exists',
    instead: 'reading the URL of each request twice',
    async check(bench) {
      await bench.url();
      const request: { url: string; _query?: object } = { url: '/socket.io/?EIO=4&sid=a' };
      call(bench.io.engine as object, 'prepare', request);
      const { _query: query } = request;
      call(bench.io.engine as object, 'prepare', request);
      expect([query, request._query === query]).toEqual([{ EIO: '4', sid: 'a' }, true]);
    },
  },
  {
    member: 'IncomingMessage._query',
    also: ['IncomingMessage._query.sid', 'IncomingMessage._query.j'],
    kind: 'property',
    serves: 'which client a request is of, and whether it is one of JSONP (`j`)',
    instead: 'reading its URL once more',
    async check(bench) {
      const { url, sid } = await polling(bench);
      const seen: unknown[] = [];
      replace(bench.io.engine as object, 'handleRequest', (usual, request: object, response: object) => {
        usual(request, response);
        seen.push(inside(request, '_query'));
      });
      await fetch(`${url}&j=0`, { method: 'POST', body: '3' });
      expect(seen).toMatchObject([{ sid, transport: 'polling', j: '0' }]);
    },
  },
  {
    member: 'Socket.writeBuffer',
    kind: 'property',
    serves: 'a connection is ended when what waits for it has been sent',
    instead: '`close()` waits as well, and says goodbye with a packet that is final for some clients',
    async check(bench) {
      const { connection } = await polling(bench);
      call(connection, 'send', 'news');
      expect(inside(connection, 'writeBuffer')).toMatchObject([{ type: 'message', data: 'news' }]);
    },
  },
  {
    member: 'Socket.onClose',
    kind: 'method',
    serves: 'a slow reader is disconnected for a reason that says so',
    instead: '`close()` has one reason for all, and waits for what the client does not read',
    async check(bench) {
      const { socket } = await bench.pair();
      const reasons: unknown[] = [];
      socket.on('disconnect', (...values) => reasons.push(...values));
      const why = new Error('why');
      call(engineOf(socket), 'onClose', 'slow reader', why);
      expect(reasons).toEqual(['slow reader', why]);
      expect(inside(bench.io.engine as object, 'clients')).toEqual({});
    },
  },
  {
    member: 'Socket.packetCreate',
    also: ['PacketOptions.wsPreEncodedFrame'],
    kind: 'behaviour',
    serves:
      'counts the bytes of what is sent before it is queued; a broadcast has one frame for all its clients',
    instead: 'the event is documented; what a packet has is not',
    usedBy: ['lib/socketio/pending-bytes.ts'],
    async check(bench) {
      const { socket } = await bench.pair();
      const created: object[] = [];
      socket.conn.on('packetCreate', (packet: object) => {
        created.push({ ...packet, queued: inside<unknown[]>(engineOf(socket), 'writeBuffer').length });
      });
      socket.emit('one');
      bench.main.emit('all');
      expect(created).toMatchObject([
        { data: '2["one"]', queued: 0 },
        { data: '2["all"]', options: { wsPreEncodedFrame: { length: 2 } } },
      ]);
    },
  },
  {
    member: 'Socket.pingTimeoutTimer',
    kind: 'property',
    serves: 'who is not read from for a while cannot show that it is alive, and is not taken for dead',
    instead: 'there is none: `pingTimeout` is the same for all',
    async check(bench) {
      const hasty = bench.another({ pingInterval: 10, pingTimeout: 60_000 });
      const { socket } = await hasty.pair();
      const timer = () => inside(engineOf(socket), 'pingTimeoutTimer') as { _idleTimeout: number } | null;
      await until(() => timer()?._idleTimeout === 60_000); // from a ping to its pong
    },
  },
  {
    member: 'Socket.resetPingTimeout',
    kind: 'method',
    serves:
      'the same: no new time-out begins while a client is not read from, and one begins when it is again',
    instead: 'there is none: `pingTimeout` is the same for all',
    async check(bench) {
      const hasty = bench.another({ pingInterval: 10, pingTimeout: 60_000 });
      const { socket } = await hasty.pair();
      let begun = 0;
      replace(engineOf(socket), 'resetPingTimeout', () => begun++);
      await until(() => begun > 0);
      expect(Reflect.deleteProperty(socket.conn, 'resetPingTimeout')).toBe(true);
      call(engineOf(socket), 'resetPingTimeout');
      expect(inside(engineOf(socket), 'pingTimeoutTimer')).toMatchObject({ _idleTimeout: 60_000 });
    },
  },
  {
    member: 'Socket.pingIntervalTimer',
    kind: 'property',
    serves: 'a test client in the process outlives a fake clock that is moved by minutes',
    instead: '`pingInterval` is the same for all, and the application says what it is',
    async check(bench) {
      const { socket } = await bench.pair();
      expect(inside(engineOf(socket), 'pingIntervalTimer')).toMatchObject({ _idleTimeout: 25_000 });
    },
  },
  {
    member: 'Transport.socket',
    also: ['Transport.socket.pause', 'Transport.socket.resume', 'Transport.socket.terminate'],
    kind: 'property',
    serves:
      'ends a WebSocket at once, and makes a client wait: `terminate()`, `pause()` and `resume()` of ws',
    instead: '`close(true)` waits for an answer of the client; nothing makes one wait',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const webSocket = inside<object>(socket.conn.transport, 'socket');
      const read: unknown[] = [];
      socket.onAny((event) => read.push(event));
      call(webSocket, 'pause');
      client.emit('news');
      await bench.pair(); // by now it would have been read
      expect(read).toEqual([]);
      call(webSocket, 'resume');
      await until(() => read.length > 0);
      call(webSocket, 'terminate');
      await until(() => client.disconnected);
    },
  },
  {
    member: 'Transport.socket.bufferedAmount',
    kind: 'property',
    serves: 'how much of what was sent a client has not read',
    instead: 'ws documents it; engine.io, whose WebSocket it is, counts packets that it has not sent',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const webSocket = inside<object>(socket.conn.transport, 'socket');
      expect(inside(webSocket, 'bufferedAmount')).toBe(0);
      const theirs = inside<TcpSocket>(inside<object>(client.io.engine.transport, 'ws'), '_socket');
      theirs.pause();
      socket.emit('news', 'x'.repeat(40_000_000));
      await until(() => inside<number>(webSocket, 'bufferedAmount') > 0);
      theirs.resume();
      await until(() => inside<number>(webSocket, 'bufferedAmount') === 0);
    },
  },
  {
    member: 'Transport.res',
    kind: 'property',
    serves: 'responses that a client does not read count as what waits for it',
    instead: 'there is none: engine.io forgets a response when it has been written',
    async check(bench) {
      const { url, connection, transport } = await polling(bench);
      const waiting = fetch(url);
      await until(() => inside(transport, 'writable'));
      const response = inside<object>(transport, 'res');
      expect(response).toBeInstanceOf(ServerResponse);
      const ended = once(response as EventEmitter, 'finish');
      const flushed: unknown[] = [];
      Reflect.apply(Reflect.get(connection, 'on') as () => void, connection, [
        'flush',
        () => flushed.push(inside(transport, 'res')),
      ]);
      call(connection, 'send', 'news');
      expect([...flushed, inside(transport, 'res')]).toEqual([response, null]);
      expect(await (await waiting).text()).toBe('4news');
      await ended;
    },
  },
  {
    member: 'Transport.onDataRequest',
    kind: 'method',
    serves:
      'makes a client wait over polling, which sends no more until its request has been answered; and reads its packets in slices',
    instead: 'there is none',
    async check(bench) {
      const { client, socket } = await bench.pair('/', { transport: 'polling' });
      const waiting: (() => unknown)[] = [];
      const read: unknown[] = [];
      socket.onAny((event) => read.push(event));
      replace(socket.conn.transport, 'onDataRequest', (usual, ...values: unknown[]) =>
        waiting.push(() => usual(...values)),
      );
      client.emit('news');
      await until(() => waiting.length > 0);
      expect(read).toEqual([]);
      waiting[0]!();
      await until(() => read.length > 0);
      expect(read).toEqual(['news']);
    },
  },
  {
    member: 'Transport.dataReq',
    also: ['Transport.dataReq.destroy', 'Transport.dataReq.pause', 'Transport.dataReq.resume'],
    kind: 'property',
    serves:
      'a request that is being read is read no further when its client is cut off, and waits while its client has to',
    instead: '`close()` waits for it',
    async check(bench) {
      const { url, transport } = await polling(bench);
      unfinished(url);
      await until(() => Reflect.get(transport, 'dataReq'));
      call(inside<object>(transport, 'dataReq'), 'destroy');
      await until(() => inside(transport, 'dataReq') === null);
    },
  },
  {
    member: 'Transport.parser',
    kind: 'property',
    serves: 'decodes the packets of a body one by one, in the protocol that the client speaks',
    instead: "engine.io-parser's, which is no dependency of ours and speaks protocol 4 only",
    async check(bench) {
      const { transport } = await polling(bench);
      expect(call(inside(transport, 'parser'), 'decodePacket', '42["news"]')).toEqual({
        type: 'message',
        data: '2["news"]',
      });
    },
  },
  {
    member: 'Transport.onPacket',
    kind: 'method',
    serves: 'hands on a packet that was read from a body',
    instead: 'there is none',
    async check(bench) {
      const { connection, transport } = await polling(bench);
      const packets: unknown[] = [];
      call(connection, 'on', 'packet', (packet: unknown) => packets.push(packet));
      call(transport, 'onPacket', { type: 'message', data: '0' });
      expect(packets).toEqual([{ type: 'message', data: '0' }]);
    },
  },
  {
    member: 'Transport.headers',
    kind: 'method',
    serves: 'the response to a POST has the headers that middlewares and listeners of `headers` give it',
    instead: 'the event `headers` alone, which engine.io emits with headers of its own',
    async check(bench) {
      const { transport } = await polling(bench);
      bench.io.engine.on('headers', (headers: Record<string, string>) => void (headers['x-news'] = 'yes'));
      const request = { headers: {}, _query: { sid: 'x' } };
      expect(call(transport, 'headers', request, { mine: '1' })).toMatchObject({
        'x-news': 'yes',
        mine: '1',
      });
    },
  },
  {
    member: 'Transport.shouldClose',
    kind: 'property',
    serves: 'a connection over polling that is gone does not keep the process for half a minute',
    instead: 'there is none: engine.io waits for a request of the client',
    async check(bench) {
      const { connection, transport, ended } = await polling(bench);
      call(connection, 'close');
      expect(inside(transport, 'shouldClose')).toBeTypeOf('function');
      call(transport, 'shouldClose');
      await until(() => ended.length > 0);
      expect(ended[0]![0]).toBe('forced close');
    },
  },
  {
    member: 'Transport.onClose',
    kind: 'method',
    serves: 'ends a connection over polling so that its client comes back: its next request is refused',
    instead: '`close()` says goodbye with a packet that is final for some clients',
    async check(bench) {
      const { url, transport, ended } = await polling(bench);
      const waiting = fetch(url);
      await until(() => inside(transport, 'writable'));
      call(transport, 'onClose');
      expect(await (await waiting).text()).toBe('6'); // nothing to say
      expect(ended[0]![0]).toBe('transport close');
      expect((await fetch(url)).status).toBe(400);
    },
  },
  {
    member: 'Transport.onError',
    kind: 'method',
    serves: 'a client ends at once whose message is too large over polling, with the reason',
    instead: 'engine.io refuses the request and keeps the client, whose message is lost',
    async check(bench) {
      const { transport, ended } = await polling(bench);
      call(transport, 'onError', 'too large', 7);
      expect(ended[0]).toMatchObject(['transport error', { message: 'too large', description: 7 }]);
    },
  },
];
