import type { Socket as TcpSocket } from 'node:net';
import { OnEvent, SocketGateway, emit } from 'nestjs-flask-socket';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { inbox, next, startApp } from '../support/app.js';
import { raw, type World } from './world.js';

/** A client whose TCP socket can be stopped; what it has received counts. */
async function rawClient({ url }: World) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const received: string[] = [];
  let wanted = '';
  let found = () => {};
  socket.on('message', (data: Buffer) => {
    received.push(String(data));
    if (wanted !== '' && String(data).includes(wanted)) found();
  });
  const receive = (text: string) =>
    new Promise<void>((resolve) => {
      [wanted, found] = [text, resolve];
      if (received.some((each) => each.includes(text))) resolve();
    });
  await receive('"sid"');
  received.length = 0;
  socket.send('40');
  await receive('40{');
  return {
    socket,
    receive,
    count: (event: string) => received.filter((each) => each.includes(event)).length,
  };
}

/** The TCP socket under a WebSocket. */
const tcpOf = (socket: WebSocket) => (socket as unknown as { _socket: TcpSocket })._socket; // private in ws

const turn = () => new Promise(setImmediate);

describe('volatile events', () => {
  const arrive = async ({ io, connect, socketOf, flushed }: World) => {
    const client = await connect();
    const received = inbox(client);
    for (const number of [1, 2, 3]) {
      socketOf(client).volatile.emit('x', number);
      await flushed(client);
    }
    io.volatile.emit('y');
    await flushed(client);
    return received;
  };
  raw('reach a client that reads', arrive, { expected: [['x', 1], ['x', 2], ['x', 3], ['y']] });

  const twice = async ({ connect, socketOf, flushed }: World) => {
    const client = await connect();
    const received = inbox(client);
    const socket = socketOf(client);
    await turn();
    socket.volatile.emit('first');
    socket.volatile.emit('second');
    await flushed(client);
    return received;
  };
  raw('two in one turn', twice, {
    expected: [['first']],
    differs: {
      expected: [['first'], ['second']],
      because: 'what one turn sends leaves with one write, and the client can take both',
    },
  });

  const behind = async (world: World) => {
    const client = await rawClient(world);
    tcpOf(client.socket).pause();
    const events = 4_000;
    for (let index = 0; index < events; index++) {
      world.io.volatile.emit('far', 'x'.repeat(4_000));
      if (index % 20 === 0) await turn();
    }
    world.io.emit('last');
    tcpOf(client.socket).resume();
    await client.receive('"last"');
    client.socket.close();
    return client.count('far') < events / 2;
  };
  raw('are lost to a client that is behind', behind, { expected: true });

  const burst = async (world: World) => {
    const client = await rawClient(world);
    await turn();
    for (let index = 0; index < 4_000; index++) world.io.volatile.emit('near', 'x'.repeat(100));
    await turn();
    await turn();
    world.io.emit('last');
    await client.receive('"last"');
    client.socket.close();
    return client.count('near') < 400;
  };
  raw('4,000 in one turn are more than a client can take', burst, { expected: true });

  const others = async (world: World) => {
    const client = await rawClient(world);
    tcpOf(client.socket).pause();
    for (let index = 0; index < 2_000; index++) world.io.emit('sure', 'x'.repeat(4_000));
    world.io.emit('last');
    tcpOf(client.socket).resume();
    await client.receive('"last"');
    client.socket.close();
    return client.count('sure');
  };
  raw('others are kept for a client that is behind', others, { expected: 2_000 });

  const barely = async (world: World) => {
    const client = await rawClient(world);
    const tcp = tcpOf(client.socket);
    tcp.pause();
    const [socket] = [...world.io.of('/').sockets.values()];
    const far = tcpOf((socket!.conn.transport as unknown as { socket: WebSocket }).socket);
    while (far.writableLength === 0) {
      world.io.emit('sure', 'x'.repeat(16_000));
      await turn();
    }
    for (let index = 0; index < 10; index++) {
      world.io.volatile.emit('small');
      await turn();
    }
    world.io.emit('last');
    tcp.resume();
    await client.receive('"last"');
    client.socket.close();
    return client.count('"small"') <= 1;
  };
  raw('are lost, all but one, as soon as bytes wait for a client', barely, { expected: true });

  const polling = async ({ open, socketOf, flushed }: World) => {
    const client = open('/', { transports: ['polling'] });
    await next(client, 'connect');
    const received = inbox(client);
    const { conn } = socketOf(client);
    await vi.waitUntil(() => conn.transport.writable, { interval: 1 }); // it polls
    socketOf(client).volatile.emit('first');
    socketOf(client).volatile.emit('second');
    await flushed(client);
    return received;
  };
  raw('by polling: one for each request', polling, { expected: [['first']] });

  it('E2 emit() of ours drops them as the raw server does', async () => {
    @SocketGateway()
    class Gateway {
      @OnEvent()
      flood() {
        for (let index = 0; index < 4_000; index++) emit('near', 'x'.repeat(100), { volatile: true });
      }
    }
    const app = await startApp({ providers: [Gateway] });
    const client = await app.connect();
    const received = inbox(client);
    await client.emitWithAck('flood');

    expect(received.length).toBeGreaterThan(1);
    expect(received.length).toBeLessThan(400);
  });
});
