import type { Socket as TcpSocket } from 'node:net';
import { Writable } from 'node:stream';
import type { Socket } from 'socket.io';
import { expect } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { heard, until } from './bench.js';
import { callsOf, inside, replace, type PrivateMember } from './private-member.js';

const webSocketOf = ({ conn }: Socket) => inside<WebSocket>(conn.transport, 'socket');

/** A text that is longer than is taken. */
const LONG = 'x'.repeat(200_000);

/** The parts of ws. */
export const ws: PrivateMember[] = [
  {
    member: 'WebSocket._sender',
    also: ['WebSocket._sender.sendFrame'],
    kind: 'property',
    serves:
      'what is sent in one turn leaves with one write: each frame passes `sendFrame()` on its way to the socket',
    instead:
      'there is none between `send()`, which frames, and the socket; a broadcast does not pass `send()`',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const frames: unknown[] = [];
      const sender = inside<object>(webSocketOf(socket), '_sender');
      replace(sender, 'sendFrame', (usual, frame: (Buffer | string)[], written: () => void) => {
        frames.push([(frame[0] as Buffer)[0], frame.slice(1).map(String).join('')]);
        return usual(frame, written);
      });
      socket.emit('news');
      await heard(client, 'news');
      bench.main.emit('all');
      await heard(client, 'all');
      webSocketOf(socket).close();
      await until(() => client.disconnected);
      expect(frames).toEqual([
        [0x81, '42["news"]'],
        [0x81, '42["all"]'],
        [0x88, ''],
      ]);
    },
  },
  {
    member: 'WebSocket.send',
    kind: 'behaviour',
    serves: "engine.io's text is framed without buffers",
    usedBy: ['lib/socketio/coalescing-server.ts'],
    instead: 'it is public; with which values engine.io calls what is put in its place is not',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const sent = callsOf(webSocketOf(socket), 'send');
      socket.emit('news');
      await heard(client, 'news');
      expect(sent.map((values) => values.slice(0, 2))).toEqual([['42["news"]', expect.any(Function)]]);
    },
  },
  {
    member: 'WebSocket._receiver',
    kind: 'property',
    serves: 'it is ended once: ws ends it more than once, and Node makes an error each time',
    instead: 'there is none: the stream is made by ws',
    async check(bench) {
      const { client, socket } = await bench.pair();
      const receiver = inside<Writable>(webSocketOf(socket), '_receiver');
      expect(receiver).toBeInstanceOf(Writable);
      const ends = callsOf(receiver, 'end');
      client.disconnect();
      await until(() => ends.length > 0);
    },
  },
  {
    member: 'Transport.socket._receiver',
    also: ['Transport.socket._receiver._totalPayloadLength'],
    kind: 'property',
    serves: 'the log says how large a message was that is not taken',
    instead: 'the error of ws does not say it',
    async check(bench) {
      const small = bench.another({ maxHttpBufferSize: 100_000 });
      const { client, socket } = await small.pair();
      const receiver = inside<object>(webSocketOf(socket), '_receiver');
      client.emit('news', LONG);
      await until(() => socket.disconnected);
      expect(inside(receiver, '_totalPayloadLength')).toBeGreaterThan(LONG.length);
    },
  },
  {
    member: 'ServerOptions.closeTimeout',
    kind: 'behaviour',
    serves: 'a client that does not answer a goodbye is waited for for 5 s, and not for 30',
    instead: 'it is an option, of which its documentation and types say nothing',
    usedBy: ['lib/socketio/coalescing-server.ts'],
    async check(bench) {
      class Hasty extends WebSocketServer {
        constructor(options: object) {
          super({ ...options, closeTimeout: 20 } as never);
        }
      }
      const { client, socket } = await bench.another({ wsEngine: Hasty as never }).pair();
      const theirs = inside<TcpSocket>(inside<object>(client.io.engine.transport, 'ws'), '_socket');
      theirs.pause(); // no goodbye is answered
      webSocketOf(socket).close();
      await until(() => theirs.destroyed || socket.disconnected);
    },
  },
];
