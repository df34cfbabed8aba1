import { emit, OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { describe, expect, it } from 'vitest';
import { startApp, type ClientOptions } from '../support/app.js';

// What leaves in one turn is put together by the library itself: not a byte may change on the way.

/** Around the lengths at which a frame's header or the way it is written changes. */
const TEXTS = [0, 1, 117, 118, 119, 1_020, 65_520, 65_535, 200_000].map((length) => 'a'.repeat(length));
const OTHERS = [
  'ü€😀\u0000\u007f\u0080ÿ',
  'é'.repeat(100),
  'é'.repeat(40_000),
  Buffer.from([0, 1, 127, 128, 255]),
  Buffer.alloc(100_000, 200),
  { list: [null, 'ÿ', Buffer.from([254])] },
];
const VALUES: unknown[] = [...TEXTS, ...OTHERS];

@SocketGateway()
class EchoGateway {
  @OnEvent()
  echo(data: unknown) {
    return data;
  }

  @OnEvent()
  reply(data: unknown) {
    emit('reply', data);
  }

  @OnEvent()
  broadcast(data: unknown) {
    emit('reply', data, { broadcast: true });
  }
}

describe.each([
  { way: 'plainly', server: {}, client: {} },
  { way: 'compressed', server: { perMessageDeflate: { threshold: 0 } }, client: {} },
  { way: 'by long-polling', server: {}, client: { transports: ['polling'] } },
])('what is sent $way', ({ server, client: options }) => {
  it('arrives as it was, one by one', async () => {
    const client = await connect(server, options);
    for (const value of VALUES) expect(await client.emitWithAck('echo', value)).toEqual(value);
  });

  it('arrives as it was, all at once', async () => {
    const client = await connect(server, options);
    expect(await Promise.all(VALUES.map((value) => client.emitWithAck('echo', value)))).toEqual(VALUES);
  });

  it.each(['reply', 'broadcast'])('arrives in its order (%s)', async (event) => {
    const client = await connect(server, options);
    const received: unknown[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('reply', (value) => {
        if (received.push(value) === VALUES.length) resolve();
      });
    });
    for (const value of VALUES) client.emit(event, value);
    await all;
    expect(received).toEqual(VALUES);
  });
});

async function connect(server: object, options: ClientOptions) {
  const app = await startApp({ providers: [EchoGateway], options: { server } });
  return await app.connect('/', options);
}
