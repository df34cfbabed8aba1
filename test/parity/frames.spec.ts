import { once } from 'node:events';
import type { Socket as TcpSocket } from 'node:net';
import { OnDisconnect, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { beforeEach, describe, expect, it } from 'vitest';
import { ask, startApp, type RunningApp } from '../support/app.js';
import { Wire } from '../support/wire.js';

const MASK = Buffer.from([1, 2, 3, 4]);

/** A frame as a client sends it. */
function frame(first: number, payload: Buffer | string, { length = payload.length, masked = 0x80 } = {}) {
  const size = Buffer.from([masked | 126, length >> 8, length & 0xff]);
  const body = Buffer.from(payload).map((byte, index) => (masked ? byte ^ MASK[index % 4]! : byte));
  return Buffer.concat([Buffer.from([first]), size, masked ? MASK : Buffer.alloc(0), body]);
}

const text = (payload: string) => frame(0x81, payload);
const tcpOf = (wire: Wire) => (wire.socket as unknown as { _socket: TcpSocket })._socket;

describe('what a WebSocket connection carries', () => {
  const left: string[] = [];
  let app: RunningApp;

  @SocketGateway()
  class EchoGateway {
    @OnEvent('echo')
    echo(data: unknown) {
      return data;
    }

    @OnDisconnect()
    left(reason: string) {
      left.push(reason);
    }
  }

  beforeEach(async () => {
    left.length = 0;
    app = await startApp({ providers: [EchoGateway], options: { maxHttpBufferSize: 10_000 } });
  });

  it.each([
    ['a bit that is reserved', frame(0xc1, '42["echo"]'), 1002],
    ['an unknown kind of frame', frame(0x83, '42["echo"]'), 1002],
    ['a continuation of nothing', frame(0x80, '42["echo"]'), 1002],
    ['no mask', frame(0x81, '42["echo"]', { masked: 0 }), 1002],
    ['text that is no UTF-8', frame(0x81, Buffer.from([0x34, 0x32, 0xff, 0xfe])), 1007],
    ['more than is allowed, announced', frame(0x81, 'a', { length: 60_000 }), 1009],
  ])('ends its connection alone if it is broken: %s', async (_, bytes, code) => {
    const other = await app.connect();
    const wire = await Wire.open(app);
    await wire.join();
    const closed = once(wire.socket, 'close');

    tcpOf(wire).write(Buffer.concat([text('420["echo",1]'), bytes, text('421["echo",2]')]));
    const [reason] = (await closed) as [number];

    expect([reason, wire.packets.filter((packet) => packet.startsWith('43'))]).toEqual([code, ['430[1]']]);
    expect([await ask(other, 'echo', 'still here'), left.length]).toEqual([['still here'], 1]);
  });

  it('arrives whole and in its order, however the network cuts it', async () => {
    const wire = await Wire.open(app);
    await wire.join();
    const large = 'x'.repeat(300);
    const stream = Buffer.concat([
      text('420["echo",0]'),
      text(`421["echo","${large}"]`),
      frame(0x01, '422["ec'), // in two fragments
      frame(0x80, 'ho",2]'),
      text('423["echo",3]'),
    ]);

    const tcp = tcpOf(wire).setNoDelay(true);
    for (const byte of stream) await new Promise((written) => tcp.write(Buffer.from([byte]), written));
    await wire.find((packet) => packet.startsWith('433'));

    expect(wire.packets.slice(1)).toEqual(['430[0]', `431["${large}"]`, '432[2]', '433[3]']);
  });
});
