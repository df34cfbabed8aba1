import { once } from 'node:events';
import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import { SocketIO } from 'nestjs-flask-socket';
import { expect, it } from 'vitest';
import { startApp } from '../support/app.js';
import { Gate, Journal } from '../support/journal.js';
import { note } from './arena/arena.js';

const RESETS = 200;

const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

it.each([
  ['websocket', UPGRADE],
  ['polling', ''],
])(
  'L4 N8 resets over %s while it is decided about the client leave no place taken',
  async (transport, headers) => {
    const asked = new Journal();
    const closed = new Journal();
    const gate = new Gate();
    const app = await startApp({
      options: {
        limits: { handshakesPerAddress: RESETS },
        server: {
          allowRequest: (_request, decide) => {
            asked.add('asked');
            void gate.opened.then(() => decide('too late', false));
          },
        },
      },
    });
    app.app
      .getHttpServer()
      .on('connection', (socket: TcpSocket) => socket.on('close', () => closed.add('closed')));
    const address = `/socket.io/?EIO=4&transport=${transport}`;
    const flood = async () => {
      const socket = connectTcp(app.port, '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      socket.write(`GET ${address} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
      return socket;
    };
    const sockets = await Promise.all(Array.from({ length: RESETS }, flood));
    await asked.reached(RESETS);
    const handshake = async () => (await fetch(`${app.url}/socket.io/?EIO=4&transport=polling`)).status;
    expect(await handshake()).toBe(429); // all places are taken

    for (const socket of sockets) socket.resetAndDestroy();
    await closed.reached(RESETS);
    const answer = handshake();
    await asked.reached(RESETS + 1);
    gate.open();

    expect(await answer).toBe(403); // asked about, and refused by the application
    const { clientsCount } = app.get(SocketIO).server.engine;
    note(9, `${RESETS} resets over ${transport} while admission is pending`, {
      crashes: 0,
      connections: clientsCount,
    });
    expect(clientsCount).toBe(0);
  },
);
